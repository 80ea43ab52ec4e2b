"""Tell a level that keeps growing from one that jumped, jitters, saws or has come to rest.

All bounds here are parts of the growth itself, so that the unit of a value changes nothing. Robust slopes are those of
Theil and Sen: the median of the slopes of all pairs of points. The part of pairs that go the same way is Kendall's.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise
from math import ceil
from statistics import median

__all__ = ["keeps_growing", "slope"]

_FLAT = 0.1  # a step of less than this part of the usual step up is none
_JUMP = 0.75  # a step that is more than this part of all growth is a jump
_FALL = 0.5  # a fall by more than this part of all growth: the level goes up and down
_FIT = 0.5  # the fitted line must explain this part of the growth
_RECENT = 0.5  # growth that became slower than this part of its mean is coming to rest
_TROUGHS = 3  # how many low points a sawtooth needs for a trend of their own
_TEETH = 0.2  # the low points must rise by this part of the deepest fall: less is chance
_PAIRS = 0.85  # the part of all pairs that go up, where noise hides it in the steps

Line = Sequence[tuple[float, float]]


def keeps_growing(line: Line, least_change: float, monotonic: float = 0.8) -> bool:
    """Tell whether the values of `line` keep growing by `least_change` or more.

    Args:
        line: (x, value), x rising strictly: seconds, or units of work.
        least_change: from first to last, in the value's unit.
        monotonic: the part of the steps that must go up; steps that are flat count for neither side.
    """
    if len(line) < 3:
        return False
    values = [value for _, value in line]
    change = values[-1] - values[0]
    deepest = _deepest_fall(values)
    if deepest > _FALL * max(change, 0.0):
        low = _troughs(line, deepest)
        return _lasts(low, line[-1][0]) and _rises(low, max(least_change, _TEETH * deepest), monotonic)
    return _rises(line, least_change, monotonic)


def _rises(line: Line, least_change: float, monotonic: float) -> bool:
    return line[-1][1] - line[0][1] >= least_change and _goes_up(line, monotonic)


def _lasts(low: Line, now: float) -> bool:
    """Tell whether there are enough low points, and the next one is not overdue: else the teeth are over."""
    gaps = [after[0] - before[0] for before, after in pairwise(low)]
    return len(low) >= _TROUGHS and now - low[-1][0] <= 1.5 * max(gaps)


def slope(line: Line) -> float:
    """Return the median slope of all pairs of points; 0 for fewer than two."""
    slopes = [(after[1] - before[1]) / (after[0] - before[0]) for before, after in combinations(line, 2)]
    return median(slopes) if slopes else 0.0


def _goes_up(line: Line, monotonic: float) -> bool:
    values = [value for _, value in line]
    change = values[-1] - values[0]
    steps = [after - before for before, after in pairwise(values)]
    ups = [step for step in steps if step > 0]
    if change <= 0 or not ups:
        return False
    flat = _FLAT * median(ups)
    span = line[-1][0] - line[0][0]
    return (
        _is_one_way(values, steps, flat, monotonic)
        and (len(steps) < 3 or max(ups) <= _JUMP * change)
        and slope(line) * span >= _FIT * change
        and slope(line[-((len(line) + 2) // 2) :]) * span >= _RECENT * change
        and not _came_to_rest(line, flat)
    )


def _is_one_way(values: Sequence[float], steps: Sequence[float], flat: float, monotonic: float) -> bool:
    up = sum(step > flat for step in steps)
    down = sum(step < -flat for step in steps)
    if up < max(2, ceil(0.3 * len(steps))):
        return False
    if up >= monotonic * (up + down):
        return True
    pairs = [after - before for before, after in combinations(values, 2) if after != before]
    return len(values) >= 6 and sum(pair > 0 for pair in pairs) >= max(monotonic, _PAIRS) * len(pairs)


def _came_to_rest(line: Line, flat: float) -> bool:
    """Tell whether the level was flat at the end for longer than it ever paused before, and one step and a half."""
    pauses = [0.0]
    for before, after in pairwise(line):
        if abs(after[1] - before[1]) <= flat:
            pauses[-1] += after[0] - before[0]
        else:
            pauses.append(0.0)
    usual = median(after[0] - before[0] for before, after in pairwise(line))
    return pauses[-1] > 1.5 * usual + max(pauses[:-1], default=0.0)


def _deepest_fall(values: Sequence[float]) -> float:
    highest, deepest = values[0], 0.0
    for value in values:
        highest = max(highest, value)
        deepest = max(deepest, highest - value)
    return deepest


def _troughs(line: Line, deepest: float) -> list[tuple[float, float]]:
    """Return the low points after each fall that matters: those of a garbage collector's teeth."""
    bound = 0.3 * deepest
    low: list[tuple[float, float]] = []
    falling = False
    for before, after in pairwise(line):
        if after[1] < before[1] - bound:
            if falling:
                low.pop()
            low.append(after)
            falling = True
        else:
            falling = False
    return low
