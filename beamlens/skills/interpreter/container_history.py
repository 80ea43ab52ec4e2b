"""Which named containers grow, and by how much."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from beamlens.skills.interpreter.containers import Found, Walk, Walker
from beamlens.skills.interpreter.trend import Growth, growth

__all__ = ["ContainerHistory"]

_POINTS: Final = 60
_WINDOW: Final = 120.0
_LEAST_SECONDS: Final = 8.0
_LEAST_CHANGE: Final = 200
_LEAST_RATIO: Final = 1.1
_MOST: Final = 2000
_FORGET: Final = 90.0


@dataclass(slots=True)
class _Series:
    last: Found
    points: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=_POINTS))


class ContainerHistory:
    """Keep the sizes of large containers over time. `look` from one thread at a time; reading from any."""

    def __init__(self) -> None:
        self._series: dict[int, _Series] = {}
        self._walker = Walker()
        self.last = Walk()

    def look(self, now: float, wanted: str | None = None, caught: list[object] | None = None) -> Walk:
        """Walk the modules and remember the sizes; call it every few seconds.

        Args:
            now: `time.monotonic()`.
            wanted, caught: as for `Walker.walk`.
        """
        self.last = self._walker.walk(wanted, caught)
        for found in self.last.found:
            series = self._series.get(found.ident)
            if series is None or series.last.path != found.path:
                if len(self._series) >= _MOST:
                    continue
                series = self._series[found.ident] = _Series(found)
            series.last = found
            series.points.append((now, float(found.size)))
        for key in [key for key, series in self._series.items() if series.points[-1][0] < now - _FORGET]:
            del self._series[key]
        return self.last

    def growing(self, limit: int) -> list[dict[str, Any]]:
        """Return the containers that keep growing and are not bounded, the fastest first.

        Args:
            limit: how many at most.
        """
        rows = []
        for series in list(self._series.values()):
            moved = _moved(series)
            if moved is None or not moved.steady or moved.change < _LEAST_CHANGE or _bounded(series.last):
                continue
            if series.last.size < _LEAST_RATIO * (series.last.size - moved.change):
                continue
            rows.append(_row(series.last, moved))
        return sorted(rows, key=lambda row: -row["per_minute"])[:limit]

    def largest(self, limit: int) -> list[dict[str, Any]]:
        """Return the largest containers, growing or not.

        Args:
            limit: how many at most.
        """
        ordered = sorted(self._series.values(), key=lambda series: -series.last.size)
        return [_row(series.last, _moved(series)) for series in ordered[:limit]]


def _bounded(found: Found) -> bool:
    return found.bound is not None and found.size <= found.bound


def _moved(series: _Series) -> Growth | None:
    points = list(series.points)
    return growth([point for point in points if point[0] >= points[-1][0] - _WINDOW], _LEAST_SECONDS)


def _row(found: Found, moved: Growth | None) -> dict[str, Any]:
    return {
        "key": found.path,
        "path": found.path,
        "kind": found.kind,
        "items": found.size,
        "bound": found.bound,
        "file": found.file,
        "change": None if moved is None else int(moved.change),
        "per_minute": None if moved is None else round(moved.per_minute, 1),
        "seconds": None if moved is None else round(moved.seconds, 1),
        "steady": None if moved is None else moved.steady,
    }
