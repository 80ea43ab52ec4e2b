"""Trees of agents with a scripted model, and what they tell."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from beamlens import legion
from beamlens.legion import telemetry

Tree = Callable[..., Any]


@pytest.fixture
def start() -> Iterator[Tree]:
    """Start trees whose agents follow a script; they are stopped at the end."""
    trees: list[Any] = []

    def begin(script: Any = (), **options: Any) -> Any:
        if "beamlens" not in options and "provider" not in options:
            options |= {"provider": "scripted", "provider_options": {"script": script}}
        trees.append(legion.Legion.start(name=f"legion-{len(trees)}", **options))
        return trees[-1]

    yield begin
    for tree in trees:
        tree.stop()


class Told:
    """Collect events as (dotted name without the first part, measurements, metadata)."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
        self._lock = threading.Lock()

    def __call__(self, name: Any, measurements: Any, metadata: Any, _config: Any) -> None:
        with self._lock:
            self.events.append((".".join(name[1:]), dict(measurements), dict(metadata)))

    def names(self) -> list[str]:
        return [name for name, _, _ in self.events]

    def of(self, name: str) -> list[dict[str, Any]]:
        return [metadata for told, _, metadata in self.events if told == name]


@pytest.fixture
def told() -> Iterator[Told]:
    """Hear all events of Legion; each is held against the table."""
    found = Told()
    telemetry.attach_many("test-legion", telemetry.event_names(), found)
    yield found
    telemetry.detach("test-legion")
    wrong = [
        problem
        for name, measurements, metadata in found.events
        for problem in telemetry.check(("legion", *name.split(".")), measurements, metadata)
    ]
    assert not wrong


def reply(action: str, code: str = "", result: Any = None) -> list[Any]:
    """Return a step of a script."""
    return ["reply", {"action": action, "code": code, "result": result}]
