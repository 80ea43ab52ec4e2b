"""What a benchmark is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Options"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Hold the choices of one run.

    Args:
        quick: the short form, under 30 seconds.
        smoke: the shortest form that still runs every line: a test's. Its figures mean nothing.
        peers: measure other software beside ours, whichever is installed.
        chart: a folder to draw into; None draws nothing unless `peers` is set.
    """

    quick: bool = False
    smoke: bool = False
    peers: bool = False
    chart: Path | None = None

    def count(self, full: int, quick: int, smoke: int = 2) -> int:
        """Return how often to do something."""
        return smoke if self.smoke else quick if self.quick else full
