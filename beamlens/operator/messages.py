"""What operators are told and asked, and what they tell."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Literal

from beamlens.domain import Completion, Notification
from supervision import Ref, wire_value

__all__ = [
    "Await",
    "Cancel",
    "Invoke",
    "OperatorConfig",
    "Question",
    "RunFinished",
    "RunNotified",
    "RunOptions",
    "Status",
]

Mode = Literal["on_demand", "continuous"]


@wire_value
@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """Say how one run differs from what the operator is configured for; None: as configured.

    Args:
        max_iterations: steps.
        deadline: seconds for the whole run, waiting in the queue included.
        client: the name of a client in the registry.
        model: the name of a model.
        compaction_max_tokens, compaction_keep_last: when the conversation is shortened, and what is kept.
    """

    max_iterations: int | None = None
    deadline: float | None = None
    client: str | None = None
    model: str | None = None
    compaction_max_tokens: int | None = None
    compaction_keep_last: int | None = None


@wire_value
@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorConfig:
    """Configure an operator.

    Args:
        name: its name among the operators of its tree.
        skill: the id of its skill.
        title, description: of its skill.
        local_skill: `module:Class` of a skill that runs in the operator's own process; None: the probe runs it.
        skill_options: keyword arguments of a local skill.
        tree: names the registry in which the tree's parts find each other.
        continuous: whether it runs from the start and paces itself with `wait`.
        pid: the observed process.
        pace: seconds between snapshots, for the rules provider.
        max_iterations, deadline, client, model, compaction_max_tokens, compaction_keep_last: of its runs.
        journal: whether unfinished runs are kept, to go on after a crash.
        max_crashes: how many times the process may die in one run, and the run goes on.
        retry_waits: seconds before the second and further attempts of a call of the model.
        secrets: names of environment variables that it removes from its process.
        node: names the observed process in notifications.
        allow_reduced_sandbox: whether Lua may run where a defence of the sandbox is missing.
        redaction: the redactor's options, for a local skill.
        grouped: whether the program may have several processes, all of which it looks into.
    """

    name: str
    skill: str
    tree: str
    title: str = ""
    description: str = ""
    local_skill: str | None = None
    skill_options: dict[str, Any] = field(default_factory=dict)
    continuous: bool = False
    pid: int = 0
    pace: float = 1.0
    max_iterations: int = 25
    deadline: float | None = None
    client: str | None = None
    model: str | None = None
    compaction_max_tokens: int = 50_000
    compaction_keep_last: int = 5
    journal: bool = True
    max_crashes: int = 2
    retry_waits: tuple[float, ...] = (1.0, 2.0)
    request_seconds: float = 60.0
    secrets: tuple[str, ...] = ()
    node: str = ""
    allow_reduced_sandbox: bool = False
    redaction: dict[str, Any] = field(default_factory=dict)
    grouped: bool = False


@wire_value
@dataclass(frozen=True, slots=True, kw_only=True)
class Invoke:
    """Run an investigation; asked, the answer is its `Completion`, told, nobody waits.

    Args:
        run_id: names the run; a second `Invoke` of the same run waits for the first.
        reason: what to look into; empty: look around.
        options: of this run.
        notify: who is told `RunNotified` and `RunFinished`.
        parent: the trace id of the coordinator's run that wants it.
        asked_at: seconds since the epoch, from which its deadline counts: waiting and restarts are included.
    """

    run_id: str
    reason: dict[str, Any] = field(default_factory=dict)
    parent: str | None = None
    options: RunOptions = field(default_factory=RunOptions)
    notify: Ref | None = None
    asked_at: float = field(default_factory=time.time)


@wire_value
@dataclass(frozen=True, slots=True)
class Await:
    """Wait for a run that was invoked; the answer is its `Completion`, or None where there is no such run."""

    run_id: str | None = None


@wire_value
@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel a run, or with None the current one and those that wait; the answer says how many."""

    run_id: str | None = None


@wire_value
@dataclass(frozen=True, slots=True)
class Question:
    """Ask the operator's model something, out of its context; the answer is a dict with `response`."""

    text: str
    timeout: float = 30.0


@wire_value
@dataclass(frozen=True, slots=True)
class Status:
    """Ask for an `OperatorStatus`."""


@wire_value
@dataclass(frozen=True, slots=True)
class RunNotified:
    """Tell that a run found something."""

    operator: str
    run_id: str
    notification: Notification


@wire_value
@dataclass(frozen=True, slots=True)
class RunFinished:
    """Tell that a run has ended."""

    operator: str
    run_id: str
    completion: Completion
