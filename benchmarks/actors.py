"""The actors that are measured; other processes import them from here."""

from __future__ import annotations

import os
from typing import Any

import pykka

from supervision import ProcessActor

__all__ = ["Counter", "Echo", "Known", "ThreadEcho"]


class Echo(ProcessActor):
    """Answer what was asked."""

    def on_receive(self, message: Any) -> Any:
        """Return the message."""
        return message


class Known(ProcessActor):
    """Answer with the process id beside the message: who answered is part of the figure."""

    def on_receive(self, message: Any) -> Any:
        """Return the process id and the message."""
        return [os.getpid(), message]


class Counter(ProcessActor):
    """Count what is told; answer an ask with the count so far and begin anew."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def on_receive(self, message: Any) -> Any:
        """Count one, or return the count."""
        if message == "count":
            count, self.count = self.count, 0
            return count
        self.count += 1
        return None


class ThreadEcho(pykka.ThreadingActor):
    """Answer what was asked, as a thread of this process: what Pykka itself offers."""

    def on_receive(self, message: Any) -> Any:
        """Return the message."""
        return message
