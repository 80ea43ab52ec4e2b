"""How operators and the coordinator stand."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from supervision import wire_value

__all__ = ["HEALTH_STATES", "CoordinatorStatus", "HealthState", "OperatorStatus", "RunStatus"]

HealthState = Literal["healthy", "observing", "warning", "critical"]
RunStatus = Literal["idle", "running", "restarting", "stopped", "busy"]
HEALTH_STATES: tuple[str, ...] = get_args(HealthState)


@wire_value
@dataclass(frozen=True, slots=True)
class OperatorStatus:
    """Say how an operator stands.

    Args:
        operator: its name.
        state: what it thinks of its subject's health.
        status: whether it runs; `restarting`, `stopped` and `busy` are said of an operator that did not answer.
        iteration: steps of the current run.
        skill, title, description: what it watches.
        queued: invocations that wait.
        trace_id: the current run, if any.
        pid: its process.
    """

    operator: str
    state: HealthState = "healthy"
    status: RunStatus = "idle"
    iteration: int = 0
    skill: str = ""
    title: str = ""
    description: str = ""
    queued: int = 0
    trace_id: str | None = None
    notifications: int = 0
    pid: int | None = None

    @property
    def running(self) -> bool:
        """Tell whether a run is on."""
        return self.status == "running"

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        return {**asdict(self), "running": self.running}


@wire_value
@dataclass(frozen=True, slots=True)
class CoordinatorStatus:
    """Say how the coordinator stands."""

    running: bool = False
    notification_count: int = 0
    unread_count: int = 0
    iteration: int = 0
    queued: int = 0
    running_operators: tuple[str, ...] = ()
    scheduled: bool = False
    trace_id: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        return {**asdict(self), "running_operators": list(self.running_operators)}
