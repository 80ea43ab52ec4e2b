"""How long a thread waits for the interpreter lock, measured by one that wakes up often and notes how late it is."""

from __future__ import annotations

import sys
import time
from collections import deque
from statistics import median, quantiles
from typing import Any, Final

__all__ = ["GilGauge"]

_KEPT: Final = 300
_LONG_MS: Final = 50.0


class GilGauge:
    """Sleep for the sampler, and note how much later than asked it went on. One thread; `snapshot` from any.

    The time that the thread waited for a processor is known from the kernel and taken off; the rest is the
    interpreter lock, for which a thread of Python code is asked to let go after the switch interval (5 ms).
    """

    def __init__(self) -> None:
        self._waits: deque[float] = deque(maxlen=_KEPT)
        self._longest: deque[tuple[float, float]] = deque(maxlen=_KEPT)
        self._known = False

    def measure(self, asked: float, slept: float, delayed_ns: int | None) -> float:
        """Note one sleep and return how long the interpreter lock was waited for, in milliseconds.

        Args:
            asked: seconds that were to be slept.
            slept: seconds that passed.
            delayed_ns: how long the thread waited for a processor meanwhile.
        """
        self._known = delayed_ns is not None
        late = max(0.0, (slept - asked) * 1e3 - (delayed_ns or 0) / 1e6)
        self._waits.append(late)
        if late >= _LONG_MS:
            self._longest.append((time.monotonic(), late))
        return late

    def snapshot(self) -> dict[str, Any]:
        """Return the waits of the last half minute, in milliseconds."""
        waits = list(self._waits)
        if len(waits) < 10:
            return {"wait_ms_p50": None, "wait_ms_p95": None, "longest_wait_ms": None, "samples": len(waits)}
        held = [late for when, late in list(self._longest) if when >= time.monotonic() - 60.0]
        return {
            "wait_ms_p50": round(median(waits), 2),
            "wait_ms_p95": round(quantiles(waits, n=20)[-1], 2),
            "longest_wait_ms": round(max(held), 1) if held else 0.0,
            "samples": len(waits),
            "switch_interval_ms": round(sys.getswitchinterval() * 1e3, 2),
            "processor_wait_known": self._known,
        }
