"""A process that SIGKILL does not end, since it waits in the kernel: supervision goes on without it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from supervision import ChildSpec, Supervisor
from supervision.process import child_process
from supervision.process.child_process import ChildProcess
from supervision.testing import capture_events, wait_until
from tests.faults.actors import Subject
from tests.faults.helpers import alive, answering_pid, own_descriptors, own_runtime, tree_of

ABANDONED = ("supervision", "child", "abandoned")
DOWN = ("supervision", "child", "down")
SHUTDOWN_ERROR = ("supervision", "supervisor", "shutdown_error")


@pytest.fixture
def immune(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[int]]:
    """Yield the processes that our signals do not reach; those that still live are ended afterwards."""
    numbers: set[int] = set()
    send = ChildProcess.signal

    def signal_those_that_hear(self: ChildProcess, number: int) -> None:
        if self.pid not in numbers:
            send(self, number)

    monkeypatch.setattr(child_process, "_UNKILLABLE_SECONDS", 0.3)
    monkeypatch.setattr(ChildProcess, "signal", signal_those_that_hear)
    yield numbers
    for pid in filter(alive, numbers):
        os.kill(pid, signal.SIGKILL)


def freeze(pid: int, immune: set[int]) -> None:
    """Have a process do nothing more and hear no signal of ours: as in uninterruptible sleep."""
    immune.add(pid)
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: _state(pid) == "T")


def _state(pid: int) -> str:
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(") ")[2][0]


def child(key: str, **options: Any) -> ChildSpec:
    return ChildSpec(id=key, start=(Subject, (), {}), **{"shutdown": 0.1, **options})


@pytest.mark.parametrize("shutdown", [0.1, "brutal_kill"])
def test_a_child_that_cannot_be_killed_is_given_up_and_told_once(immune: set[int], shutdown: Any) -> None:
    with (
        own_runtime(spares=0),
        tree_of(child("a", shutdown=shutdown), child("b")) as tree,
        capture_events([ABANDONED, DOWN, SHUTDOWN_ERROR]) as captured,
    ):
        pid, other = answering_pid(tree["a"]), answering_pid(tree["b"])
        before = own_descriptors()
        freeze(pid, immune)
        tree.terminate_child("a")
        assert captured.wait_for(lambda event: event.name == ABANDONED).metadata == {"pid": pid}
        assert captured.wait_for(lambda event: event.name == DOWN).metadata["reason"].kind == "killed"  # type: ignore[attr-defined]
        assert len(captured.named(SHUTDOWN_ERROR)) == (shutdown != "brutal_kill")
        assert alive(pid)
        # The supervisor serves on: another child heals, and this one can be had again.
        os.kill(other, signal.SIGKILL)
        assert answering_pid(tree["b"], other_than=other)
        tree.restart_child("a")
        assert answering_pid(tree["a"]) != pid
        # What was held for it is given back when it ends after all.
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not os.path.exists(f"/proc/{pid}"))
        wait_until(lambda: len(own_descriptors()) == len(before))
        wait_until(lambda: len(captured.named(DOWN)) == 2)
        assert [event.metadata["id"] for event in captured.named(DOWN)] == ["a", "b"]


def test_one_that_breaks_the_protocol_and_cannot_be_killed_is_replaced(immune: set[int]) -> None:
    with tree_of(child("a")) as tree, capture_events([ABANDONED]) as captured:
        pid = answering_pid(tree["a"])
        immune.add(pid)
        tree["a"].tell(("raw_and_sleep", b"\xff\xff\xff\xff"))
        assert answering_pid(tree["a"], other_than=pid)
        captured.wait_for(lambda event: event.metadata["pid"] == pid)
        assert alive(pid)


def test_a_tree_with_such_children_stops(immune: set[int]) -> None:
    with own_runtime(spares=0):
        tree = Supervisor.start([child(key) for key in "abc"])
        for key in "ac":
            freeze(answering_pid(tree[key]), immune)
        began = time.monotonic()
        assert tree.stop(timeout=20)
        assert 2 * 0.4 <= time.monotonic() - began < 10
        for pid in immune:
            os.kill(pid, signal.SIGKILL)


def test_were_it_waited_for_the_tree_would_never_stop(immune: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ChildProcess, "_abandon", lambda self: None)
    tree = Supervisor.start([child("a")])
    pid = answering_pid(tree["a"])
    freeze(pid, immune)
    future = tree.stop(block=False)
    assert not future.wait(1.0)
    os.kill(pid, signal.SIGKILL)
    assert future.get(timeout=10)


def test_a_child_that_may_not_be_signalled_is_given_up_as_well(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It has become another user's, by a program with the set-user-ID bit: the kernel refuses."""

    def refuse(_fd: int, _number: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(child_process, "_UNKILLABLE_SECONDS", 0.2)
    with own_runtime(spares=0), tree_of(child("a", shutdown="brutal_kill")) as tree:
        pid = answering_pid(tree["a"])
        with monkeypatch.context() as patch:
            patch.setattr(signal, "pidfd_send_signal", refuse)
            tree.terminate_child("a")
        assert alive(pid)
        wait_until(lambda: any("may not be signalled" in record.getMessage() for record in caplog.records))
        os.kill(pid, signal.SIGKILL)
