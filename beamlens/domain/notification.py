"""What an operator found: facts apart from guesses, with the snapshots that prove them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

from beamlens.domain.ids import new_id, node_name, now
from beamlens.domain.snapshot import Snapshot
from supervision import wire_value

__all__ = ["SEVERITIES", "Notification", "NotificationStatus", "Severity"]

Severity = Literal["info", "warning", "critical"]
NotificationStatus = Literal["unread", "acknowledged", "resolved"]
SEVERITIES: tuple[str, ...] = get_args(Severity)


@wire_value
@dataclass(frozen=True, slots=True)
class Notification:
    """Report one finding.

    Args:
        operator: the name of the operator that found it.
        anomaly_type: what kind of thing it is, such as `memory_growth`.
        severity: `info`, `warning` or `critical`.
        context: facts about the surroundings.
        observation: the fact that was seen.
        hypothesis: a guess at why; the coordinator does not correlate on it.
        snapshots: the evidence; at least one.
        trace_id: the run that found it.
        node: the observed process, `host:pid`.
        entities: names that other findings may share, such as `shop/cache.py:12` or a host.
        cause: the key of the cause that this would be a sign of, such as `memory_leak`.
        remedy: what to do about it.

    Raises:
        ValueError: an unknown severity, or no snapshot.
    """

    operator: str
    anomaly_type: str
    severity: Severity
    context: str
    observation: str
    snapshots: tuple[Snapshot, ...]
    trace_id: str
    hypothesis: str | None = None
    node: str = field(default_factory=node_name)
    entities: tuple[str, ...] = ()
    cause: str | None = None
    remedy: str | None = None
    id: str = field(default_factory=new_id)
    detected_at: datetime = field(default_factory=now)

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise ValueError(f"severity is {self.severity!r}; one of {', '.join(SEVERITIES)} is expected")
        if not self.snapshots:
            raise ValueError("a notification needs the snapshots that prove it; none was given")

    @property
    def summary(self) -> str:
        """Return the observation, under the name it had in BeamLens' first versions."""
        return self.observation

    def to_dict(self, *, snapshots: bool = True) -> dict[str, Any]:
        """Return it as plain JSON data; with `snapshots=False` only their ids."""
        return {
            "id": self.id,
            "operator": self.operator,
            "anomaly_type": self.anomaly_type,
            "severity": self.severity,
            "context": self.context,
            "observation": self.observation,
            "hypothesis": self.hypothesis,
            "snapshot_ids": [snapshot.id for snapshot in self.snapshots],
            **({"snapshots": [snapshot.to_dict() for snapshot in self.snapshots]} if snapshots else {}),
            "detected_at": self.detected_at.isoformat(),
            "node": self.node,
            "entities": list(self.entities),
            "cause": self.cause,
            "remedy": self.remedy,
            "trace_id": self.trace_id,
        }
