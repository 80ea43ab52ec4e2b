"""The numbers in snapshots, by their paths, and which of them moved. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from beamlens.domain import Snapshot

__all__ = ["Series", "moved", "numbers", "series"]

_DEEPEST: Final = 6
_ITEMS: Final = 20
_PATHS: Final = 2000


@dataclass(frozen=True, slots=True)
class Series:
    """Hold how a number developed: (seconds since the epoch, value), oldest first."""

    path: str
    points: tuple[tuple[float, float], ...]

    @property
    def change(self) -> float:
        """Return how much it moved, as a part of its largest size: from 0 to 2."""
        values = [value for _, value in self.points]
        largest = max(abs(value) for value in values)
        return (max(values) - min(values)) / largest if largest else 0.0


def numbers(data: Any, path: str = "", depth: int = _DEEPEST) -> Iterator[tuple[str, float]]:
    """Yield (path, value) of each number in a snapshot's data; lists by position, their beginnings alone."""
    if isinstance(data, bool):
        return
    if isinstance(data, int | float):
        if abs(data) < 1e300 and math.isfinite(data):
            yield path, float(data)
    elif depth and isinstance(data, dict):
        for key, value in data.items():
            yield from numbers(value, f"{path}.{key}" if path else str(key), depth - 1)
    elif depth and isinstance(data, list | tuple):
        for at, value in enumerate(data[:_ITEMS]):
            yield from numbers(value, f"{path}[{at}]", depth - 1)


def series(snapshots: Sequence[Snapshot]) -> list[Series]:
    """Return all numbers of the snapshots of one operator, in the order in which they first appear."""
    found: dict[str, list[tuple[float, float]]] = {}
    for snapshot in snapshots:
        for path, value in numbers(snapshot.data):
            if path in found or len(found) < _PATHS:
                found.setdefault(path, []).append((snapshot.captured_at.timestamp(), value))
    return [Series(path, tuple(points)) for path, points in found.items()]


def moved(snapshots: Sequence[Snapshot], most: int = 12) -> list[Series]:
    """Return the numbers that changed, those that changed most first."""
    changed = [each for each in series(snapshots) if len(each.points) > 1 and each.change > 0]
    return sorted(changed, key=lambda each: -each.change)[:most]
