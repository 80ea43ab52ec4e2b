"""What is told of the processes of a group."""

from __future__ import annotations

from typing import Literal

from beamlens import telemetry

__all__ = ["told"]


def told(what: Literal["elected", "joined", "left", "lost"], node: str, pid: int) -> None:
    """Tell what became of a process: it was elected, has joined, is gone, or lost the elected one. Never raises."""
    telemetry.emit(("beamlens", "node", what), {}, {"node": node, "pid": pid})
