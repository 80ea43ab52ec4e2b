"""How long something takes of late, and what it took before. Not thread-safe by itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any, Final

__all__ = ["RECENT_SECONDS", "Timings", "compared", "spread"]

RECENT_SECONDS: Final = 30.0
"""What counts as of late."""

_BUCKET_SECONDS: Final = 10.0
_BUCKET: Final = 200
_LEAST: Final = 4
_LAST_BUCKETS: Final = 3


@dataclass(slots=True)
class Timings:
    """Hold the times of one kind of work; `add` costs a microsecond.

    Args:
        count: how often it was done.
        seconds, longest: in all, and the longest.
        recent: (when it ended, seconds), the last 200.
        medians: of each ten seconds, of the last ten minutes.
    """

    count: int = 0
    seconds: float = 0.0
    longest: float = 0.0
    recent: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=_BUCKET))
    bucket_began: float = 0.0
    bucket: list[float] = field(default_factory=list)
    medians: deque[float] = field(default_factory=lambda: deque(maxlen=60))

    def add(self, now: float, seconds: float) -> None:
        """Note one piece of work.

        Args:
            now: when it ended.
            seconds: what it took.
        """
        self.count += 1
        self.seconds += seconds
        self.longest = max(self.longest, seconds)
        self.recent.append((now, seconds))
        if now - self.bucket_began >= _BUCKET_SECONDS:
            if len(self.bucket) >= _LEAST:
                self.medians.append(median(self.bucket))
            self.bucket_began, self.bucket = now, []
        if len(self.bucket) < _BUCKET:
            self.bucket.append(seconds)


def compared(recent: Sequence[float], medians: Sequence[float]) -> dict[str, Any]:
    """Return the spread of recent times, and how they compare with earlier ones; None where too little is known.

    What something has always taken is what it takes; the last half minute is what is being judged.

    Args:
        recent: times of late.
        medians: `Timings.medians`.
    """
    found = spread(recent)
    baseline = median(list(medians)[:-_LAST_BUCKETS]) if len(medians) >= _LAST_BUCKETS + 2 else None
    p50 = found["p50_ms"]
    return {
        **found,
        "baseline_ms": round(baseline * 1e3, 1) if baseline is not None else None,
        "slower_ratio": round(p50 / 1e3 / baseline, 2) if baseline and p50 is not None else None,
    }


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Return `samples`, `p50_ms`, `p95_ms` and `p99_ms` of times in seconds; None where there are below four.

    Args:
        values: seconds.
    """
    enough = len(values) >= _LEAST
    parts = quantiles(values, n=100) if enough else []
    return {
        "samples": len(values),
        "p50_ms": round(parts[49] * 1e3, 1) if enough else None,
        "p95_ms": round(min(parts[94], max(values)) * 1e3, 1) if enough else None,
        "p99_ms": round(min(parts[98], max(values)) * 1e3, 1) if enough else None,
    }
