"""Database calls that last, seen from outside: by the stacks of threads, whatever the driver, without registration."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType, FrameType
from typing import Any, Final

from beamlens.skills.interpreter.places import Place, application_place
from beamlens.skills.interpreter.with_locks import called_name

__all__ = ["LongCalls"]

_TICK: Final = 0.1
_COST_PART: Final = 200.0  # half a per cent of a core at most
_WINDOW: Final = 60.0
_KEPT: Final = 2000
_MOST_THREADS: Final = 300
_METHODS: Final = frozenset({"execute", "executemany", "executescript", "fetchone", "fetchmany", "fetchall", "commit"})
_DRIVERS: Final = (
    "sqlite3", "psycopg", "psycopg2", "pymysql", "MySQLdb", "mysql", "asyncpg", "oracledb", "pyodbc", "duckdb",
)  # fmt: skip


@dataclass(slots=True)
class _Standing:
    frame: int
    at: int
    since: float
    place: Place


@dataclass(frozen=True, slots=True)
class _Seen:
    when: float
    place: Place
    ms: float


class LongCalls:
    """Look ten times a second where threads stand; who stands at one database call twice, waits for it.

    Calls shorter than two looks are missed. One thread of its own; reading from any.
    """

    def __init__(self) -> None:
        self._standing: dict[int, _Standing] = {}
        self._ended: deque[_Seen] = deque(maxlen=_KEPT)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="beamlens-sql-sampler", daemon=True)
        self.ticks, self.cost_us = 0, 0.0

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def rows(self, limit: int) -> list[dict[str, Any]]:
        """Return the lines that waited for a database within the last minute, those with the most time first."""
        now = time.monotonic()
        seen = [each for each in list(self._ended) if each.when >= now - _WINDOW]
        seen += [
            _Seen(now, one.place, (now - one.since) * 1e3)
            for one in list(self._standing.values())
            if now - one.since >= _TICK
        ]
        total: Counter[Place] = Counter()
        for each in seen:
            total[each.place] += round(each.ms)
        rows = []
        for place, ms in total.most_common(limit):
            times = [each.ms for each in seen if each.place == place]
            rows.append(
                {
                    "key": place.at,
                    "at": place.at,
                    "func": place.function,
                    "count": len(times),
                    "mean_ms": round(sum(times) / len(times), 1),
                    "max_ms": round(max(times), 1),
                    "total_ms": ms,
                }
            )
        return rows

    def look(self, now: float) -> None:
        """Look once.

        Args:
            now: `time.monotonic()`.
        """
        standing: dict[int, _Standing] = {}
        if any(name in sys.modules for name in _DRIVERS):
            me = threading.get_ident()
            for ident, frame in list(sys._current_frames().items())[:_MOST_THREADS]:
                found = self._at_call(ident, frame, now) if ident != me else None
                if found is not None:
                    standing[ident] = found
        for ident, before in self._standing.items():
            if standing.get(ident) is not before and now - before.since >= _TICK * 1.5:
                self._ended.append(_Seen(now, before.place, (now - before.since) * 1e3))
        self._standing = standing

    def _at_call(self, ident: int, frame: FrameType, now: float) -> _Standing | None:
        if not _is_call(frame.f_code, frame.f_lasti):
            return None
        before = self._standing.get(ident)
        if before is not None and before.frame == id(frame) and before.at == frame.f_lasti:
            return before
        place = application_place(frame)
        return None if place is None else _Standing(id(frame), frame.f_lasti, now, place)

    def _run(self) -> None:
        cost = 0.0
        while not self._over.wait(max(_TICK, cost * _COST_PART)):
            began = time.thread_time()
            self.look(time.monotonic())
            cost = time.thread_time() - began
            self.ticks += 1
            self.cost_us = round(cost * 1e6, 1)


@lru_cache(maxsize=8192)
def _is_call(code: CodeType, at: int) -> bool:
    if code.co_filename.startswith("<"):
        return False
    if code.co_name in _METHODS and code.co_filename.endswith("statements/sqlite.py"):
        return True  # our own timing, around the driver's call
    name = called_name(code, at)
    return name is not None and "." in name and name.rpartition(".")[2] in _METHODS
