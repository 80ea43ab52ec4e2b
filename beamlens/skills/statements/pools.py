"""Connection pools: who holds connections, since when, who waits, and what did not get one."""

from __future__ import annotations

import threading
import time
import weakref
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from beamlens.skills.interpreter.places import Place

__all__ = ["PoolWatch"]

_WINDOW: Final = 60.0
_LEAST_WAIT: Final = 0.005  # seconds; below, a connection was there
_MOST_POOLS: Final = 50
_SHOWN_HOLDERS: Final = 5


@dataclass(slots=True)
class _Holder:
    place: Place | None
    who: str
    since: float
    alive: Callable[[], Any]


@dataclass(slots=True)
class _Pool:
    ref: Callable[[], Any]
    label: str
    holders: dict[int, _Holder] = field(default_factory=dict)
    waiting: dict[int, float] = field(default_factory=dict)
    waits: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=1000))
    timed_out: deque[float] = field(default_factory=lambda: deque(maxlen=1000))
    checkouts: int = 0
    timeouts: int = 0


class PoolWatch:
    """Keep what is known of pools. Any thread; a microsecond or two for each note."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._pools: dict[int, _Pool] = {}
        self._tokens = 0

    def named(self, pool: Any, label: str) -> None:
        """Say how a pool is called in reports."""
        with self._lock:
            self._of(pool).label = label

    def taken(self, pool: Any, connection: Any, proxy: Any, place: Place | None, who: str) -> None:
        """Note that a connection was checked out.

        Args:
            pool: whose.
            connection: what knows it when it comes back.
            proxy: what the application holds; when that is gone, so is the checkout.
            place: the application's line.
            who: the task or thread.
        """
        with self._lock:
            known = self._of(pool)
            known.checkouts += 1
            known.holders[id(connection)] = _Holder(place, who, time.monotonic(), _weak(proxy))

    def given_back(self, connection: Any) -> None:
        """Note that a connection came back."""
        with self._lock:
            for known in self._pools.values():
                if known.holders.pop(id(connection), None) is not None:
                    return

    def wait_begins(self, pool: Any) -> int:
        """Note that somebody wants a connection; return what `wait_ends` wants."""
        with self._lock:
            self._tokens += 1
            self._of(pool).waiting[self._tokens] = time.monotonic()
            return self._tokens

    def wait_ends(self, pool: Any, token: int, *, timed_out: bool) -> None:
        """Note that the connection came, or that the time for it was over."""
        now = time.monotonic()
        with self._lock:
            known = self._of(pool)
            waited = now - known.waiting.pop(token, now)
            if waited >= _LEAST_WAIT:
                known.waits.append((now, waited))
            if timed_out:
                known.timeouts += 1
                known.timed_out.append(now)

    def rows(self) -> list[dict[str, Any]]:
        """Return how the pools stand, those that were waited for most first."""
        with self._lock:
            pairs = [(pool, known) for known in self._pools.values() if (pool := known.ref()) is not None]
            found = [_row(pool, known) for pool, known in pairs]
        return sorted(found, key=lambda row: -(row["waits_last_minute"] + row["waiting"]))

    def _of(self, pool: Any) -> _Pool:
        known = self._pools.get(id(pool))
        if known is None or known.ref() is not pool:
            for gone in [key for key, each in self._pools.items() if each.ref() is None]:
                del self._pools[gone]
            if len(self._pools) >= _MOST_POOLS:
                del self._pools[next(iter(self._pools))]
            known = self._pools[id(pool)] = _Pool(_weak(pool), f"{type(pool).__name__} {len(self._pools) + 1}")
        return known


def _weak(value: Any) -> Callable[[], Any]:
    try:
        return weakref.ref(value)
    except TypeError:
        return lambda: True  # it cannot tell when it is gone: it stays until it is given back


def _row(pool: Any, known: _Pool) -> dict[str, Any]:
    now = time.monotonic()
    for gone in [key for key, holder in known.holders.items() if holder.alive() is None]:
        del known.holders[gone]
    waits = sorted(waited for when, waited in known.waits if when >= now - _WINDOW)
    waiting = [now - since for since in known.waiting.values() if now - since >= _LEAST_WAIT]
    longest = max([*waits, *waiting], default=None)
    return {
        "key": known.label,
        "kind": type(pool).__name__,
        "capacity": _capacity(pool),
        "checked_out": len(known.holders),
        "checkouts": known.checkouts,
        "waiting": len(waiting),
        "waits_last_minute": len(waits),
        "wait_ms_p95": round(waits[int(0.95 * (len(waits) - 1))] * 1e3, 1) if waits else None,
        "wait_ms_max": None if longest is None else round(longest * 1e3, 1),
        "timeouts": known.timeouts,
        "timeouts_last_minute": sum(when >= now - _WINDOW for when in known.timed_out),
        "holders": _holders(known, now),
    }


def _capacity(pool: Any) -> int | None:
    """Return how many connections a pool has at most; None where it has no bound, or does not tell."""
    try:
        size, overflow = int(pool.size()), int(pool._max_overflow)
    except (AttributeError, TypeError):
        return None
    return None if overflow < 0 or size == 0 else size + overflow


def _holders(known: _Pool, now: float) -> list[dict[str, Any]]:
    counts: Counter[Place | None] = Counter(holder.place for holder in known.holders.values())
    rows = []
    for place, count in counts.most_common(_SHOWN_HOLDERS):
        same = [holder for holder in known.holders.values() if holder.place == place]
        oldest = min(same, key=lambda holder: holder.since)
        rows.append(
            {
                "at": place.at if place is not None else None,
                "func": place.function if place is not None else None,
                "count": count,
                "oldest_seconds": round(now - oldest.since, 1),
                "oldest_by": oldest.who,
            }
        )
    return sorted(rows, key=lambda row: -float(str(row["oldest_seconds"])))
