"""All requests of a process: those in flight one by one, those done in numbers by route."""

from __future__ import annotations

import sys
import threading
import time
import weakref
from collections import Counter, deque
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final

from beamlens.skills.interpreter.places import Place, owner_of, place_of
from beamlens.skills.waits.timings import RECENT_SECONDS, Timings, compared, spread

__all__ = ["CURRENT", "Request", "Traffic", "traffic"]

CURRENT: ContextVar[Request | None] = ContextVar("beamlens_request", default=None)
"""The request that a task or thread works for; tasks and threads that it starts have it too."""

_KEPT: Final = 1000
_MOST_ROUTES: Final = 200
_MOST_FAULTS: Final = 200
_STUCK_SECONDS: Final = 10.0
_OTHER: Final = "(other routes)"


@dataclass(eq=False, slots=True, weakref_slot=True)
class Request:
    """Hold one request in flight.

    Args:
        kind: `http` or `websocket`.
        method: of the request.
        route: returns the route's name, as far as known by now.
        began: `time.monotonic()`.
        task: the task that works for it, weakly; None for WSGI.
        ident: of the thread that it began on.
        first: when its response began; None before.
        status: of the response.
    """

    kind: str
    method: str
    route: Callable[[], str]
    began: float
    task: weakref.ref[Any] | None
    ident: int
    first: float | None = None
    status: int | None = None

    def respond(self, status: int) -> None:
        """Note that the response began."""
        if self.first is None:
            self.first, self.status = time.monotonic(), status


@dataclass(slots=True)
class Route(Timings):
    """Count what was done for one route."""

    errors: int = 0
    client_errors: int = 0
    abandoned: int = 0


