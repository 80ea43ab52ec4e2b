"""The same programs for Pykka's threads and for processes: only the base class differs."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

import pykka

from supervision import ProcessActor


class Playback:
    """Be reached through a proxy."""

    def __init__(self) -> None:
        self.volume = 3
        self.deep = Deep()

    def louder(self, by: int = 1) -> int:
        self.volume += by
        return self.volume

    def broken(self) -> None:
        raise LookupError("no such track")


@pykka.traversable
class Deep:
    """Be reached through a proxy of a proxy."""

    def __init__(self) -> None:
        self.level = "two"

    def echo(self, value: Any) -> Any:
        return value


class NotTraversable:
    """Stay inside the actor."""

    secret = 1


class Program:
    """Be everything of the actor but its base class."""

    colour = "red"
    playback_of_class = pykka.traversable(Playback())

    def __init__(self, recorder: Any = None, value: int = 0, **options: Any) -> None:
        super().__init__()  # of whichever actor type stands beside
        me: Any = self
        self.recorder = recorder
        self.value = value
        self.options = options
        self.playback = pykka.traversable(Playback())
        self.hidden = NotTraversable()
        self.function = len
        self._private = "hidden"
        self._in_future = me.actor_ref.proxy()

    # -- hooks

    def on_start(self) -> None:
        self.value += 100
        self._tell("on_start")

    def on_stop(self) -> None:
        self._tell("on_stop")

    def on_failure(self, kind: Any, value: Any, traceback: Any) -> None:
        self._tell(["on_failure", kind.__name__, str(value), traceback is not None])

    def _tell(self, what: Any) -> None:
        if self.recorder is not None:
            self.recorder.tell(what)

    # -- messages

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, list | tuple) and message and message[0] == "ask":
            return message[1].ask(message[2])
        if message == "raise":
            raise ValueError("raised in on_receive")
        if message == "me":
            me: Any = self
            return me.actor_ref
        if message == "start another":
            another: Any = type(self)
            return another.start(self.recorder, 1000)
        if isinstance(message, dict) and "wait for" in message:
            self._tell("waiting")
            while not os.path.exists(message["wait for"]):
                time.sleep(0.001)
        if isinstance(message, dict) and message.get("log"):
            self._tell(message["log"])
        return message

    # -- methods

    def add(self, number: int, *, twice: bool = False) -> int:
        self.value += number * (2 if twice else 1)
        return self.value

    def get(self) -> int:
        return self.value

    def numbers(self, *numbers: int) -> list[int]:
        return list(numbers)

    def fail(self, text: str = "method failed") -> None:
        raise KeyError(text)

    def grow(self) -> None:
        """Get an attribute that it did not have at its start."""
        self.later: Any = "grown"

    def stop_self(self) -> str:
        me: Any = self
        me.stop()
        return "last answer"

    def count_down(self, number: int) -> None:
        """Do a long job in steps, through a proxy to itself."""
        self._tell(number)
        if number:
            self._in_future.count_down(number - 1)

    def count_down_deferred(self, number: int) -> None:
        self._tell(number)
        if number:
            self._in_future.count_down_deferred.defer(number - 1)

    def own_value_later(self) -> Any:
        """Ask a proxy to itself for an attribute, whose future is read afterwards."""
        self.later = self._in_future.value
        self._in_future.tell_later.defer()
        return None

    def tell_later(self) -> None:
        self._tell(self.later.get(timeout=5))

    def call_other(self, other: Any, number: int) -> Any:
        return other.proxy().add(number).get()


class Notebook:
    """Keep what it is told; answer `all` with it."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Any] = []

    def on_receive(self, message: Any) -> Any:
        if message == "all":
            return list(self.heard)
        self.heard.append(message)
        return None


class Silent:
    """Have no `on_receive`."""


class ThreadProgram(Program, pykka.ThreadingActor):
    pass


class ProcessProgram(Program, ProcessActor):
    pass


class ThreadNotebook(Notebook, pykka.ThreadingActor):
    pass


class ProcessNotebook(Notebook, ProcessActor):
    pass


class ThreadSilent(Silent, pykka.ThreadingActor):
    pass


class ProcessSilent(Silent, ProcessActor):
    pass


@dataclass(frozen=True)
class Kind:
    """Name the classes of one kind of actors."""

    program: Any
    notebook: Any
    silent: Any


THREADS = Kind(ThreadProgram, ThreadNotebook, ThreadSilent)
PROCESSES = Kind(ProcessProgram, ProcessNotebook, ProcessSilent)
