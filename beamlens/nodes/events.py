"""What is told of the processes of a group."""

from __future__ import annotations

from typing import Literal

from beamlens import telemetry

__all__ = ["told"]


def told(what: Literal["elected", "joined", "left"], node: str, pid: int) -> None:
    """Tell that a process was elected, has joined, or is gone. Any thread; never raises."""
    telemetry.emit(("beamlens", "node", what), {}, {"node": node, "pid": pid})
