"""The skills that the tests run: a good one, and one that does everything wrong that can be done."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from beamlens.skills.checks import Check, Threshold
from beamlens.skills.functions import skill
from beamlens.skills.skill import RunsIn, Skill


class Named(Skill):
    """What the others need not repeat."""

    title = "Test"
    description = "A skill of the tests"
    system_prompt = "You watch a test."
    snapshot_seconds = 10.0


class Good(Named):
    """Do all that a skill does, and keep a journal of its life."""

    id = "good"

    def __init__(self, journal: list[str] | None = None, tag: str = "") -> None:
        self.journal = journal if journal is not None else []
        self.tag = tag

    def snapshot(self) -> Mapping[str, Any]:
        return {"n": 1, "pair": (1, 2), "tag": self.tag, "pid": os.getpid(), "observed": self.pid}

    def callbacks(self) -> Mapping[str, Callable[..., Any]]:
        return {
            "good_add": self.add,
            "good_thread": lambda: threading.current_thread().name,
            "good_secret": self.secret,
        }

    def callback_docs(self) -> str:
        return "### good_add(a, b)\nThe sum.\n\n### good_thread()\nThe thread.\n\n### good_secret()\nA secret."

    def checks(self) -> Sequence[Check]:
        return [Check("high", Threshold("n", ">", 10), "n is {value}")]

    def add(self, a: int, b: int = 1) -> int:
        return a + b

    def secret(self) -> dict[str, str]:
        return {"token": "hunter2"}

    def start(self) -> None:
        self.journal.append(f"start {self.tag}".strip())

    def stop(self) -> None:
        self.journal.append(f"stop {self.tag}".strip())


class InOperator(Good):
    """Run in the operator's process."""

    id = "in_operator"
    runs_in: ClassVar[RunsIn] = "operator"


class Hanging(Named):
    """Hang where it is told to, until the gate opens."""

    id = "hanging"
    snapshot_seconds = 10.0
    callback_seconds = 0.3

    def __init__(self, gate: threading.Event, where: str = "hang", entered: threading.Event | None = None) -> None:
        self.gate = gate
        self.where = where
        self.entered = entered or threading.Event()
        if where == "init":
            self.hang()

    def start(self) -> None:
        if self.where == "start":
            self.hang()

    def stop(self) -> None:
        if self.where == "stop":
            self.hang()

    def snapshot(self) -> Mapping[str, Any]:
        return {"fine": True}

    def callbacks(self) -> Mapping[str, Callable[..., Any]]:
        return {"hanging_hang": self.hang, "hanging_pid": os.getpid}

    def hang(self) -> str:
        self.entered.set()
        self.gate.wait(30)
        return "over"


class Text:
    """An object that JSON knows nothing of, with a secret in what it is."""

    def __repr__(self) -> str:
        return "<Text hunter2>"


class Gone(Exception):
    """An error whose text cannot be had."""

    def __str__(self) -> str:
        raise SystemExit(3)


@dataclass
class Row:
    """A row."""

    name: str
    value: float


def _raises(error: BaseException) -> Callable[[], Any]:
    def function() -> Any:
        local_secret = "canary-of-a-local"  # noqa: F841
        raise error

    return function


def _recursion() -> int:
    return 1 + _recursion()


def _memory() -> Any:
    return bytearray(2**62)


def _endless() -> Any:
    while True:
        yield "x" * 100


class Wrong(Named):
    """Do wrong whatever can be done wrong."""

    id = "wrong"

    def snapshot(self) -> Mapping[str, Any]:
        return [1, 2]  # type: ignore[return-value]

    def callbacks(self) -> Mapping[str, Callable[..., Any]]:
        loop: list[Any] = []
        loop.append(loop)
        return {
            "wrong_raise": _raises(ValueError("no such thing: hunter2")),
            "wrong_exit": _raises(SystemExit(1)),
            "wrong_interrupt": _raises(KeyboardInterrupt()),
            "wrong_text": _raises(Gone()),
            "wrong_long": _raises(ValueError("x" * 100_000)),
            "wrong_recursion": _recursion,
            "wrong_memory": _memory,
            "wrong_gigabyte": lambda: ["x" * 1000 for _ in range(2000)],
            "wrong_endless": _endless,
            "wrong_loop": lambda: loop,
            "wrong_object": lambda: {"rows": [{"ok": 1}, {"thing": Text()}]},
            "wrong_rows": lambda: [Row("a", float("nan"))],
            "wrong_module": lambda: sys,
        }


class BrokenStart(Named):
    """Fail to start as often as it is told to, then work."""

    id = "broken_start"

    def __init__(self, failures: list[int], journal: list[str]) -> None:
        self.failures = failures
        self.journal = journal

    def start(self) -> None:
        self.journal.append("start")
        if self.failures:
            raise RuntimeError(f"failure {self.failures.pop()}")

    def stop(self) -> None:
        self.journal.append("stop")

    def snapshot(self) -> Mapping[str, Any]:
        return {"up": True}


class BrokenStop(Good):
    """Raise in `stop`."""

    id = "broken_stop"

    def stop(self) -> None:
        raise RuntimeError("cannot stop")


plain = skill("plain", title="Plain", description="Made of functions", system_prompt="You watch.", runs_in="operator")


@plain.snapshot
def take() -> dict[str, Any]:
    """Return where it runs."""
    return {"pid": os.getpid()}


@plain.callback
def twice(number: int, times: int = 2) -> int:
    """A number, twice or more.

    `times`: how often.
    """
    return number * times
