"""What is usual for one number: its middle and how far it strays, so that single spikes do not move either. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from statistics import median
from typing import Any, Final

from beamlens.skills.baselines.metrics import is_counter_name, least_difference

__all__ = ["Baseline", "Metric", "learned"]

_WINDOW: Final = 240
_LEAST_SAMPLES: Final = 20
_ANEW: Final = 10
_NORMAL: Final = 1.4826  # of a normal distribution the median absolute deviation times this is its standard deviation
_LEAST_PART: Final = 0.05
_RISING: Final = 0.8


@dataclass(frozen=True, slots=True)
class Baseline:
    """Hold what is usual.

    Args:
        middle: the median.
        scale: how far values stray: a robust standard deviation, never below what is too small to mean anything.
        samples: from how many it was learned.
        counter: it is the growth per second that is meant.
    """

    middle: float
    scale: float
    samples: int
    counter: bool = False

    def distance(self, value: float) -> float:
        """Return by how many scales a value is away from the middle, with its sign."""
        return (value - self.middle) / self.scale

    def kept(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)

    @classmethod
    def of(cls, given: object) -> Baseline | None:
        """Return the baseline of plain data, None if it is none."""
        try:
            found = cls(**given)  # type: ignore[arg-type]
        except TypeError:
            return None
        numbers = (found.middle, found.scale, found.samples)
        good = all(isinstance(each, int | float) and not isinstance(each, bool) for each in numbers)
        return found if good and found.scale > 0 else None


def learned(values: Sequence[float], counter: bool = False) -> Baseline:
    """Return the baseline of values.

    The scale is the largest of: the median absolute deviation and the spread of the middle nine tenths, both as
    standard deviations; a twentieth of the middle; and a floor: 1 for whole numbers, else 0.1 up to values of 1. A
    number that never moved, as a count of errors at 0, can so be far from usual too, by 6 of them and not by 1.

    Args:
        values: at least one.
        counter: they are rates.
    """
    middle = median(values)
    ordered = sorted(values)
    low, high = ordered[int(0.05 * (len(ordered) - 1))], ordered[int(0.95 * (len(ordered) - 1))]
    whole = all(value == int(value) for value in values)
    floor = 1.0 if whole and not counter else 0.1 if max(abs(low), abs(high)) <= 1 else 0.01
    deviation = _NORMAL * median(abs(value - middle) for value in values)
    scale = max(deviation, (high - low) / 3.29, _LEAST_PART * abs(middle), floor)
    return Baseline(middle, scale, len(values), counter)


class Metric:
    """Follow one number. One thread.

    A counter is judged by its growth per second, never as a level: one whose name says so, and one that rose in nearly
    every step and never sank while it was learned. A level must also differ by what matters in its unit.

    Args:
        name: `vm.memory.rss_mb`.
        baseline: from an earlier life; None: it has to be learned.
    """

    def __init__(self, name: str, baseline: Baseline | None = None) -> None:
        self.name = name
        self._least = least_difference(name)
        self.baseline = baseline
        self.value: float | None = None
        self.distance: float | None = None
        self.times = 0
        self._levels: deque[tuple[float, float]] = deque(maxlen=_WINDOW)
        self._usual: deque[float] = deque(maxlen=_WINDOW)
        self._counter = is_counter_name(name) if baseline is None else baseline.counter
        self._fresh = 0

    def learn(self, at: float, level: float) -> None:
        """Take a sample that belongs to the usual."""
        self._levels.append((at, level))
        self._fresh += 1

    def settle(self) -> None:
        """Compute the baseline of what was learned, if that is enough."""
        if len(self._levels) < _LEAST_SAMPLES:
            return
        self._counter = is_counter_name(self.name) or _only_rises([level for _, level in self._levels])
        values = self._rates() if self._counter else [level for _, level in self._levels]
        self._usual = deque(values, maxlen=_WINDOW)
        if values:
            self.baseline = learned(values, self._counter)

    def judge(self, at: float, level: float, far: float) -> bool:
        """Take a sample and tell whether it is far from usual; what is not becomes part of the usual.

        Args:
            at: seconds on any clock.
            level: as it is in the snapshot.
            far: in scales.
        """
        before = self._levels[-1] if self._levels else None
        self._levels.append((at, level))
        value = self._rate(before, (at, level)) if self._counter else level
        if value is None or self.baseline is None:
            return False
        self.value, self.distance = value, self.baseline.distance(value)
        if abs(self.distance) > far and (self._counter or abs(value - self.baseline.middle) >= self._least):
            self.times += 1
            return True
        self.times = 0
        self.accept(value)
        return False

    def accept(self, value: float | None = None) -> None:
        """Let a value be part of the usual; by default the last one. The baseline moves slowly."""
        value = self.value if value is None else value
        if value is None or self.baseline is None:
            return
        self._usual.append(value)
        self._fresh += 1
        if self._fresh >= _ANEW and len(self._usual) >= _LEAST_SAMPLES:
            self._fresh = 0
            self.baseline = learned(list(self._usual), self._counter)

    def adopt(self, since: float) -> None:
        """Let what was from a time on be the usual, beside what was before where that is little.

        Args:
            since: on the clock of the samples.
        """
        recent = [level for level in self._levels if level[0] >= since]
        values = self._rates(recent) if self._counter else [level for _, level in recent]
        if len(values) >= _LEAST_SAMPLES:
            self._usual.clear()
        self._usual.extend(values)
        if self._usual:
            self.baseline = learned(list(self._usual), self._counter)

    def _rates(self, levels: Iterable[tuple[float, float]] | None = None) -> list[float]:
        found = [self._rate(before, after) for before, after in pairwise(self._levels if levels is None else levels)]
        return [rate for rate in found if rate is not None]

    @staticmethod
    def _rate(before: tuple[float, float] | None, after: tuple[float, float]) -> float | None:
        """Return the growth per second; None where the counter was started anew or no time passed."""
        if before is None or after[0] <= before[0] or after[1] < before[1]:
            return None
        return (after[1] - before[1]) / (after[0] - before[0])


def _only_rises(levels: Sequence[float]) -> bool:
    steps = [after - before for before, after in pairwise(levels)]
    return all(step >= 0 for step in steps) and sum(step > 0 for step in steps) >= _RISING * len(steps)