class Traffic:
    """Count requests while somebody wants to know. Any thread: an event loop's, or those of a WSGI server."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self.active = False
        self.wrapped: weakref.WeakSet[Any] = weakref.WeakSet()
        self._clear()

    def _clear(self) -> None:
        self.open: dict[int, Request] = {}
        self.routes: dict[str, Route] = {}
        self.recent: deque[tuple[float, float]] = deque(maxlen=_KEPT)
        self.faults: Counter[tuple[str, str, Place | None]] = Counter()
        self.totals: Counter[str] = Counter()

    def begin_watching(self) -> None:
        """Count from now on, until as many calls of `end_watching`."""
        with self._lock:
            self._users += 1
            self.active = True

    def end_watching(self) -> None:
        """Stop counting and forget."""
        with self._lock:
            self._users = max(0, self._users - 1)
            if not self._users:
                self.active = False
                self._clear()

    # -- by the wrappers ----------------------------------------------------------------------------

    def begin(self, kind: str, method: str, route: Callable[[], str]) -> Request:
        """Note that a request came; on the thread, and in the task, that works for it."""
        asyncio = sys.modules.get("asyncio")
        task = None
        if asyncio is not None and kind != "wsgi":
            try:
                task = weakref.ref(asyncio.current_task())
            except (RuntimeError, TypeError):  # a loop that is none of asyncio's
                task = None
        request = Request(kind, method, route, time.monotonic(), task, threading.get_ident())
        self.open[id(request)] = request
        CURRENT.set(request)
        return request

    def end(self, request: Request, error: BaseException | None = None) -> None:
        """Note that a request is done with.

        Args:
            request: as `begin` gave it.
            error: what was raised to the server.
        """
        now = time.monotonic()
        self.open.pop(id(request), None)
        if request.kind == "websocket" or not self.active:
            return
        name = _named(request)
        request.route = _forgotten
        seconds = (request.first if request.first is not None else now) - request.began
        with self._lock:
            route = self.routes.get(name)
            if route is None:
                name = name if len(self.routes) < _MOST_ROUTES else _OTHER
                route = self.routes.setdefault(name, Route())
            self._count(route, request.status, failed=isinstance(error, Exception))
            route.add(now, seconds)
            self.recent.append((now, seconds))
            if error is not None and isinstance(error, Exception) and len(self.faults) < _MOST_FAULTS:
                self.faults[(name, type(error).__name__, _raised_at(error.__traceback__))] += 1

    def _count(self, route: Route, status: int | None, *, failed: bool) -> None:
        self.totals["requests"] += 1
        if status is not None and status < 400 and not failed:
            return
        if failed or (status is not None and status >= 500):
            route.errors += 1
            self.totals["errors_5xx"] += 1
        elif status is None:
            route.abandoned += 1
            self.totals["abandoned"] += 1
        else:
            route.client_errors += 1
            self.totals["client_errors"] += 1

    # -- by the skill -------------------------------------------------------------------------------

    def in_flight(self) -> list[Request]:
        """Return the requests in flight, the oldest first."""
        return sorted(self.open.values(), key=lambda request: request.began)

    def latency(self) -> dict[str, Any]:
        """Return the times to the first byte of the last half minute, 1000 requests at most."""
        now = time.monotonic()
        recent = [(when, seconds) for when, seconds in list(self.recent) if when >= now - RECENT_SECONDS]
        span = max(1.0, min(RECENT_SECONDS, now - recent[0][0])) if recent else 1.0
        full = len(recent) == _KEPT
        return {
            **spread([seconds for _, seconds in recent]),
            "per_second": round(len(recent) / (max(0.05, recent[-1][0] - recent[0][0]) if full else span), 1)
            if recent
            else 0.0,
        }

    def route_rows(self, limit: int) -> list[dict[str, Any]]:
        """Return the routes, those first that took the most time of late.

        Args:
            limit: how many at most.
        """
        now = time.monotonic()
        with self._lock:
            routes = [(name, route, list(route.recent), list(route.medians)) for name, route in self.routes.items()]
        open_by = self._open_by_route(now)
        rows = [
            self._row(
                name, route, [s for when, s in recent if when >= now - RECENT_SECONDS], medians, open_by.get(name, [])
            )
            for name, route, recent, medians in sorted(routes, key=lambda each: -each[1].seconds)[: limit * 2]
        ]
        known = {name for name, *_ in routes}
        fresh = [self._row(name, Route(), [], [], ages) for name, ages in open_by.items() if name not in known]
        return sorted([*rows, *fresh], key=lambda row: (-row["stuck"], -row["recent_seconds"]))[:limit]

    def _open_by_route(self, now: float) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {}
        for request in list(self.open.values()):
            if request.kind != "websocket" and request.first is None:
                found.setdefault(_named(request), []).append(now - request.began)
        return found

    @staticmethod
    def _row(
        name: str, route: Route, recent: list[float], medians: list[float], ages: Iterable[float]
    ) -> dict[str, Any]:
        ages = list(ages)
        usual = max(_STUCK_SECONDS, 3.0 * max((seconds for seconds in recent), default=0.0), 3.0 * route.longest)
        return {
            "name": name,
            "count": route.count,
            "errors": route.errors,
            "client_errors": route.client_errors,
            "abandoned": route.abandoned,
            **compared(recent, medians),
            "longest_ms": round(route.longest * 1e3, 1),
            "recent_seconds": round(sum(recent), 2),
            "in_flight": len(ages),
            "oldest_seconds": round(max(ages), 1) if ages else None,
            "stuck": sum(age >= usual for age in ages),
        }

    def fault_rows(self, limit: int) -> list[dict[str, Any]]:
        """Return the exceptions that reached the server, the most frequent first.

        Args:
            limit: how many at most.
        """
        with self._lock:
            found = self.faults.most_common(limit)
        return [
            {
                "route": route,
                "exception": kind,
                "at": at.at if at is not None else None,
                "func": at.function if at is not None else None,
                "count": count,
            }
            for (route, kind, at), count in found
        ]


def _named(request: Request) -> str:
    return f"{request.method} {request.route()}"


def _forgotten() -> str:
    return ""


def _raised_at(trace: TracebackType | None) -> Place | None:
    """Return the application's innermost line that an exception passed."""
    found = None
    while trace is not None:
        if owner_of(trace.tb_frame.f_code.co_filename) == "application":
            found = place_of(trace.tb_frame)
            found = Place(found.file, trace.tb_lineno, found.function, found.owner)
        trace = trace.tb_next
    return found


traffic: Final = Traffic()
"""The one of this process, which all wrapped applications report to."""
