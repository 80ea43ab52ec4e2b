"""The calls of other services, those in flight one by one, those done in numbers by host."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from beamlens.skills.interpreter.places import Place
from beamlens.skills.waits.awaits import stack_place
from beamlens.skills.waits.timings import RECENT_SECONDS, Timings, compared

__all__ = ["Call", "CallRecord", "record"]

_MOST_HOSTS: Final = 200
_MOST_PLACES: Final = 50
_MOST_ERRORS: Final = 50
_OTHER: Final = "(other hosts)"
_STUCK_SECONDS: Final = 10.0
_RETRY_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Call:
    """Hold one call in flight.

    Args:
        host: `host:port`.
        library: by which it is made.
        what: the method or command, without arguments.
        has_timeout: whether the caller would ever give up; None where that is not known.
        began: `time.monotonic()`.
        place: the application's line.
        thread: the name of the thread.
        waits: it is a command that is meant to wait.
    """

    host: str
    library: str
    what: str
    has_timeout: bool | None
    began: float
    place: Place | None
    thread: str
    waits: bool = False


@dataclass(slots=True)
class _Host(Timings):
    library: str = ""
    errors: int = 0
    timeouts: int = 0
    server_errors: int = 0
    retries: int = 0
    without_timeout: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    places: Counter[Place] = field(default_factory=Counter)
    failed_at: dict[tuple[int, Place | None], float] = field(default_factory=dict)


class CallRecord:
    """Keep the calls while somebody wants to know. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = count()
        self.open: dict[int, Call] = {}
        self.hosts: dict[str, _Host] = {}

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self.open.clear()
            self.hosts.clear()

    # -- by the wrappers ----------------------------------------------------------------------------

    def begin(self, host: str, library: str, what: str, has_timeout: bool | None, *, waits: bool = False) -> int:
        """Note that a call begins, on the thread that makes it; return its number."""
        place = stack_place(sys._getframe(2))
        now, number = time.monotonic(), next(self._numbers)
        call = Call(
            host[:120], library, what[:40], has_timeout, now, place, threading.current_thread().name[:80], waits
        )
        self.open[number] = call
        with self._lock:
            known = self._host(call)
            if place is not None and (place in known.places or len(known.places) < _MOST_PLACES):
                known.places[place] += 1
            failed = known.failed_at.pop((_worker(), place), None)
            known.retries += failed is not None and now - failed <= _RETRY_SECONDS
        return number

    def drop(self, number: int) -> None:
        """Forget a call in flight, which is not to be counted."""
        self.open.pop(number, None)

    def end(self, number: int, error: BaseException | None = None, status: int | None = None) -> None:
        """Note that a call ended.

        Args:
            number: as `begin` gave it.
            error: what was raised.
            status: of the answer, where there is such a thing.
        """
        call = self.open.pop(number, None)
        if call is None:
            return
        now = time.monotonic()
        with self._lock:
            known = self._host(call)
            known.without_timeout += call.has_timeout is False
            if call.waits:
                known.count += 1
            else:
                known.add(now, now - call.began)
            kind = _kind(error, status)
            if kind is None:
                return
            known.errors += 1
            known.timeouts += "timeout" in kind.lower()
            known.server_errors += error is None
            if kind in known.kinds or len(known.kinds) < _MOST_ERRORS:
                known.kinds[kind] += 1
            if len(known.failed_at) < _MOST_ERRORS:
                known.failed_at[(_worker(), call.place)] = now

    def _host(self, call: Call) -> _Host:
        known = self.hosts.get(call.host)
        if known is None:
            name = call.host if len(self.hosts) < _MOST_HOSTS else _OTHER
            known = self.hosts.setdefault(name, _Host(library=call.library))
        return known

    # -- by the skill -------------------------------------------------------------------------------

    def rows(self, limit: int) -> list[dict[str, Any]]:
        """Return the hosts, those first that took the most time of late.

        Args:
            limit: how many at most.
        """
        now = time.monotonic()
        with self._lock:
            hosts = [
                (name, host, list(host.recent), list(host.medians), host.places.most_common(1))
                for name, host in self.hosts.items()
            ]
            open_by: dict[str, list[Call]] = {}
            for call in self.open.values():
                open_by.setdefault(call.host if call.host in self.hosts else _OTHER, []).append(call)
        rows = [
            {
                **_row(name, host, open_by.get(name, []), now),
                **compared(times := [s for when, s in recent if when >= now - RECENT_SECONDS], medians),
                "recent_seconds": round(sum(times), 2),
                "at": places[0][0].at if places else None,
                "func": places[0][0].function if places else None,
            }
            for name, host, recent, medians, places in hosts
        ]
        return sorted(rows, key=lambda row: (-row["stuck"], -row["in_flight"], -row["recent_seconds"]))[:limit]

    def in_flight(self, limit: int) -> list[dict[str, Any]]:
        """Return the calls in flight, the oldest first.

        Args:
            limit: how many at most.
        """
        now = time.monotonic()
        calls = sorted(self.open.values(), key=lambda call: call.began)
        return [
            {
                "host": call.host,
                "library": call.library,
                "what": call.what,
                "age_seconds": round(now - call.began, 3),
                "has_timeout": call.has_timeout,
                "waits": call.waits,
                "at": call.place.at if call.place is not None else None,
                "func": call.place.function if call.place is not None else None,
                "thread": call.thread,
            }
            for call in calls[:limit]
        ]

    def failures(self, limit: int) -> list[dict[str, Any]]:
        """Return the hosts with failed calls, those with the most first.

        Args:
            limit: how many at most.
        """
        with self._lock:
            failed = [(name, host, host.kinds.most_common(5)) for name, host in self.hosts.items() if host.errors]
        return [
            {
                "name": name,
                "errors": host.errors,
                "timeouts": host.timeouts,
                "retries": host.retries,
                "at": host.places.most_common(1)[0][0].at if host.places else None,
                "kinds": [{"kind": kind, "count": number} for kind, number in kinds],
            }
            for name, host, kinds in sorted(failed, key=lambda each: -each[1].errors)[:limit]
        ]


