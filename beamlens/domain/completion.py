"""How an operator's run ended, and what it found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from beamlens.domain.notification import Notification
from beamlens.domain.snapshot import Snapshot
from beamlens.domain.status import HealthState
from supervision import wire_value

__all__ = ["ENDINGS", "Completion", "Ending"]

Ending = Literal["done", "max_iterations", "llm_failed", "cancelled", "deadline", "crashed"]
ENDINGS: tuple[str, ...] = get_args(Ending)


@wire_value
@dataclass(frozen=True, slots=True)
class Completion:
    """Hold what one run of an operator found, in the order in which it was found.

    Args:
        operator: its name.
        ending: how the run ended; `crashed` where its process died too often to go on.
        state: the operator's last word on its subject's health.
        notifications, snapshots: oldest first.
        trace_id: the run.
        iterations: steps taken.
        reason: why, where it did not end as `done`.
        crashes: how many times the operator's process died in this run and the run went on.
    """

    operator: str
    ending: Ending
    state: HealthState = "healthy"
    notifications: tuple[Notification, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    trace_id: str = ""
    iterations: int = 0
    reason: str | None = None
    crashes: int = 0

    @property
    def ok(self) -> bool:
        """Tell whether the run came to an end of its own: `done` or `max_iterations`."""
        return self.ending in ("done", "max_iterations")

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        return {
            "operator": self.operator,
            "ending": self.ending,
            "state": self.state,
            "notifications": [found.to_dict(snapshots=False) for found in self.notifications],
            "snapshots": [snapshot.to_dict() for snapshot in self.snapshots],
            "trace_id": self.trace_id,
            "iterations": self.iterations,
            "reason": self.reason,
            "crashes": self.crashes,
        }
