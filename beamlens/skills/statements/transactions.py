"""Transactions that are open: since when, who began them, and how long nothing was done in them."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from beamlens.skills.interpreter.places import Place

__all__ = ["OpenTransactions"]

_MOST: Final = 2000


@dataclass(slots=True)
class _Open:
    place: Place | None
    who: str
    began: float
    last: float
    alive: Callable[[], Any]
    running: bool = False


class OpenTransactions:
    """Keep which transactions are open. Any thread; about a microsecond for each note."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._open: dict[int, _Open] = {}

    def began(self, connection: Any, place: Place | None, who: str) -> None:
        """Note that one began on a connection."""
        now = time.monotonic()
        with self._lock:
            if len(self._open) >= _MOST:
                del self._open[next(iter(self._open))]
            self._open[id(connection)] = _Open(place, who, now, now, weakref.ref(connection))

    def used(self, connection: Any, *, running: bool) -> None:
        """Note that a statement begins or ends in the connection's transaction, if it has one."""
        with self._lock:
            found = self._open.get(id(connection))
            if found is not None:
                found.last, found.running = time.monotonic(), running

    def ended(self, connection: Any) -> None:
        """Note that the connection's transaction was committed or rolled back."""
        with self._lock:
            self._open.pop(id(connection), None)

    def holds(self, connection: Any) -> bool:
        """Tell whether one is open on a connection."""
        return id(connection) in self._open

    def rows(self, limit: int) -> list[dict[str, Any]]:
        """Return the open ones, those in which nothing was done for the longest first."""
        now = time.monotonic()
        with self._lock:
            for gone in [key for key, each in self._open.items() if each.alive() is None]:
                del self._open[gone]
            found = list(self._open.values())
        rows = [
            {
                "key": each.place.at if each.place is not None else "unknown",
                "at": each.place.at if each.place is not None else None,
                "func": each.place.function if each.place is not None else None,
                "by": each.who,
                "open_seconds": round(now - each.began, 1),
                "idle_seconds": 0.0 if each.running else round(now - each.last, 1),
            }
            for each in found
        ]
        return sorted(rows, key=lambda row: -float(str(row["idle_seconds"])))[:limit]

    def count(self) -> int:
        """Return how many are open."""
        return len(self._open)
