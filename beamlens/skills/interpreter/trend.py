"""Whether a level really grows, told from a warm-up, a plateau or a sawtooth. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from statistics import median
from typing import Final

__all__ = ["Growth", "growth"]

_PARTS: Final = 4
_POINTS: Final = 24
_STEADY_PART: Final = 0.35


@dataclass(frozen=True, slots=True)
class Growth:
    """Say how a level moved within a window.

    Args:
        change: last minus first, in the level's own unit.
        per_minute: the median slope.
        seconds: the window.
        steady: it grew in each quarter of the window and the last one still grows at a fair part of the whole's pace.
    """

    change: float
    per_minute: float
    seconds: float
    steady: bool


def growth(points: Sequence[tuple[float, float]], least_seconds: float = 0.0) -> Growth | None:
    """Return how a level moved, or None where there are too few points or too little time to say.

    The slope is the median of all slopes between two points (Theil 1950, Sen 1968), which a single spike does not
    move. `steady` compares medians of quarters: a plateau stops in the last, a sawtooth falls in one of them.

    Args:
        points: (seconds on any clock, level), oldest first.
        least_seconds: the shortest window that is judged.
    """
    if len(points) < _PARTS or points[-1][0] - points[0][0] < max(least_seconds, 1e-6):
        return None
    chosen = _thinned(points)
    slopes = [(after[1] - before[1]) / (after[0] - before[0]) for before, after in combinations(chosen, 2)]
    return Growth(
        change=points[-1][1] - points[0][1],
        per_minute=median(slopes) * 60.0,
        seconds=points[-1][0] - points[0][0],
        steady=_steady(points),
    )


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    step = max(1, -(-len(points) // _POINTS))
    kept = list(points[::step])
    if kept[-1][0] < points[-1][0]:
        kept.append(points[-1])
    return [kept[0]] + [after for before, after in pairwise(kept) if after[0] > before[0]]


def _steady(points: Sequence[tuple[float, float]]) -> bool:
    start, span = points[0][0], points[-1][0] - points[0][0]
    parts: list[list[float]] = [[] for _ in range(_PARTS)]
    for when, level in points:
        parts[min(_PARTS - 1, int((when - start) / span * _PARTS))].append(level)
    if not all(parts):
        return False
    middles = [median(part) for part in parts]
    steps = [after - before for before, after in pairwise(middles)]
    fair = _STEADY_PART * sum(steps) / len(steps)
    return all(step > 0 for step in steps) and steps[-1] >= fair and points[-1][1] >= middles[-1]
