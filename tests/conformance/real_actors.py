"""The actors that play children in processes of their own, and the supervisors that play nested ones."""

from __future__ import annotations

import time
from typing import Any

from supervision import NORMAL, SHUTDOWN, ProcessActor, Supervisor, crash, shutdown

__all__ = ["Player", "Top"]


class Player(ProcessActor):
    """Wait to be told to end; when asked to stop, end in the way that the scenario says.

    Args:
        path: whom it plays.
        trap: whether it deals itself with being asked to stop.
        on_shutdown: how, if so.
        instance: what an instance of a template has of its own.
    """

    def __init__(
        self, path: str, trap: bool = False, on_shutdown: Any = "same", instance: dict[str, Any] | None = None
    ) -> None:
        super().__init__()
        own = instance or {}
        self.path = path
        self.traps = own.get("trap", trap)
        self.way = own.get("on_shutdown", on_shutdown)
        self.is_leaving = False

    def on_receive(self, message: Any) -> Any:
        self.is_leaving = True
        match message:
            case "normal":
                self.exit(NORMAL)
            case "shutdown":
                self.exit(SHUTDOWN)
            case ["shutdown", detail]:
                self.exit(shutdown(detail))
            case "path":
                self.is_leaving = False
                return self.path
        raise RuntimeError(message)

    def on_stop(self) -> None:
        if not self.traps or self.is_leaving:
            return
        match self.way:
            case "normal":
                self.exit(NORMAL)
            case "crash":
                self.exit(crash("crash_on_stop"))
            case ["shutdown", detail]:
                self.exit(shutdown(detail))
            case ["slow", milliseconds]:
                time.sleep(milliseconds / 1000)
            case "ignore":
                while True:
                    time.sleep(60)


class Top(Supervisor):
    """Take flags and specifications as they are, for the library to check."""

    def init(self, flags: Any, specs: Any) -> Any:  # type: ignore[override]
        return flags, specs
