"""Page faults and involuntary switches of this process, as the kernel counts them, with their rates."""

from __future__ import annotations

import resource
import time
from collections import deque
from pathlib import Path
from typing import Any, Final

__all__ = ["Faults", "killed_for_memory"]

_POINTS: Final = 30
_RECENT: Final = 10.0
_CGROUP: Final = Path("/sys/fs/cgroup")


class Faults:
    """Keep half a minute of counts. Written by one thread; read from any."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, int, int, int]] = deque(maxlen=_POINTS)

    def look(self, now: float) -> int | None:
        """Note the counts; return how many major faults came since the last time. Call it about once a second.

        Args:
            now: `time.monotonic()`.
        """
        used = resource.getrusage(resource.RUSAGE_SELF)
        before = self._points[-1][1] if self._points else None
        self._points.append((now, used.ru_majflt, used.ru_minflt, used.ru_nivcsw))
        return None if before is None else used.ru_majflt - before

    def snapshot(self) -> dict[str, Any]:
        """Return the counters since the start of the process and their rates over about ten seconds."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        now, points = time.monotonic(), list(self._points)
        first = next((point for point in points if point[0] >= now - _RECENT - 1.0), None)
        seconds = now - first[0] if first is not None else 0.0
        known = first is not None and seconds >= 1.0
        return {
            "major": used.ru_majflt,
            "minor": used.ru_minflt,
            "involuntary_switches": used.ru_nivcsw,
            "voluntary_switches": used.ru_nvcsw,
            "major_per_second": round((used.ru_majflt - first[1]) / seconds, 1) if known and first else None,
            "minor_per_second": round((used.ru_minflt - first[2]) / seconds, 1) if known and first else None,
            "involuntary_per_second": round((used.ru_nivcsw - first[3]) / seconds, 1) if known and first else None,
        }


def killed_for_memory() -> int | None:
    """Return how many processes of this container the kernel has killed for memory (cgroup v2); None if not known."""
    try:
        lines = (_CGROUP / "memory.events").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
    except (OSError, ValueError, IndexError, StopIteration):
        return None
