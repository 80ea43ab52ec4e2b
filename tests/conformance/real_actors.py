"""The actors that play children in processes of their own, and the supervisors that play nested ones."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from supervision import NORMAL, SHUTDOWN, Down, ProcessActor, Ref, Registry, Supervisor, crash, shutdown

__all__ = ["Described", "Detached", "Named", "Player", "Recorder", "Top", "named_actors"]


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


class Detached(ProcessActor):
    """Cut every connection when told so, and go on."""

    def on_receive(self, message: Any) -> Any:
        os.closerange(3, 256)
        while True:
            time.sleep(60)


class Top(Supervisor):
    """Take flags and specifications as they are, for the library to check."""

    def init(self, flags: Any, specs: Any) -> Any:  # type: ignore[override]
        return flags, specs


class Named(ProcessActor):
    """Register, be found, watch, ask itself: whatever a test about names needs.

    Args:
        registry, keys: which registry it means, and of what kind.
        key: what to register under at the start.
    """

    def __init__(self, registry: str, keys: Any = "unique", key: str | None = None) -> None:
        super().__init__()
        self.registry = Registry(registry, keys)
        self.key = key
        self.downs: list[Any] = []

    def on_start(self) -> None:
        if self.key is not None:
            self.registry.register(self.key)

    def on_receive(self, message: Any) -> Any:
        match message:
            case Down():
                self.downs.append(message.reason)
            case "downs":
                return list(self.downs)
            case "pid":
                return os.getpid()
            case "ask yourself":
                return self.actor_ref.ask("pid")
            case ["register", key]:
                self.registry.register(key)
            case ["monitor", ref]:
                return self.monitor(ref)
            case ["sleep", seconds]:
                time.sleep(seconds)
            case ["end", reason]:
                self._end(reason)
            case [what, *arguments]:
                return getattr(self.registry, what)(*arguments)
        return None

    def _end(self, reason: str) -> None:
        if reason == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if reason == "normal":
            self.exit(NORMAL)
        raise RuntimeError(reason)


@contextmanager
def named_actors() -> Iterator[Callable[..., Ref]]:
    """Yield what starts a `Named`, with its arguments; those started are stopped in the end."""
    refs: list[Ref] = []

    def start(*args: Any) -> Ref:
        refs.append(Named.start(*args))
        return refs[-1]

    yield start
    for ref in refs:
        ref.stop()


class Recorder(ProcessActor):
    """Tell what it was started with.

    Args:
        arguments: anything.
        gate: a file without which it does not start.
    """

    def __init__(self, *arguments: Any, gate: str = "") -> None:
        super().__init__()
        self.arguments = list(arguments)
        self.gate = gate

    def on_start(self) -> None:
        if self.gate and not os.path.exists(self.gate):
            raise RuntimeError("the gate is closed")

    def on_receive(self, message: Any) -> Any:
        if message == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        return self.arguments


class Described(Recorder):
    """Say itself how it wants to be supervised."""

    @classmethod
    def child_spec(cls, name: str = "described") -> dict[str, Any]:
        return {"id": name, "start": (cls, ()), "restart": "transient"}
