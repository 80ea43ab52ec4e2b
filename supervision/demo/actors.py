"""The actors of the demo: they do nothing but answer, and die as they are told."""

from __future__ import annotations

import faulthandler
import os
import sys
from typing import Any, Final

from supervision import ProcessActor

__all__ = ["LAST_WORDS", "Service"]

LAST_WORDS: Final = ("exception", "sys.exit(3)", "os._exit(3)")
"""How a `Service` can end when it is told so."""


class Service(ProcessActor):
    """Answer every message with the id of the process that it is in."""

    def on_start(self) -> None:
        """Leave the telling of crashes to the demo: the interpreter's own report would tear the drawing."""
        faulthandler.disable()

    def on_receive(self, message: Any) -> int:
        """Answer, or end in the way that the message names."""
        if message == "exception":
            raise RuntimeError("the demo told this actor to fail")
        if message == "sys.exit(3)":
            sys.exit(3)
        if message == "os._exit(3)":
            os._exit(3)
        return os.getpid()
