"""Caches that the application named itself: anything with a length, asked for it and nothing else."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sized
from typing import Any, Final

from beamlens.errors import ConfigurationError
from beamlens.skills.interpreter.trend import growth

__all__ = ["RegisteredCaches"]

_POINTS: Final = 60
_WINDOW: Final = 120.0
_LEAST_SECONDS: Final = 8.0
_LEAST_CHANGE: Final = 200
_LEAST_RATIO: Final = 1.1
_BOUNDS: Final = ("maxsize", "max_size", "maxlen", "capacity", "max_entries")


class RegisteredCaches:
    """Keep the sizes of caches over time. `look` from one thread at a time; reading from any.

    Args:
        caches: what `len()` can be asked of, by name.

    Raises:
        ConfigurationError: one has no length.
    """

    def __init__(self, caches: Mapping[str, Sized]) -> None:
        for name, cache in caches.items():
            if not isinstance(name, str) or not isinstance(cache, Sized):
                raise ConfigurationError(
                    f"the cache {name!r} is {type(cache).__qualname__}; something with a len() is expected"
                )
        self._caches = dict(caches)
        self._points: dict[str, deque[tuple[float, float]]] = {name: deque(maxlen=_POINTS) for name in caches}

    def look(self, now: float) -> None:
        """Ask all for their size.

        Args:
            now: `time.monotonic()`.
        """
        for name, cache in self._caches.items():
            self._points[name].append((now, float(len(cache))))

    def rows(self) -> list[dict[str, Any]]:
        """Return the caches with how they moved."""
        return [self._row(name, cache) for name, cache in self._caches.items()]

    def growing(self) -> list[dict[str, Any]]:
        """Return those that keep growing and have no bound."""
        return [
            row
            for row in self.rows()
            if row["steady"]
            and row["bound"] is None
            and row["change"] >= _LEAST_CHANGE
            and row["items"] >= _LEAST_RATIO * (row["items"] - row["change"])
        ]

    def _row(self, name: str, cache: Sized) -> dict[str, Any]:
        points = list(self._points[name])
        moved = growth([point for point in points if point[0] >= points[-1][0] - _WINDOW], _LEAST_SECONDS)
        bounds = [value for each in _BOUNDS if type(value := getattr(cache, each, None)) is int and value > 0]
        return {
            "key": name,
            "path": name,
            "kind": type(cache).__qualname__[:80],
            "items": int(points[-1][1]) if points else None,
            "bound": bounds[0] if bounds else None,
            "file": None,
            "change": None if moved is None else int(moved.change),
            "per_minute": None if moved is None else round(moved.per_minute, 1),
            "seconds": None if moved is None else round(moved.seconds, 1),
            "steady": None if moved is None else moved.steady,
        }
