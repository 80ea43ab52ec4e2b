"""The deadlines of one evaluation: Lua's own time, the whole time, and who may end it before."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Iterator

from beamlens.sandbox.callbacks import Cancelled
from beamlens.sandbox.limits import Limits

__all__ = ["Clock", "Expired"]


class Expired(Exception):
    """A limit of the host was reached.

    Args:
        status: `deadline`, `total` or `callback_flood`.
    """

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


class Clock:
    """Tell how much time is left. One thread's.

    Args:
        limits: how much there is.
        cancel: ends the evaluation when it is set.
    """

    def __init__(self, limits: Limits, cancel: threading.Event | None) -> None:
        self.cancel = cancel
        self.calls = 0
        self._limits = limits
        self._total_end = math.inf if limits.total_seconds is None else time.monotonic() + limits.total_seconds
        self._lua_end = math.inf

    def begin(self) -> None:
        """Start the time of Lua itself."""
        self._lua_end = time.monotonic() + self._limits.wall_seconds

    def left(self) -> float:
        """Return the seconds until the next deadline.

        Raises:
            Expired: there are none left.
            Cancelled: it was cancelled.
        """
        if self.cancel is not None and self.cancel.is_set():
            raise Cancelled
        now = time.monotonic()
        if now >= self._lua_end:
            raise Expired("deadline")
        if now >= self._total_end:
            raise Expired("total")
        return min(self._lua_end, self._total_end) - now

    def is_late(self) -> bool:
        """Tell whether the time is as good as over: a child's own clock ended it."""
        return time.monotonic() >= min(self._lua_end, self._total_end) - 0.01 * self._limits.wall_seconds

    def count_call(self) -> None:
        """Hear of a call of a callback.

        Raises:
            Expired: it is one too many.
        """
        if self.calls >= self._limits.callback_calls:
            raise Expired("callback_flood")
        self.calls += 1

    def callback_seconds(self) -> float | None:
        """Return how long the next callback may take."""
        seconds = self._limits.callback_seconds
        if seconds is None:
            return None
        end = self._total_end if self._limits.pause_in_callbacks else min(self._total_end, self._lua_end)
        return max(0.001, min(seconds, end - time.monotonic()))

    @contextlib.contextmanager
    def in_callback(self) -> Iterator[None]:
        """Let Lua's time stand still, if that is wanted, while the host works for it."""
        begun = time.monotonic()
        try:
            yield
        finally:
            if self._limits.pause_in_callbacks:
                self._lua_end += time.monotonic() - begun
