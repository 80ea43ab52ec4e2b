"""What is kept of the exceptions that were seen: counts by group, and the last ones."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, Final

from beamlens.skills.raised.sighting import Sighting

__all__ = ["ExceptionStore"]

_RECENT: Final = 500
_MOST_GROUPS: Final = 200
_SECONDS: Final = 60
_RATE_SECONDS: Final = 15
_MOST_A_SECOND: Final = 200


class _Seconds:
    """Count by the second, for a minute."""

    __slots__ = ("_counts", "_stamps")

    def __init__(self) -> None:
        self._counts = [0] * _SECONDS
        self._stamps = [-1] * _SECONDS

    def add(self, now: float, count: int = 1) -> None:
        second = int(now)
        slot = second % _SECONDS
        if self._stamps[slot] != second:
            self._stamps[slot], self._counts[slot] = second, 0
        self._counts[slot] += count

    def of_last(self, now: float, seconds: int) -> list[int]:
        """Return the counts of the last seconds that are over, those without any left out."""
        last = int(now)
        pairs = zip(list(self._stamps), list(self._counts), strict=True)
        return [count for stamp, count in pairs if last - seconds <= stamp < last or stamp == last]


@dataclass(slots=True)
class _Group:
    first: Sighting
    last: Sighting
    count: int = 0
    ways: Counter[str] = field(default_factory=Counter)
    seconds: _Seconds = field(default_factory=_Seconds)

    def row(self, now: float) -> dict[str, Any]:
        recent = self.seconds.of_last(now, _RATE_SECONDS)
        first, last = self.first, self.last
        age = min(float(_RATE_SECONDS), max(1.0, now - first.seen))
        return {
            "key": first.key,
            "type": first.type,
            "code": first.code,
            "at": first.at.at if first.at is not None else None,
            "func": first.at.function if first.at is not None else None,
            "raised_at": last.raised_at.at if last.raised_at is not None else None,
            "count": self.count,
            "last_minute": sum(self.seconds.of_last(now, _SECONDS - 1)),
            "per_second": round(sum(recent) / age, 2),
            "active_seconds": len(recent),
            "first_ago_seconds": round(now - first.seen, 1),
            "last_ago_seconds": round(now - last.seen, 1),
            "ways": dict(self.ways),
        }


class ExceptionStore:
    """Keep what was seen, within bounds. Any thread."""

    def __init__(self) -> None:
        # Reentrant: a finalizer may raise, and so come here, while this thread is in here.
        self._lock = threading.RLock()
        self._groups: dict[str, _Group] = {}
        self._recent: deque[tuple[int, Sighting]] = deque(maxlen=_RECENT)
        self._minute = _Seconds()
        self._second, self._in_second = 0, 0
        self.total = self.unexamined = self.not_grouped = 0
        self.ways: Counter[str] = Counter()

    def admits(self) -> bool:
        """Count one exception, and tell whether it is to be looked at: in a flood only so many a second are."""
        now = time.time()
        with self._lock:
            self.total += 1
            self._minute.add(now)
            if int(now) != self._second:
                self._second, self._in_second = int(now), 0
            self._in_second += 1
            if self._in_second <= _MOST_A_SECOND:
                return True
            self.unexamined += 1
            return False

    def add(self, sighting: Sighting) -> None:
        """Keep what was looked at."""
        with self._lock:
            self.ways[sighting.way] += 1
            self._recent.append((self.total, sighting))
            group = self._groups.get(sighting.key)
            if group is None:
                if len(self._groups) >= _MOST_GROUPS:
                    self._drop_oldest(sighting.seen)
                group = self._groups[sighting.key] = _Group(sighting, sighting)
            group.last = sighting
            group.count += 1
            group.ways[sighting.way] += 1
            group.seconds.add(sighting.seen)

    def _drop_oldest(self, now: float) -> None:
        oldest = min(self._groups, key=lambda key: self._groups[key].last.seen)
        self.not_grouped += self._groups.pop(oldest).count

    def groups(self, limit: int) -> list[dict[str, Any]]:
        """Return the groups, those with the most in the last minute first."""
        now = time.time()
        with self._lock:
            rows = [group.row(now) for group in self._groups.values()]
        return sorted(rows, key=lambda row: (-row["last_minute"], -row["count"]))[:limit]

    def figures(self) -> dict[str, Any]:
        """Return the counts in all."""
        now = time.time()
        with self._lock:
            return {
                "total": self.total,
                "last_minute": sum(self._minute.of_last(now, _SECONDS - 1)),
                "group_count": len(self._groups),
                "ways": dict(self.ways),
                "unexamined": self.unexamined,
                "not_grouped": self.not_grouped,
            }

    def recent(self, limit: int, kind: str = "") -> list[dict[str, Any]]:
        """Return the last exceptions, newest first, those whose type contains `kind`."""
        with self._lock:
            chosen = [each for each in reversed(self._recent) if kind.lower() in each[1].type.lower()][:limit]
        now = time.time()
        return [
            {
                "id": number,
                "type": sighting.type,
                "key": sighting.key,
                "way": sighting.way,
                "ago_seconds": round(now - sighting.seen, 1),
            }
            for number, sighting in chosen
        ]

    def stack(self, key: str) -> Sighting | None:
        """Return the last exception of a group, or the one of an id; None where there is none (any more)."""
        with self._lock:
            group = self._groups.get(key)
            if group is not None:
                return group.last
            return next((each for number, each in self._recent if str(number) == key), None)
