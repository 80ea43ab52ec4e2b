"""The drawing of a running tree."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator

import pykka
import pytest

from supervision import Backoff, ChildSpec, DynamicSupervisor, Ignore, ProcessActor, Supervisor
from supervision.process.application import application
from supervision.testing import wait_until
from supervision.tree.rendering import render
from tests.conformance.real_actors import Recorder


class OnAThread(pykka.ThreadingActor):
    """Be a child in this process."""


class Declines(ProcessActor):
    def on_start(self) -> None:
        raise Ignore


@pytest.fixture(autouse=True)
def trees() -> Iterator[None]:
    yield
    for tree in list(application().trees):
        tree.stop()


def drawn(text: str) -> list[str]:
    """Return the lines with what changes from run to run replaced."""
    text = re.sub(r"\d+\.\d MB", "MB", text)
    text = re.sub(r"in process \d+", "in process N", text)
    return re.sub(r"pid \d+", "pid N", text).splitlines()


def test_an_empty_tree() -> None:
    tree = Supervisor.start([], name="shop")
    assert drawn(tree.render()) == ["shop  supervisor, one_for_one, running, in process N"]
    assert tree.render().endswith(f"in process {os.getpid()}")


def test_every_kind_of_child_in_start_order() -> None:
    inner = [ChildSpec(id="x", start=(Recorder, ())), ChildSpec(id="y", start=(Recorder, ()))]
    tree = Supervisor.start(
        [
            ChildSpec(id="worker", start=(Recorder, ())),
            ChildSpec(id="thread", start=(OnAThread, ())),
            ChildSpec(id="inner", start=(Supervisor, (inner,), {"strategy": "one_for_all"}), type="supervisor"),
            ChildSpec(id="pool", start=(DynamicSupervisor, ()), type="supervisor"),
            Declines,
        ],
        name="shop",
    )
    tree["pool"].start_child(ChildSpec(id="job", start=(Recorder, ())))
    assert drawn(tree.render()) == [
        "shop  supervisor, one_for_one, running, in process N",
        "├─ worker  running  pid N  MB",
        "├─ thread  running  thread",
        "├─ inner  running  supervisor, one_for_all",
        "│  ├─ x  running  pid N  MB",
        "│  └─ y  running  pid N  MB",
        "├─ pool  running  supervisor, one_for_one",
        "│  └─ job  running  pid N  MB",
        "└─ Declines  undefined",
    ]
    assert f"worker  running  pid {tree['worker'].pid}  " in tree.render()


def test_restarts_are_counted_and_a_waiting_child_is_shown() -> None:
    tree = Supervisor.start(
        [
            ChildSpec(id="a", start=(Recorder, ())),
            ChildSpec(id="b", start=(Recorder, ()), backoff=Backoff(initial=60, maximum=60)),
        ],
        intensity=5,
        name="shop",
    )
    for restarts in ("1 restart", "2 restarts"):
        pid = tree["a"].pid
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda pid=pid: tree["a"].pid not in (None, pid))  # type: ignore[misc]
        assert tree["a"].ask("arguments") == []
        assert drawn(tree.render())[1] == f"├─ a  running  pid N  MB  {restarts}"
    os.kill(tree["b"].pid, signal.SIGKILL)
    wait_until(lambda: tree.count_children().active == 1)
    assert drawn(tree.render())[2] == "└─ b  restarting"


def test_a_stopped_tree() -> None:
    tree = Supervisor.start([Recorder], name="shop")
    tree.stop()
    assert drawn(tree.render()) == [
        "shop  supervisor, one_for_one, stopped, in process N",
        "└─ Recorder  undefined",
    ]


def test_a_terminated_child() -> None:
    tree = Supervisor.start([Recorder], name="shop")
    tree.terminate_child("Recorder")
    assert drawn(tree.render())[1:] == ["└─ Recorder  undefined"]


def test_a_name_cannot_command_a_terminal_nor_begin_a_line() -> None:
    tree = {
        "name": "a\x1b[2Jb",
        "strategy": "one_for_one",
        "state": "running",
        "children": [{"id": "naïve\nroot\u202e", "state": "running", "pid": None, "restarts": 0}],
    }
    assert render(tree, 1).splitlines() == [
        "a\\x1b[2Jb  supervisor, one_for_one, running, in process 1",
        "└─ naïve\\nroot\\u202e  running",
    ]
