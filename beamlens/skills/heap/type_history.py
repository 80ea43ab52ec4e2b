"""Which types' objects keep becoming more: judged over time, and over the work done meanwhile where that is known."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

from beamlens.skills.heap.kinds import Counted, count_types
from beamlens.skills.interpreter.trend import Growth, growth

__all__ = ["TypeHistory"]

_POINTS: Final = 40
_LEAST_POINTS: Final = 4
_STEPS: Final = 15
_LEAST_WORK: Final = 20.0
_SECOND_WINDOW: Final = 0.6
_LEAST_SECONDS: Final = 20.0
_WINDOW: Final = 600.0
_LEAST_CHANGE: Final = 200
_LEAST_RATIO: Final = 1.1
_UNCHANGED_PART: Final = 0.01
_UNCHANGED_BLOCKS: Final = 2000
_LEAST_PAUSE: Final = 5.0
_EARNED: Final = 0.002  # of a core, on average
_SAVED: Final = 1.0  # seconds of processor time that may be spent at once, where something grows
_COST_TIMES: Final = 10.0
_RETRY: Final = 60.0
_CONTAINERS: Final = frozenset({"dict", "list", "tuple", "set", "cell", "function", "frozenset", "method"})


class TypeHistory:
    """Keep counts of types over time. `look` from one thread at a time; reading from any.

    Args:
        work: returns how much work was done so far (requests served), None where nobody counts it.
        count: counts the types; for tests.
    """

    def __init__(
        self,
        work: Callable[[], int | None] = lambda: None,
        count: Callable[[], Counted | str] = count_types,
    ) -> None:
        self._work = work
        self._count = count
        self._points: deque[tuple[float, float | None, dict[str, int]]] = deque(maxlen=_POINTS)
        self._blocks = 0  # at the last count
        self.next_look = 0.0
        self.last: Counted | None = None
        self.refusal: str | None = None
        self.cost_ms = 0.0
        self.longest_stop_ms = 0.0
        self.looks = 0
        self._credit, self._credited = _SAVED, 0.0

    def look(self, now: float) -> None:
        """Count, if it is time to and something changed.

        Args:
            now: `time.monotonic()`.
        """
        if now < self.next_look:
            return
        blocks = sys.getallocatedblocks()
        if self.last is not None and abs(blocks - self._blocks) <= max(_UNCHANGED_BLOCKS, _UNCHANGED_PART * blocks):
            self._note(now, self.last)
            self.next_look = now + _LEAST_PAUSE
            return
        counted = self._count()
        if isinstance(counted, str):
            self.refusal, self.next_look = counted, now + _RETRY
            return
        self._blocks, self.last, self.refusal = blocks, counted, None
        self._note(now, counted)
        self.looks += 1
        self.cost_ms += counted.cost_ms
        self.longest_stop_ms = max(self.longest_stop_ms, counted.stop_ms)
        self.next_look = now + self._pause(now, counted.cost_ms / 1e3)

    def _pause(self, now: float, cost: float) -> float:
        """Return how long to wait after a count: what it cost must be earned first, or have been saved.

        So growth in a large heap is judged within a minute when it begins, and the average stays small.
        """
        earned = (now - self._credited) * _EARNED if self._credited else 0.0
        self._credit = min(_SAVED, self._credit + earned) - cost
        self._credited = now
        return max(_LEAST_PAUSE, cost * _COST_TIMES, (cost - self._credit) / _EARNED)

    def _note(self, now: float, counted: Counted) -> None:
        work = self._work()
        self._points.append((now, None if work is None else float(work), counted.types))

    @property
    def seconds(self) -> float:
        """Return how long the past is that is known."""
        points = list(self._points)
        return points[-1][0] - points[0][0] if points else 0.0

    def growing(self, limit: int) -> list[dict[str, Any]]:
        """Return the types that grow steadily, over time and over work, the fastest first.

        Built-in containers are named only where no class grows: each object has some of its own.

        Args:
            limit: how many at most.
        """
        grown = self._grown()
        # Each object has some containers of its own: where there are more of a class, these are no news.
        names = [name for name in grown if name not in _CONTAINERS] or grown
        rows = [row for name in names if (row := self._row(name)) and row["steady"]]
        rows = [row for row in rows if row["change"] >= _LEAST_CHANGE and _ratio(row) >= _LEAST_RATIO]
        return sorted(rows, key=lambda row: -row["per_minute"])[:limit]

    def _grown(self) -> list[str]:
        """Return the types that there are more of than at first: only these are worth a closer look."""
        points = list(self._points)
        if self.last is None or not points:
            return []
        least = {name: min(types[name] for _, _, types in points if name in types) for name in points[-1][2]}
        return [name for name, count in self.last.types.items() if count - least.get(name, count) >= _LEAST_CHANGE]

    def largest(self, limit: int) -> list[dict[str, Any]]:
        """Return the most frequent types, growing or not.

        Args:
            limit: how many at most.
        """
        types = self.last.types if self.last is not None else {}
        names = sorted(types, key=lambda name: -types[name])[:limit]
        return [row for name in names if (row := self._row(name)) is not None]

    def _row(self, name: str) -> dict[str, Any] | None:
        if self.last is None:
            return None
        now = time.monotonic()
        points = [point for point in list(self._points) if point[0] >= now - _WINDOW]
        # Where a type is not among the most frequent its number is not known, which is not 0.
        over_time = _growth([(when, float(types[name])) for when, _, types in points if name in types], _LEAST_SECONDS)
        per_work = _per_work([(work, types[name]) for _, work, types in points if name in types])
        moved = over_time or Growth(0.0, 0.0, 0.0, False)
        return {
            "key": name,
            "type": name,
            "count": self.last.types[name],
            "change": int(moved.change),
            "per_minute": round(moved.per_minute, 1),
            "seconds": round(moved.seconds, 1),
            "steady": moved.steady and (per_work is None or per_work[1] >= _SECOND_WINDOW * per_work[0] > 0),
            "per_request": None if per_work is None else round(sum(per_work) / 2, 4),
        }


def _growth(points: list[tuple[float, float]], least_seconds: float) -> Growth | None:
    """Return how a count moved; counts come at uneven times, so the line through them is looked at evenly."""
    if len(points) < _LEAST_POINTS or points[-1][0] <= points[0][0]:
        return None
    first, span = points[0][0], points[-1][0] - points[0][0]
    moments = [first + span * step / _STEPS for step in range(_STEPS)]
    return growth([*((moment, _between(points, moment)) for moment in moments), points[-1]], least_seconds)


def _per_work(points: list[tuple[float | None, int]]) -> tuple[float, float] | None:
    """Return how much a count grew for each unit of work, in the first and in the second half of the work done.

    Where each unit adds less and less, what grows is load (or a cache that fills up), no leak.
    """
    line = sorted({work: float(count) for work, count in points if work is not None}.items())
    if len(line) < _LEAST_POINTS or line[-1][0] - line[0][0] < _LEAST_WORK:
        return None
    half = (line[-1][0] - line[0][0]) / 2
    middle = _between(line, line[0][0] + half)
    return (middle - line[0][1]) / half, (line[-1][1] - middle) / half


def _between(points: list[tuple[float, float]], moment: float) -> float:
    before, after = next(pair for pair in pairwise(points) if pair[0][0] <= moment <= pair[1][0])
    part = (moment - before[0]) / (after[0] - before[0]) if after[0] > before[0] else 1.0
    return before[1] + part * (after[1] - before[1])


def _ratio(row: dict[str, Any]) -> float:
    before = row["count"] - row["change"]
    return float(row["count"]) / before if before > 0 else float("inf")
