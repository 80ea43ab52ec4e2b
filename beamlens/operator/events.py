"""What an operator tells of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beamlens import telemetry

__all__ = ["OperatorEvents"]


class OperatorEvents:
    """Tell the events of one operator. Any thread.

    Args:
        operator: its name.
        trace_id: the run; None between runs.
    """

    def __init__(self, operator: str, trace_id: str | None = None) -> None:
        self.operator = operator
        self.trace_id = trace_id

    def tell(self, what: str, metadata: Mapping[str, Any]) -> None:
        """Tell an event of the operator's own."""
        run = {} if self.trace_id is None else {"trace_id": self.trace_id}
        telemetry.emit(("beamlens", "operator", what), {}, {"operator": self.operator, **run, **metadata})
