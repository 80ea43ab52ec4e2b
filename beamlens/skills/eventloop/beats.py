"""The heartbeat of one event loop: a timer in the loop that says when it came; so a block's true length is known."""

from __future__ import annotations

import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, Final

__all__ = ["INTERVAL", "Beat"]

INTERVAL: Final = 0.05
"""Seconds between two beats."""

_LONG: Final = 0.1
_LAGS: Final = 1200
_GAPS: Final = 50


class Beat:
    """Beat in one loop 20 times a second (3 us each); read from any thread.

    A block lies between two beats, so its length is the time between them less half of what there should have been:
    exact to 25 ms.

    Args:
        loop: of asyncio, or one that behaves like it; kept weakly.
        stamp: given the nanoseconds of the monotonic clock at each beat; for other processes.
    """

    def __init__(self, loop: Any, stamp: Callable[[int], None] | None = None) -> None:
        self._loop = weakref.ref(loop)
        self._stamp = stamp
        self._handle: Any = None
        self._ended = False
        self.last: float | None = None
        self.paused = False
        self.lags: deque[tuple[float, float]] = deque(maxlen=_LAGS)
        self.gaps: deque[tuple[float, float]] = deque(maxlen=_GAPS)

    @property
    def loop(self) -> Any:
        """The loop; None once it is gone."""
        return self._loop()

    def begin(self) -> None:
        """Let it beat. Any thread; nothing happens where the loop was closed meanwhile."""
        self._from_outside(self._beat)

    def end(self) -> None:
        """Let it beat no more, and take its timer out of the loop. Any thread."""
        self._ended = True
        self._from_outside(self._cancel)

    def _from_outside(self, call: Callable[[], None]) -> None:
        loop = self._loop()
        if loop is None or loop.is_closed():
            return
        try:
            loop.call_soon_threadsafe(call)
        except RuntimeError:  # it was closed just now
            self._ended = True

    def _cancel(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _beat(self) -> None:
        loop = self._loop()
        if self._ended or loop is None:
            return
        now = time.monotonic()
        if self.last is not None and not self.paused:
            gap = now - self.last
            self.lags.append((now, max(0.0, gap - INTERVAL)))
            if gap >= _LONG:
                self.gaps.append((self.last, now))
        self.last, self.paused = now, False
        if self._stamp is not None:
            self._stamp(int(now * 1e9))
        self._handle = loop.call_later(INTERVAL, self._beat)
