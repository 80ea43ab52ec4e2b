"""What the coordinator is told and asked, and what it answers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from beamlens.domain import Completion, Ending, Insight, Notification
from supervision import Ref, wire_value

__all__ = [
    "Await",
    "Cancel",
    "CoordinatorConfig",
    "Investigate",
    "Look",
    "Member",
    "Outcome",
    "SetMembers",
    "Status",
]


@wire_value
@dataclass(frozen=True, slots=True)
class Member:
    """Describe an operator to the coordinator."""

    name: str
    title: str
    description: str


@wire_value
@dataclass(frozen=True, slots=True, kw_only=True)
class CoordinatorConfig:
    """Configure the coordinator.

    Args:
        tree: names the registry in which the tree's parts find each other.
        members: the operators it may invoke.
        strategy: `agent_loop`, `pipeline`, or `module:Class` of a user's own.
        max_iterations: steps of a run.
        deadline: seconds for a run.
        client, model, compaction_max_tokens, compaction_keep_last, retry_waits, request_seconds: as an operator's.
        journal: whether unfinished runs are kept, to go on after a crash.
        max_crashes: how many times the process may die in one run, and the run goes on.
        secrets: names of environment variables that it removes from its process.
        node: names the observed process.
    """

    tree: str
    members: tuple[Member, ...] = ()
    strategy: str = "agent_loop"
    max_iterations: int = 25
    deadline: float = 300.0
    client: str | None = None
    model: str | None = None
    compaction_max_tokens: int = 50_000
    compaction_keep_last: int = 5
    retry_waits: tuple[float, ...] = (1.0, 2.0)
    request_seconds: float = 60.0
    journal: bool = True
    max_crashes: int = 2
    secrets: tuple[str, ...] = ()
    node: str = ""


@wire_value
@dataclass(frozen=True, slots=True, kw_only=True)
class Investigate:
    """Run an investigation; the answer is its `Outcome`.

    Args:
        run_id: names the run; a second one of the same run waits for the first.
        context: what it is about; `reason` for people's words.
        notifications: found before, to begin with.
        operators: names of those it may invoke; None: all.
        deadline, max_iterations, strategy, client, model: of this run; None: as configured.
        caller: an actor whose end cancels the run.
        asked_at: seconds since the epoch, from which its deadline counts: waiting and restarts are included.
    """

    run_id: str
    context: dict[str, Any] = field(default_factory=dict)
    notifications: tuple[Notification, ...] = ()
    operators: tuple[str, ...] | None = None
    deadline: float | None = None
    max_iterations: int | None = None
    strategy: str | None = None
    client: str | None = None
    model: str | None = None
    caller: Ref | None = None
    asked_at: float = field(default_factory=time.time)


@wire_value
@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Hold what a run of the coordinator came to.

    Args:
        ending: as an operator's run.
        insights: in the order in which they were produced.
        operator_results: of the operators that were invoked, as they ended.
        notifications: all that were considered.
        trace_id: the run.
        answer: one text that says it all, also where nothing was found.
        reason: why, where it did not end as `done`.
    """

    ending: Ending
    insights: tuple[Insight, ...] = ()
    operator_results: tuple[Completion, ...] = ()
    notifications: tuple[Notification, ...] = ()
    trace_id: str = ""
    answer: str = ""
    reason: str | None = None
    iterations: int = 0
    crashes: int = 0

    @property
    def ok(self) -> bool:
        """Tell whether the run came to an end of its own."""
        return self.ending in ("done", "max_iterations")

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        return {
            "ending": self.ending,
            "answer": self.answer,
            "insights": [insight.to_dict() for insight in self.insights],
            "operator_results": [result.to_dict() for result in self.operator_results],
            "notifications": [found.to_dict(snapshots=False) for found in self.notifications],
            "trace_id": self.trace_id,
            "reason": self.reason,
            "iterations": self.iterations,
            "crashes": self.crashes,
        }


@wire_value
@dataclass(frozen=True, slots=True)
class Await:
    """Wait for a run, or with None for the one that is on; the answer is its `Outcome`, or None."""

    run_id: str | None = None


@wire_value
@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel a run, or with None all; the answer says how many. A scheduled one is cancelled, too."""

    run_id: str | None = None


@wire_value
@dataclass(frozen=True, slots=True)
class Status:
    """Ask for a `CoordinatorStatus`."""


@wire_value
@dataclass(frozen=True, slots=True)
class SetMembers:
    """Tell which operators there are now."""

    members: tuple[Member, ...]


@wire_value
@dataclass(frozen=True, slots=True)
class Look:
    """Look again: a scheduled run is due."""

    reason: str
