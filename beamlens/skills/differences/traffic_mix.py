"""What requests are made of: the part of each route now and before, as the skill `http` counts them."""

from __future__ import annotations

import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any, Final

__all__ = ["TrafficMix", "counts_of_http"]

_KEPT_SECONDS: Final = 900.0
_NOW: Final = 60.0
_LEAST_NOW: Final = 50
_LEAST_BEFORE: Final = 200
_EVERY: Final = 5.0
_MOST_ROUTES: Final = 200


def counts_of_http() -> dict[str, int] | None:
    """Return how many requests each route had, as the skill `http` counts them; None where it does not."""
    traffic = getattr(sys.modules.get("beamlens.skills.web.traffic"), "traffic", None)
    if traffic is None or not traffic.active:
        return None
    return {name: route.count for name, route in list(traffic.routes.items())[:_MOST_ROUTES]}


class TrafficMix:
    """Remember the counters of routes and compare the last minute with the quarter of an hour before. One thread.

    Args:
        counts: returns the counters.
        clock: seconds.
    """

    def __init__(
        self,
        counts: Callable[[], Mapping[str, int] | None] = counts_of_http,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._counts = counts
        self._clock = clock
        self._past: deque[tuple[float, Mapping[str, int]]] = deque()

    def look(self) -> None:
        """Remember the counters of now."""
        now = self._clock()
        if self._past and now - self._past[-1][0] < _EVERY:
            return
        found = self._counts()
        if found is None:
            self._past.clear()
            return
        self._past.append((now, found))
        while now - self._past[0][0] > _KEPT_SECONDS:
            self._past.popleft()

    def compared(self) -> dict[str, Any]:
        """Return `known`, `requests` now and before, the `routes` whose part changed most, and the `shift`.

        The shift is the half of the sum of all changes: 0, nothing changed; 1, entirely other routes are asked.
        """
        now, before = self._windows()
        total, earlier = sum(now.values()), sum(before.values())
        data: dict[str, Any] = {
            "known": total >= _LEAST_NOW and earlier >= _LEAST_BEFORE,
            "requests_last_minute": total if self._past else None,
            "requests_before": earlier if self._past else None,
            "shift": None,
            "routes": [],
        }
        if data["known"]:
            rows = [_row(name, now[name] / total, before[name] / earlier) for name in now.keys() | before.keys()]
            data["shift"] = round(sum(abs(row["change"]) for row in rows) / 2, 3)
            data["routes"] = sorted(rows, key=lambda row: (-abs(row["change"]), row["key"]))[:20]
        return data

    def _windows(self) -> tuple[Counter[str], Counter[str]]:
        past = list(self._past)
        if len(past) < 3:
            return Counter(), Counter()
        edge = next((at for at, (when, _) in enumerate(past) if when >= past[-1][0] - _NOW), 0)
        return _grown(past[edge][1], past[-1][1]), _grown(past[0][1], past[edge][1])


def _grown(before: Mapping[str, int], after: Mapping[str, int]) -> Counter[str]:
    """Return by how much each counter grew; one that sank was started anew."""
    return Counter({name: grown for name, count in after.items() if (grown := count - before.get(name, 0)) > 0})


def _row(name: str, now: float, before: float) -> dict[str, Any]:
    return {"key": name, "part": round(now, 3), "part_before": round(before, 3), "change": round(now - before, 3)}
