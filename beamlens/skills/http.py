"""The skill `http`: the requests that a web application answers. `wrap` is what the application calls.

from beamlens.skills.http import wrap

app = wrap(Starlette(...))
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from beamlens.skills.checks import Check
from beamlens.skills.skill import Skill
from beamlens.skills.waits.limits import rows
from beamlens.skills.web.checks import CHECKS
from beamlens.skills.web.flight import flight_rows
from beamlens.skills.web.texts import DOCS, SYSTEM_PROMPT
from beamlens.skills.web.traffic import traffic
from beamlens.skills.web.wrapping import wrap
from beamlens.skills.work_done import work_done

__all__ = ["Http", "wrap"]

_SHOWN_ROUTES: Final = 10
_GROUPED: Final = 200


class Http(Skill):
    """Watch the requests of all applications of this process that were given to `wrap`."""

    id: ClassVar[str] = "http"
    title: ClassVar[str] = "Web application"
    description: ClassVar[str] = (
        "HTTP requests: rates, times, errors, slow routes, and the requests in flight with the line each waits at"
    )
    system_prompt: ClassVar[str] = SYSTEM_PROMPT
    additive: ClassVar[tuple[str, ...]] = ("requests", "errors_5xx", "in_flight", "websockets", "latency.per_second")

    def __init__(self) -> None:
        self._watching = False

    def start(self) -> None:
        """Start to count requests."""
        if not self._watching:
            self._watching = True
            traffic.begin_watching()
            work_done.add(_answered)

    def stop(self) -> None:
        """Stop counting; wrapped applications pass their requests on from then on."""
        if self._watching:
            self._watching = False
            work_done.remove(_answered)
            traffic.end_watching()

    def checks(self) -> Sequence[Check]:
        """Return what is wrong with any program of which it holds."""
        return CHECKS

    def callback_docs(self) -> str:
        """Return the callbacks' documentation."""
        return DOCS

    def callbacks(self) -> Mapping[str, Callable[..., Any]]:
        """Return the callbacks; all of them only look."""
        return {
            "http_in_flight": self.in_flight,
            "http_routes": self.routes,
            "http_errors": self.errors,
            "http_waits": self.waits,
        }

    def snapshot(self) -> dict[str, Any]:
        """Return rates, times, errors and routes; about a millisecond."""
        began, now = time.perf_counter(), time.monotonic()
        requests = traffic.in_flight()
        waiting = [each for each in requests if each.kind != "websocket" and each.first is None]
        totals = traffic.totals
        data: dict[str, Any] = {
            "applications": len(traffic.wrapped),
            "requests": totals["requests"],
            "errors_5xx": totals["errors_5xx"],
            "client_errors": totals["client_errors"],
            "abandoned": totals["abandoned"],
            "in_flight": len(waiting),
            "responding": sum(each.first is not None for each in requests),
            "websockets": sum(each.kind == "websocket" for each in requests),
            "oldest_seconds": round(now - waiting[0].began, 2) if waiting else None,
            "latency": traffic.latency(),
            "routes": traffic.route_rows(_SHOWN_ROUTES),
            "missing": []
            if len(traffic.wrapped)
            else ["everything: no application was given to beamlens.skills.http.wrap"],
        }
        data["cost_ms"] = round((time.perf_counter() - began) * 1e3, 3)
        return data

    def in_flight(self, limit: int = 20) -> list[dict[str, Any]]:
        """Return the oldest requests in flight with what they wait for."""
        return flight_rows(traffic.in_flight()[: rows("http_in_flight", limit)])

    def routes(self, limit: int = 20) -> list[dict[str, Any]]:
        """Return the routes with their times and errors."""
        return traffic.route_rows(rows("http_routes", limit))

    def errors(self, limit: int = 10) -> list[dict[str, Any]]:
        """Return the exceptions that reached the server."""
        return traffic.fault_rows(rows("http_errors", limit))

    def waits(self) -> list[dict[str, Any]]:
        """Return where the requests in flight stand, in groups."""
        groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for row in flight_rows(traffic.in_flight()[:_GROUPED]):
            groups.setdefault((row["at"], row["func"], row["waits_for"]), []).append(row)
        ordered = sorted(groups.items(), key=lambda item: -len(item[1]))
        return [
            {
                "at": at,
                "func": func,
                "waits_for": waits_for,
                "requests": len(members),
                "oldest_seconds": max(row["age_seconds"] for row in members),
                "routes": sorted({row["route"] for row in members})[:5],
            }
            for (at, func, waits_for), members in ordered[:50]
        ]


def _answered() -> int:
    """Return how many requests were answered since the counting began."""
    return traffic.totals["requests"]
