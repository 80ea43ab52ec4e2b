"""Feed the state machine event by event, and look at what it wants done."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, TypeVar

from supervision.decisions import (
    Action,
    Boot,
    Call,
    Event,
    Exited,
    Mode,
    Request,
    SendSelf,
    Start,
    Started,
    State,
    initial,
    step,
)
from supervision.exits import ExitReason, crash
from supervision.spec import ChildSpec

A = TypeVar("A")
CRASH = crash("boom")


def function(*args: object) -> None:
    """Stand for the start of a child."""


def spec(name: Hashable, **fields: Any) -> ChildSpec:
    return ChildSpec(id=name, start=(function, (), {}), **fields)


class Driver:
    """Be a machine with a clock; `actions` are those of the last event."""

    def __init__(self, *specs: ChildSpec, mode: Mode = "ordinary", options: Any = None, **flags: Any) -> None:
        self.state: State = initial({"period": 3600, "intensity": 100, **flags}, specs, mode, **(options or {}))
        self.actions: tuple[Action, ...] = ()
        self.now = 0.0
        self.numbers = 0

    def feed(self, *events: Event) -> tuple[Action, ...]:
        """Feed events and return the actions of all of them."""
        self.actions = ()
        for event in events:
            self.state, actions = step(self.state, event, self.now)
            self.actions += actions
        return self.actions

    def up(self) -> Driver:
        """Boot, and let every start succeed."""
        self.feed(Boot())
        return self.serve()

    def serve(self) -> Driver:
        """Let the start that is due succeed, and those after it."""
        collected = self.actions
        while self.state.work is not None and self.state.work.phase == "start":
            self.numbers += 1
            collected += self.feed(Started(self.state.work.awaiting, f"p{self.numbers}"))
        self.actions = collected
        return self

    def ask(self, number: int, call: Call) -> tuple[Action, ...]:
        return self.feed(Request(number, call))

    def pid(self, key: Hashable) -> Hashable:
        return self.state.children[key].pid

    def crash(self, key: Hashable, reason: ExitReason = CRASH) -> tuple[Action, ...]:
        return self.feed(Exited(key, self.pid(key), reason))

    def retries(self) -> list[Event]:
        return [action.event for action in self.actions if isinstance(action, SendSelf)]

    def of(self, kind: type[A]) -> list[A]:
        """Return the last actions of one kind."""
        return [action for action in self.actions if isinstance(action, kind)]

    def starts(self) -> list[Hashable]:
        return [action.key for action in self.of(Start)]
