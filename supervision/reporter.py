"""The thread on which telemetry handlers and logging run for what happens on the loop.

A handler may block; the loop may not. What waits is bounded: beyond the bound the oldest is dropped,
counted and told of, so that a stuck handler costs reports and not memory, and never a restart. What
children log and emit has a bound of its own, so that a chatty child does not push out our own reports.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

__all__ = ["Reporter", "reporter", "reset_in_forked_copy"]

logger = logging.getLogger("supervision")

_BOUND = 100_000
_BOUND_FOR_CHILDREN = 20_000


class Reporter:
    """Call what it is given, in order, on a daemon thread that starts with the first call."""

    def __init__(self, bound: int = _BOUND, bound_for_children: int = _BOUND_FOR_CHILDREN) -> None:
        self._bound = bound
        self._bound_for_children = bound_for_children
        self._calls: deque[tuple[Callable[[], None], bool]] = deque()
        self._of_children = 0
        self._untold = 0
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._busy = False
        self.dropped = 0

    def put(self, call: Callable[[], None]) -> None:
        """Have `call()` called soon. Any thread; never blocks."""
        self._put(call, False)

    def put_for_child(self, call: Callable[[], None]) -> None:
        """Have what a child told handled soon, unless too much of that waits. Any thread; never blocks."""
        self._put(call, True)

    def _put(self, call: Callable[[], None], of_child: bool) -> None:
        with self._condition:
            if of_child and self._of_children >= self._bound_for_children:
                self._drop()
                return
            if len(self._calls) >= self._bound:
                self._take()
                self._drop()
            self._calls.append((call, of_child))
            self._of_children += of_child
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="supervision-reports", daemon=True)
                self._thread.start()
            self._condition.notify()

    def _drop(self) -> None:
        self.dropped += 1
        self._untold += 1

    def _take(self) -> Callable[[], None]:
        call, of_child = self._calls.popleft()
        self._of_children -= of_child
        return call

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until everything put before was called; False when the time ran out first."""
        if threading.current_thread() is self._thread:
            return True
        with self._condition:
            return self._condition.wait_for(lambda: not self._calls and not self._busy, timeout)

    def stop(self, timeout: float = 5.0) -> None:
        """Call what waits, then end the thread; a later `put` starts another."""
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return
        self.put(self._end)
        thread.join(timeout)

    def _end(self) -> None:
        raise _End

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._calls:
                    self._condition.wait()
                call = self._take()
                self._busy = True
                lost, self._untold = self._untold, 0
            try:
                if lost:
                    logger.warning("%d reports, events and log records were dropped: handlers do not keep up", lost)
                call()
            except _End:
                break
            except BaseException:
                logger.exception("internal error while reporting")
            finally:
                with self._condition:
                    self._busy = False
                    self._condition.notify_all()
        with self._condition:
            self._thread = None
            self._condition.notify_all()


class _End(Exception):
    """End the thread."""


reporter = Reporter()


def reset_in_forked_copy() -> None:
    """Make the reporter usable in a forked copy, which has no such thread and perhaps a held lock."""
    reporter.__init__(reporter._bound, reporter._bound_for_children)  # type: ignore[misc]
