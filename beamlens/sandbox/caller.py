"""Where callbacks are called: on a thread that can be left behind, or on the caller's own."""

from __future__ import annotations

import contextvars
import threading
import time
from queue import Empty, SimpleQueue
from typing import Any, Final

from beamlens.sandbox.callbacks import Callback, Cancelled, TimedOut

__all__ = ["ThreadCaller"]

_LOOK_SECONDS: Final = 0.05

_Job = tuple[contextvars.Context, Callback, list[Any]]
_Result = tuple[bool, Any]


class ThreadCaller:
    """Call functions on one thread, begun when it is first needed; a hung call costs that thread.

    A thread cannot be ended from outside: one that is left behind ends when its function returns. Its
    result is dropped. The functions see the context variables of the caller. For one thread at a time.

    Args:
        cancel: when it is set, a call that is waited for raises Cancelled.
    """

    def __init__(self, cancel: threading.Event | None = None) -> None:
        self.cancel = cancel
        self._jobs: SimpleQueue[_Job | None] | None = None
        self._results: SimpleQueue[_Result] = SimpleQueue()

    def call(self, function: Callback, arguments: list[Any], seconds: float | None) -> tuple[bool, Any]:
        """Return True and what the function returns, or False and what it raises.

        Raises:
            TimedOut: it did not return in so many seconds.
            Cancelled: the event was set meanwhile.
        """
        if seconds is None:
            return _outcome(function, arguments)
        try:
            jobs = self._jobs or self._begin()
        except RuntimeError as error:  # no thread is left
            return False, error
        jobs.put((contextvars.copy_context(), function, arguments))
        return self._wait(seconds)

    def close(self) -> None:
        """Let the thread end."""
        if self._jobs is not None:
            self._jobs.put(None)
            self._jobs = None

    def _begin(self) -> SimpleQueue[_Job | None]:
        jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._results = SimpleQueue()
        thread = threading.Thread(target=_work, args=(jobs, self._results), name="beamlens-callbacks", daemon=True)
        thread.start()
        self._jobs = jobs
        return jobs

    def _wait(self, seconds: float) -> _Result:
        end = time.monotonic() + seconds
        while True:
            left = end - time.monotonic()
            try:
                return self._results.get(timeout=max(0.0, left if self.cancel is None else min(left, _LOOK_SECONDS)))
            except Empty:
                if self.cancel is not None and self.cancel.is_set():
                    self.close()
                    raise Cancelled from None
                if time.monotonic() >= end:
                    self.close()
                    raise TimedOut from None


def _work(jobs: SimpleQueue[_Job | None], results: SimpleQueue[_Result]) -> None:
    while (job := jobs.get()) is not None:
        context, function, arguments = job
        results.put(context.run(_outcome, function, arguments))
        del job, context, function, arguments


def _outcome(function: Callback, arguments: list[Any]) -> _Result:
    try:
        return True, function(*arguments)
    except BaseException as error:  # SystemExit as well: it is the callback's, not ours to end a thread for
        return False, error
