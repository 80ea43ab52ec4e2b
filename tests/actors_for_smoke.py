"""Actors of the smoke test: other processes import them from here."""

from __future__ import annotations

import os
from typing import Any

from supervision import ProcessActor


class Counter(ProcessActor):
    """Count."""

    def __init__(self, value: int) -> None:
        super().__init__()
        self.value = value

    def up(self) -> int:
        """Count one up."""
        self.value += 1
        return self.value

    def on_receive(self, message: Any) -> Any:
        """Answer `pid` and `up`."""
        return os.getpid() if message == "pid" else self.up()
