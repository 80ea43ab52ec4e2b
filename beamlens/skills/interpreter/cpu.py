"""How much processor time this process uses, of late."""

from __future__ import annotations

import os
import time
from collections import deque
from typing import Any, Final

__all__ = ["CpuHistory"]

_KEPT: Final = 60


class CpuHistory:
    """Keep the processor time by the second. Written by one thread (the sampler's)."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, float]] = deque(maxlen=_KEPT)

    def look(self, now: float) -> None:
        """Take one point.

        Args:
            now: `time.monotonic()`.
        """
        self._points.append((now, time.process_time()))

    def snapshot(self) -> dict[str, Any]:
        """Return the use in per cent of one core, over about 5 and 60 seconds, and the seconds used in all."""
        now = (time.monotonic(), time.process_time())
        points = list(self._points)
        recent = [point for point in points if point[0] >= now[0] - 5.5]
        return {
            "percent_5s": _percent(recent, now),
            "percent_60s": _percent(points, now),
            "seconds": round(now[1], 2),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        }


def _percent(points: list[tuple[float, float]], now: tuple[float, float]) -> float | None:
    if not points or now[0] - points[0][0] < 0.5:
        return None
    return round((now[1] - points[0][1]) / (now[0] - points[0][0]) * 100.0, 1)
