"""Actors that fail, for trees that are watched."""

from __future__ import annotations

from typing import Any

from supervision import ProcessActor


class Steady(ProcessActor):
    """Answer, or raise when it is told."""

    def on_receive(self, message: Any) -> str:
        if message == "fail":
            raise RuntimeError("card number 4242424242424242 was refused")
        return "well"
