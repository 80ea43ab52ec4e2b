"""The events of groups of processes."""

from __future__ import annotations

from typing import Final

from beamlens.telemetry.event import Event, Severity, event
from beamlens.telemetry.shared_fields import SYSTEM_TIME

__all__ = ["NODE_EVENTS"]


def _node(name: str, meaning: str, severity: Severity = "info") -> Event:
    return event(f"node.{name}", "ours", meaning, "node: str", "pid: int", measurements=SYSTEM_TIME, severity=severity)


NODE_EVENTS: Final[tuple[Event, ...]] = (
    _node("elected", "This process runs the operators of its group from now on."),
    _node("joined", "Another process has joined this one; the operators look into it, too."),
    _node("left", "A process that had joined this one is gone."),
    _node(
        "lost",
        "The elected process is gone, and what ran in it; who waits here for a run has the next one begin it anew.",
        "warning",
    ),
)
