"""Restarts within a period: the counter that tells a supervisor when to give up.

Pure: `Restarts.add` returns a new value and never looks at a clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Restarts"]

_COMPACT_ABOVE = 64


@dataclass(frozen=True, slots=True, eq=False)
class Restarts:
    """Hold the times of recent restarts, oldest first.

    Successive versions share one list to which only the newest version appends, so that counting stays
    O(1) however many restarts the window holds; a version sees its own part of the list only, and adding
    to an older version copies. Safe to share between threads as long as one thread adds.

    Args:
        intensity: how many restarts within `period` are fine; the next one is too many.
        period: seconds; two restarts exactly this far apart still count together.
    """

    intensity: int
    period: float
    _log: list[float] = field(default_factory=list, repr=False)
    _start: int = 0
    _end: int = 0

    def add(self, now: float) -> Restarts:
        """Return the window with a restart at `now` added and the ones older than the period dropped.

        Args:
            now: monotonic seconds; never before an earlier call's.
        """
        log, start, end = self._log, self._start, self._end
        oldest = now - self.period
        while start < end and log[start] < oldest:
            start += 1
        if end != len(log) or (start > _COMPACT_ABOVE and start * 2 > end):
            log, start, end = log[start:end], 0, end - start
        log.append(now)
        return Restarts(self.intensity, self.period, log, start, end + 1)

    @property
    def exceeded(self) -> bool:
        """Tell whether the window holds more restarts than the intensity allows."""
        return self._end - self._start > self.intensity

    @property
    def times(self) -> tuple[float, ...]:
        """Return the times that are kept, oldest first, in monotonic seconds."""
        return tuple(self._log[self._start : self._end])

    def __len__(self) -> int:
        return self._end - self._start

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Restarts):
            return NotImplemented
        return (self.intensity, self.period, self.times) == (other.intensity, other.period, other.times)

    def __hash__(self) -> int:
        return hash((self.intensity, self.period, self.times))
