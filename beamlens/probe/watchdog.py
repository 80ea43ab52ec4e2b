"""One thread that keeps the deadlines of all skills' calls in this process."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable
from typing import Final

__all__ = ["Watchdog", "shared"]

_LONGEST_WAIT: Final = 3600.0  # a longer one may be more than the platform can wait

logger = logging.getLogger("beamlens.probe")


class Watchdog:
    """Call functions when their deadline has passed. Any thread.

    The thread runs only while somebody uses the watchdog: between the first `enter` and the last `leave`. Calls
    are few (one for each skill and a bounded queue), so that a look over all deadlines costs microseconds.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything; for a forked copy of the process, in which the thread does not run."""
        self._changed = threading.Condition()
        self._actions: dict[object, tuple[float, Callable[[], None]]] = {}
        self._users = 0
        self._wakes_at = math.inf
        self._thread: threading.Thread | None = None

    def enter(self) -> None:
        """Begin to use it; `leave` ends that.

        Raises:
            RuntimeError: no thread can be started; nothing was begun.
        """
        with self._changed:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="beamlens-watchdog", daemon=True)
                thread.start()
                self._thread = thread
            self._users += 1

    def leave(self) -> None:
        """End one use; the thread ends with the last."""
        with self._changed:
            self._users -= 1
            self._changed.notify_all()

    def watch(self, key: object, deadline: float, action: Callable[[], None]) -> None:
        """Call `action()` on the watchdog's thread at `deadline` (monotonic seconds), unless forgotten before."""
        with self._changed:
            self._actions[key] = (deadline, action)
            if deadline < self._wakes_at:
                self._changed.notify_all()

    def forget(self, key: object) -> None:
        """Do not call its action, if it was not called yet."""
        with self._changed:
            self._actions.pop(key, None)

    def _run(self) -> None:
        while (due := self._wait()) is not None:
            for action in due:
                _perform(action)

    def _wait(self) -> list[Callable[[], None]] | None:
        """Wait for the next deadline; return what is due, None when nobody uses the watchdog any more."""
        with self._changed:
            while True:
                if not self._users:
                    self._thread = None
                    return None
                now = time.monotonic()
                due = [key for key, (deadline, _) in self._actions.items() if deadline <= now]
                if due:
                    return [self._actions.pop(key)[1] for key in due]
                self._wakes_at = min((deadline for deadline, _ in self._actions.values()), default=math.inf)
                self._changed.wait(min(self._wakes_at - now, _LONGEST_WAIT))


def _perform(action: Callable[[], None]) -> None:
    try:
        action()
    except BaseException:
        # One listener's fault must not leave every other call without a deadline.
        logger.exception("a deadline's action raised")


shared = Watchdog()
"""The one of this process."""

os.register_at_fork(after_in_child=shared.reset)
