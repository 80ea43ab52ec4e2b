"""Medians, percentiles and ratios of samples that were taken side by side."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Summary", "paired_ratio", "percentile", "ratio", "summarize"]


@dataclass(frozen=True, slots=True)
class Summary:
    """Sum up samples; all in the unit of the samples, but for `spread`.

    Args:
        p50, p90, p99: percentiles; with fewer than 100 samples p99 is nearly the maximum.
        low, high: the extremes.
        spread: the distance between the quartiles as a part of the median.
        count: how many samples.
    """

    p50: float
    p90: float
    p99: float
    low: float
    high: float
    spread: float
    count: int


def percentile(samples: Sequence[float], percent: float) -> float:
    """Return the smallest sample that at least `percent` of 100 of them do not exceed (nearest rank)."""
    if not samples:
        raise ValueError("there are no samples")
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100.0) - 1)]


def summarize(samples: Sequence[float], scale: float = 1.0) -> Summary:
    """Sum up samples, each multiplied by `scale`."""
    scaled = [sample * scale for sample in samples]
    middle = statistics.median(scaled)
    quartiles = percentile(scaled, 75) - percentile(scaled, 25)
    return Summary(
        p50=middle,
        p90=percentile(scaled, 90),
        p99=percentile(scaled, 99),
        low=min(scaled),
        high=max(scaled),
        spread=quartiles / middle if middle else 0.0,
        count=len(scaled),
    )


def ratio(samples: Sequence[float], floors: Sequence[float]) -> float:
    """Return the median of the samples over the median of the floors."""
    return statistics.median(samples) / statistics.median(floors)


def paired_ratio(samples: Sequence[float], floors: Sequence[float]) -> float:
    """Return the median of the ratios of each sample to the floor taken next to it: drift cancels out."""
    return statistics.median(sample / floor for sample, floor in zip(samples, floors, strict=True))