def _kind(error: BaseException | None, status: int | None) -> str | None:
    if error is not None:
        # What a caller cancels is no failure of the other side.
        return type(error).__name__ if isinstance(error, Exception) else None
    return f"status {status}" if status is not None and status >= 500 else None


def _worker() -> int:
    """Return what tells the present task from others, else the present thread."""
    asyncio = sys.modules.get("asyncio")
    try:
        task = asyncio.current_task() if asyncio is not None else None
    except RuntimeError:  # no loop runs on this thread
        task = None
    return id(task) if task is not None else threading.get_ident()


def _row(name: str, host: _Host, calls: Iterable[Call], now: float) -> dict[str, Any]:
    ages = [(now - call.began, call) for call in calls if not call.waits]
    stuck = [call for age, call in ages if age >= max(_STUCK_SECONDS, 3.0 * host.longest)]
    oldest = max(ages, key=lambda each: each[0], default=None)
    return {
        "name": name,
        "library": host.library,
        "count": host.count,
        "errors": host.errors,
        "timeouts": host.timeouts,
        "server_errors": host.server_errors,
        "retries": host.retries,
        "without_timeout": host.without_timeout,
        "longest_ms": round(host.longest * 1e3, 1),
        "in_flight": len(ages),
        "oldest_seconds": round(oldest[0], 1) if oldest is not None else None,
        "oldest_at": oldest[1].place.at if oldest is not None and oldest[1].place is not None else None,
        "stuck": len(stuck),
        "stuck_without_timeout": sum(call.has_timeout is False for call in stuck),
    }


record: Final = CallRecord()
"""The one of this process: the libraries' classes are there once."""
