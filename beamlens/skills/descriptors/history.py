"""How the number of open descriptors moves, group by group."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any, Final

from beamlens.skills.descriptors.listing import Listing, read_descriptors
from beamlens.skills.interpreter.trend import Growth, growth

__all__ = ["DescriptorHistory"]

_PAUSE: Final = 1.0
_COST_PART: Final = 100.0  # the pause is at least this many times what a look took: one per cent of a core at most
_WINDOW: Final = 120.0
_POINTS: Final = 120
_LEAST_CHANGE: Final = 8
_MOST_GROUPS: Final = 500
# Connections come and go with the traffic, so that they must grow for longer before that says anything.
_LEAST_SECONDS: Final = {"socket": 60.0}
_USUAL_SECONDS: Final = 8.0


class DescriptorHistory:
    """Look at a process' descriptors about once a second, on a thread of its own. Reading from any thread.

    Args:
        pid: of the process that is looked at.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._series: dict[str, deque[tuple[float, float]]] = {}
        self._began: float | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="beamlens-ports", daemon=True)
        self.last: Listing | None = None
        self.looks, self.cost_ms = 0, 0.0

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def look(self, now: float) -> Listing | None:
        """Look once.

        Args:
            now: `time.monotonic()`.
        """
        began = time.perf_counter()
        found = self.last = read_descriptors(self._pid)
        if found is not None:
            self._remember(now, found)
        self.looks += 1
        self.cost_ms = round((time.perf_counter() - began) * 1e3, 2)
        return found

    def growing(self, limit: int) -> list[dict[str, Any]]:
        """Return the groups that keep growing, the fastest first.

        Args:
            limit: how many at most.
        """
        found = self.last
        if found is None:
            return []
        rows = []
        for group, points in list(self._series.items()):
            kind = found.kind_of.get(group, "other")
            moved = _moved(list(points), _LEAST_SECONDS.get(kind, _USUAL_SECONDS))
            if moved is not None and moved.steady and moved.change >= _LEAST_CHANGE and found.groups[group]:
                rows.append(_row(group, kind, found.groups[group], moved))
        return sorted(rows, key=lambda row: -row["per_minute"])[:limit]

    def _remember(self, now: float, found: Listing) -> None:
        if self._began is None:
            self._began = now
        for group in found.groups.keys() | self._series.keys():
            series = self._series.get(group)
            if series is None:
                if len(self._series) >= _MOST_GROUPS:
                    continue
                series = self._series[group] = deque(maxlen=_POINTS)
                if now > self._began:  # there were none a look ago
                    series.append((max(self._began, now - _PAUSE), 0.0))
            series.append((now, float(found.groups[group])))
        for group in [group for group, points in self._series.items() if not any(level for _, level in points)]:
            del self._series[group]

    def _run(self) -> None:
        while not self._over.wait(max(_PAUSE, self.cost_ms / 1e3 * _COST_PART)):
            self.look(time.monotonic())


def _moved(points: list[tuple[float, float]], least_seconds: float) -> Growth | None:
    points = [point for point in points if point[0] >= points[-1][0] - _WINDOW]
    # Seconds in which nothing had begun yet say nothing about whether it goes on.
    first = next((at for at, point in enumerate(points) if point[1] != points[0][1]), 1)
    return growth(points[max(0, first - 1) :], least_seconds)


def _row(group: str, kind: str, count: int, moved: Growth) -> dict[str, Any]:
    return {
        "key": group,
        "kind": kind,
        "outgoing": kind == "socket" and " tcp to " in group,
        "count": count,
        "change": int(moved.change),
        "per_minute": round(moved.per_minute, 1),
        "seconds": round(moved.seconds, 1),
    }
