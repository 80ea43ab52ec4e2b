"""Whole trees for tests: a script or the rules for a model, and an ear that holds every event against the table."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from beamlens import Skill, telemetry
from beamlens.lens import Lens
from beamlens.supervisor import Beamlens
from beamlens.telemetry import EventName, Measurements, Metadata
from beamlens.testing import StubAnthropic
from supervision import Ref
from supervision.testing import wait_until

__all__ = ["ALPHA_AND_BETA", "Heard", "Toy", "asking", "finding", "hearing", "kill", "tree", "turns", "watched"]


class Toy(Skill):
    id = "toy"
    title = "Toy"
    description = "A toy."
    system_prompt = "You watch a toy."

    def snapshot(self) -> dict[str, Any]:
        return {"n": 1}

    def callbacks(self) -> dict[str, Callable[..., Any]]:
        return {"toy_n": lambda: 5}

    def callback_docs(self) -> str:
        return "### toy_n()\nA number."


ALPHA_AND_BETA = ({"name": "alpha", "skill": Toy}, {"name": "beta", "skill": Toy})


@dataclass(frozen=True, slots=True)
class Heard:
    """One event."""

    name: str
    measurements: dict[str, Any]
    metadata: dict[str, Any]

    @property
    def who(self) -> str:
        """Return who told it: an operator's name, `coordinator`, or nobody."""
        caller = str(self.metadata.get("caller", ""))
        if "operator" in self.metadata and self.name.startswith("operator."):
            return str(self.metadata["operator"])
        return caller.removeprefix("operator:") or self.name.partition(".")[0]


class Ear:
    """Keep what is heard, in order; call back where a test wants to interfere. The callbacks must not wait."""

    def __init__(self) -> None:
        self.events: list[Heard] = []
        self.violations: list[str] = []
        self.on_event: Callable[[Heard], object] = lambda event: None
        self._lock = threading.Lock()

    def hear(self, name: EventName, measurements: Measurements, metadata: Metadata, config: object) -> None:
        event = Heard(".".join(name[1:]), dict(measurements), dict(metadata))
        with self._lock:
            self.events.append(event)
            self.violations += telemetry.check(name, measurements, metadata)
        self.on_event(event)

    def named(self, *names: str) -> list[Heard]:
        """Return the events of these names."""
        return [event for event in list(self.events) if event.name in names]

    def of(self, who: str) -> list[str]:
        """Return the names of what somebody told, in order."""
        return [event.name for event in list(self.events) if event.who == who]

    def wait_for(self, name: str, count: int = 1, seconds: float = 15.0) -> Heard:
        """Wait until an event was told so often; return the last of them."""
        wait_until(lambda: len(self.named(name)) >= count, seconds)
        return self.named(name)[count - 1]


@contextlib.contextmanager
def hearing() -> Iterator[Ear]:
    """Hear all events; afterwards each must have had the keys and types that the table promises."""
    ear = Ear()
    telemetry.attach_many("ear", telemetry.event_names(), ear.hear)
    try:
        yield ear
    finally:
        telemetry.detach("ear")
    assert not ear.violations, ear.violations[:5]


def kill(part: Ref) -> None:
    """Kill the process of an actor, once it has one."""
    pid = wait_until(lambda: part.pid)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def turns(*steps: Any) -> dict[str, Any]:
    """Return a script that finds its place by the conversation, and so survives the death of any part."""
    return {"steps": list(steps), "position": "turns"}


def finding(observation: str = "n is 1", **more: Any) -> tuple[str, dict[str, Any]]:
    """Return the step that reports something."""
    return (
        "send_notification",
        {
            "type": "toy",
            "context": "a toy",
            "observation": observation,
            "severity": "warning",
            "snapshot_ids": [{"$last_snapshot_id": True}],
            **more,
        },
    )


@contextlib.contextmanager
def tree(script: Any, operators: Any = (Toy,), **options: Any) -> Iterator[Lens]:
    """Start a tree of a script; options as of `Beamlens`, `rules=True` lets the coordinator work by the rules."""
    scripted = {"name": "scripted", "provider": "scripted", "options": {"script": script}}
    clients = {"primary": "scripted", "clients": [scripted, {"name": "rules", "provider": "rules"}]}
    if options.pop("rules", False):
        options["coordinator"] = {"client": "rules", **options.get("coordinator", {})}
    settings = {"transcripts": False, "control": False, "retry_waits": (0.01, 0.02), **options}
    lens = Beamlens.start(operators=operators, client_registry=clients, **settings)
    try:
        yield lens
    finally:
        lens.stop()


@contextlib.contextmanager
def watched(script: Any, operators: Any = (Toy,), **options: Any) -> Iterator[tuple[Lens, Ear]]:
    """Do as `tree`, and hear it."""
    with hearing() as ear, tree(script, operators, **options) as lens:
        yield lens, ear


KEY = "BEAMLENS_TEST_KEY"
SECRET = "sk-ant-api03-of-a-test"


@contextlib.contextmanager
def asking(stub: StubAnthropic, operators: Any = (Toy,), **options: Any) -> Iterator[tuple[Lens, Ear]]:
    """Start a tree whose model is Anthropic's SDK, talking to a local server."""
    client = {"name": "stub", "provider": "anthropic", "options": {"base_url": stub.url, "api_key_env": KEY}}
    settings = {"transcripts": False, "control": False, "retry_waits": (0.01, 0.02), **options}
    os.environ[KEY] = SECRET
    try:
        with hearing() as ear:
            lens = Beamlens.start(
                operators=operators, client_registry={"primary": "stub", "clients": [client]}, **settings
            )
            try:
                yield lens, ear
            finally:
                lens.stop()
    finally:
        del os.environ[KEY]
