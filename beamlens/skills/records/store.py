"""What was logged in the last minutes: counters, rates by the line that logs, and the latest records."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from beamlens.skills.interpreter.places import shown_file
from beamlens.skills.records.entry import Entry, level_name, pattern_of

__all__ = ["RecordStore", "Site"]

_PENDING: Final = 20_000
_RING: Final = 1000
_MOST_SITES: Final = 500
_PATTERNS_A_ROUND: Final = 200
_MOST_PATTERNS: Final = 20
_MINUTE: Final = 60.0
_RECENT: Final = 10.0
_LATENCIES: Final = 1000

_Key = tuple[str, int, int, str]


@dataclass(slots=True)
class Site:
    """Count the records of one line that logs.

    Args:
        count: of all.
        first, last: when, in seconds since 1970.
        rounds: (when, how many) of the last minute.
    """

    key: _Key
    first: float
    function: str
    count: int = 0
    last: float = 0.0
    exception: str | None = None
    rounds: deque[tuple[float, int]] = field(default_factory=deque)
    patterns: Counter[str] = field(default_factory=Counter)

    def since(self, when: float) -> int:
        """Return how many there were since then."""
        return sum(count for at, count in self.rounds if at >= when)


class RecordStore:
    """Keep records. `hear` from any thread, also from signal handlers: it appends and never waits; the rest from one.

    Args:
        clock: seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._pending: deque[Entry] = deque(maxlen=_PENDING)
        self.hear: Callable[[Entry], None] = self._pending.append
        self.ring: deque[Entry] = deque(maxlen=_RING)
        self.sites: dict[_Key, Site] = {}
        self.levels: Counter[str] = Counter()
        self.dropped_rounds = 0
        self.handler_seconds = 0.0
        self._latencies: deque[float] = deque(maxlen=_LATENCIES)
        self._rounds: deque[tuple[float, int, int, int, float]] = deque()
        self.began = clock()

    def digest(self) -> None:
        """Count what came since the last time; a microsecond for each record."""
        batch = self._batch()
        now = self._clock()
        self.dropped_rounds += len(batch) >= _PENDING
        levels = Counter(level_name(entry.level) for entry in batch)
        self.levels.update(levels)
        spent = sum(entry.seconds for entry in batch)
        self.handler_seconds += spent
        self._latencies.extend(entry.seconds for entry in batch[-_LATENCIES:])
        errors = levels["error"] + levels["critical"]
        self._rounds.append((now, len(batch), errors, levels["warning"], spent))
        while self._rounds and self._rounds[0][0] < now - _MINUTE:
            self._rounds.popleft()
        self._count_sites(batch, now)
        self.ring.extend(batch[-_RING:])

    def _batch(self) -> list[Entry]:
        found = []
        for _ in range(len(self._pending)):  # what comes meanwhile is for the next time
            try:
                found.append(self._pending.popleft())
            except IndexError:
                break
        return found

    def _count_sites(self, batch: list[Entry], now: float) -> None:
        counts = Counter((entry.file, entry.line, entry.level, entry.logger) for entry in batch)
        examples = {(entry.file, entry.line, entry.level, entry.logger): entry for entry in batch}
        for key, count in counts.items():
            site = self.sites.get(key)
            if site is None:
                site = self.sites[key] = Site(key, now, examples[key].function)
            site.count += count
            site.last = now
            site.exception = examples[key].exception or site.exception
            site.rounds.append((now, count))
        for entry in batch[-_PATTERNS_A_ROUND:]:
            patterns = self.sites[(entry.file, entry.line, entry.level, entry.logger)].patterns
            pattern = pattern_of(entry.text)
            if pattern in patterns or len(patterns) < _MOST_PATTERNS:
                patterns[pattern] += 1
        self._forget(now)

    def _forget(self, now: float) -> None:
        for site in self.sites.values():
            while site.rounds and site.rounds[0][0] < now - _MINUTE:
                site.rounds.popleft()
        if len(self.sites) > _MOST_SITES:
            oldest = sorted(self.sites.values(), key=lambda site: site.last)[: len(self.sites) - _MOST_SITES]
            for site in oldest:
                del self.sites[site.key]

    # -- asking -----------------------------------------------------------------------------------

    def window(self, seconds: float = _MINUTE) -> dict[str, Any]:
        """Return counts and rates of the last seconds."""
        now = self._clock()
        rounds = [each for each in self._rounds if each[0] >= now - seconds]
        lasted = max(1.0, min(seconds, now - self.began))
        total, errors = sum(each[1] for each in rounds), sum(each[2] for each in rounds)
        return {
            "seconds": round(lasted, 1),
            "records": total,
            "errors": errors,
            "warnings": sum(each[3] for each in rounds),
            "per_second": round(total / lasted, 2),
            "error_part": round(errors / total, 4) if total else None,
            "handler_part": round(sum(each[4] for each in rounds) / lasted, 4),
        }

    def handler_ms(self) -> dict[str, float | None]:
        """Return how long handlers take for one record."""
        taken = sorted(self._latencies)
        if not taken:
            return {"p50": None, "p95": None, "longest": None}
        return {
            "p50": round(taken[len(taken) // 2] * 1e3, 3),
            "p95": round(taken[int(len(taken) * 0.95)] * 1e3, 3),
            "longest": round(taken[-1] * 1e3, 3),
        }

    def groups(self, least_level: int, *, active: bool = False) -> list[dict[str, Any]]:
        """Return the lines that log, those that logged most in the last minute first.

        Args:
            least_level: of `logging`.
            active: only those that logged in the last ten seconds.
        """
        now = self._clock()
        found = [
            self._group(site, now)
            for site in self.sites.values()
            if site.key[2] >= least_level and (not active or site.since(now - _RECENT))
        ]
        return sorted(found, key=lambda row: (-row["last_minute"], -row["count"]))

    def _group(self, site: Site, now: float) -> dict[str, Any]:
        file, line, level, logger = site.key
        lasted = max(1.0, min(_RECENT, now - self.began))
        return {
            "key": f"{shown_file(file)}:{line}",
            "logger": logger[:120],
            "level": level_name(level),
            "func": site.function[:120],
            "pattern": site.patterns.most_common(1)[0][0] if site.patterns else None,
            "patterns": len(site.patterns),
            "exception": site.exception,
            "has_exception": site.exception is not None,
            "count": site.count,
            "last_minute": site.since(now - _MINUTE),
            "per_second": round(site.since(now - _RECENT) / lasted, 2),
            "first_seconds_ago": round(now - site.first, 1),
            "last_seconds_ago": round(now - site.last, 1),
        }

    def newest(self) -> Iterable[Entry]:
        """Yield the kept records, newest first."""
        return reversed(list(self.ring))
