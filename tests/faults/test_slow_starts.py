"""A tree that is killed while a child on a thread, or a nested supervisor, is still being started."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, ClassVar

import pykka
import pytest

from supervision import ChildSpec, RequestError, Supervisor
from supervision.testing import wait_until
from supervision.tree.nested_runner import NestedRunner
from supervision.tree.thread_runner import ThreadRunner
from tests.faults.helpers import outcome_of


class Gate:
    """Hold up whoever passes until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def hold(self) -> None:
        self.reached.set()
        assert self.opened.wait(30)


class SlowOnAThread(pykka.ThreadingActor):
    """Wait in `on_start`."""

    gate: ClassVar[Gate]

    def on_start(self) -> None:
        self.gate.hold()


class SlowInit(Supervisor):
    """Wait in `init`, which would start a child."""

    gate: ClassVar[Gate]

    def init(self) -> Any:  # type: ignore[override]
        self.gate.hold()
        return {}, [ChildSpec(id="below", start=(SlowOnAThread, (), {}))]


@pytest.fixture
def gate() -> Iterator[Gate]:
    """Hold up both."""
    gate = SlowOnAThread.gate = SlowInit.gate = Gate()
    yield gate
    gate.opened.set()
    wait_until(lambda: _threads() == [])


def _threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(("SlowOnAThread", "init-"))]


def _start_slowly(tree: Any, cls: type[Any], gate: Gate) -> list[str]:
    """Begin to start a child; return where its outcome will be once the start hangs."""
    outcomes: list[str] = []

    def start() -> None:
        outcomes.append(outcome_of(lambda: tree.start_child(ChildSpec(id="slow", start=(cls, (), {}))), 30))

    threading.Thread(target=start, daemon=True).start()
    assert gate.reached.wait(20)
    return outcomes


@pytest.mark.parametrize("cls", [SlowOnAThread, SlowInit])
def test_the_kill_does_not_wait_and_nothing_runs_when_the_start_comes_to_its_end(gate: Gate, cls: type[Any]) -> None:
    tree = Supervisor.start([])
    outcomes = _start_slowly(tree, cls, gate)
    assert tree.kill(timeout=10)
    wait_until(lambda: outcomes)
    assert outcomes == [RequestError.__name__]
    gate.opened.set()
    wait_until(lambda: _threads() == [])
    assert pykka.ActorRegistry.get_by_class(SlowOnAThread) == []


def test_were_it_not_asked_when_it_has_started_the_thread_would_stay(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = ThreadRunner._opened
    ignored: list[ThreadRunner] = []

    def ignore_that_it_was_killed(self: ThreadRunner) -> None:
        ignored.append(self)

    monkeypatch.setattr(ThreadRunner, "_opened", ignore_that_it_was_killed)
    tree = Supervisor.start([])
    _start_slowly(tree, SlowOnAThread, gate)
    assert tree.kill(timeout=10)
    gate.opened.set()
    wait_until(lambda: ignored)
    with pytest.raises(TimeoutError):
        wait_until(lambda: _threads() == [], timeout=0.3)
    opened(ignored[0])


def test_were_the_init_waited_for_the_kill_would_wait(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    kill = NestedRunner.kill
    with monkeypatch.context() as patch:
        patch.setattr(NestedRunner, "kill", lambda self: kill(self) if self.performer is not None else None)
        tree = Supervisor.start([])
        _start_slowly(tree, SlowInit, gate)
        with pytest.raises(pykka.Timeout):
            tree.kill(timeout=0.3)
        gate.opened.set()
        wait_until(lambda: tree.reason is not None)
