"""The skill `outbound`: the calls that the application makes to other services."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from beamlens.skills.calls.checks import CHECKS
from beamlens.skills.calls.patches import patches
from beamlens.skills.calls.record import record
from beamlens.skills.calls.texts import DOCS, SYSTEM_PROMPT
from beamlens.skills.checks import Check
from beamlens.skills.skill import Skill
from beamlens.skills.waits.limits import rows
from beamlens.skills.waits.ticker import Look, Pace, ticker

__all__ = ["Outbound"]

_SHOWN: Final = 10


class Outbound(Skill):
    """Watch calls of other services by the libraries that the application has loaded; nothing is registered."""

    id: ClassVar[str] = "outbound"
    title: ClassVar[str] = "Calls of other services"
    description: ClassVar[str] = (
        "Dependencies: calls of other services by host, their times, errors, retries, missing timeouts, hanging calls"
    )
    system_prompt: ClassVar[str] = SYSTEM_PROMPT
    additive: ClassVar[tuple[str, ...]] = ("in_flight",)

    def __init__(self) -> None:
        self._pace: Pace | None = None

    def start(self) -> None:
        """Start to see calls."""
        if self._pace is None:
            patches.begin()
            self._pace = ticker.add(_look_for_libraries, 1.0)

    def stop(self) -> None:
        """Stop seeing calls and put the libraries' methods back."""
        if self._pace is not None:
            ticker.remove(self._pace)
            self._pace = None
            patches.end()

    def checks(self) -> Sequence[Check]:
        """Return what is wrong with any program of which it holds."""
        return CHECKS

    def callback_docs(self) -> str:
        """Return the callbacks' documentation."""
        return DOCS

    def callbacks(self) -> Mapping[str, Callable[..., Any]]:
        """Return the callbacks; all of them only look."""
        return {
            "outbound_hosts": self.hosts,
            "outbound_in_flight": self.in_flight,
            "outbound_errors": self.errors,
        }

    def snapshot(self) -> dict[str, Any]:
        """Return the hosts and how they answer; below a millisecond."""
        began = time.perf_counter()
        libraries, calls = patches.names(), record.in_flight(1)
        data: dict[str, Any] = {
            "libraries": libraries,
            "in_flight": len(record.open),
            "oldest_seconds": calls[0]["age_seconds"] if calls else None,
            "hosts": record.rows(_SHOWN),
            "collector": [self._pace.snapshot()] if self._pace is not None else [],
            "missing": [] if libraries else ["calls: the application has loaded no library that is known here"],
        }
        data["cost_ms"] = round((time.perf_counter() - began) * 1e3, 3)
        return data

    def hosts(self, limit: int = 20) -> list[dict[str, Any]]:
        """Return the hosts and how they answer."""
        return record.rows(rows("outbound_hosts", limit))

    def in_flight(self, limit: int = 20) -> list[dict[str, Any]]:
        """Return the calls in flight, the oldest first."""
        return record.in_flight(rows("outbound_in_flight", limit))

    def errors(self, limit: int = 20) -> list[dict[str, Any]]:
        """Return the hosts with failed calls, by kind of failure."""
        return record.failures(rows("outbound_errors", limit))


def _look_for_libraries(_look: Look) -> None:
    patches.refresh()
