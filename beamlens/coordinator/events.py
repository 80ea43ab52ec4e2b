"""What the coordinator tells of itself; every event says whether it runs and how many notifications it holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from beamlens import telemetry

__all__ = ["CoordinatorEvents"]


class CoordinatorEvents:
    """Tell the coordinator's events. Any thread.

    Args:
        standing: returns whether it runs, and how many notifications it holds.
        trace_id: the run; None between runs.
    """

    def __init__(self, standing: Callable[[], tuple[bool, int]], trace_id: str | None = None) -> None:
        self._standing = standing
        self.trace_id = trace_id

    def tell(
        self, what: str, metadata: Mapping[str, Any] | None = None, measurements: Mapping[str, Any] | None = None
    ) -> None:
        """Tell an event."""
        running, count = self._standing()
        run = {} if self.trace_id is None else {"trace_id": self.trace_id}
        about = {"running": running, "notification_count": count, **run, **(metadata or {})}
        telemetry.emit(("beamlens", "coordinator", what), dict(measurements or {}), about)
