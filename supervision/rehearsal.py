"""The actor that a spare plays before its real part."""

from __future__ import annotations

from typing import Any

from supervision.actor import ProcessActor

__all__ = ["Rehearsal"]


class Rehearsal(ProcessActor):
    """Answer with the message."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0

    def on_receive(self, message: Any) -> Any:
        """Return the message."""
        self.seen += 1
        return message
