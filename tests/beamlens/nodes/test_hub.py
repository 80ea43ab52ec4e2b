"""The elected one's end of links: who is taken in, and how long it waits for whom."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pykka
import pytest

from beamlens.errors import SkillError
from beamlens.nodes import hub as hub_module
from beamlens.nodes.hub import Hub, Node
from beamlens.nodes.link import Link, LinkLost
from beamlens.nodes.messages import Ask, Hello, Refused, Told, Welcome
from beamlens.probe.messages import SNAPSHOT, Answer, Call, Failed, NodeInfo
from supervision.testing import wait_until

LOOK = Call("vm", SNAPSHOT, (), 5.0)


class Guest:
    """A process that joins, played by a thread of the test."""

    def __init__(self, path: Path) -> None:
        self.connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.connection.connect(str(path))
        self.link = Link(self.connection)

    def hear(self) -> Any:
        """Return the next message; raises LinkLost where there comes none any more."""
        found = wait_until(self.link.read)
        assert found is not None
        return found[0]

    def join(self, name: str = "guest", version: str = "1", pid: int = 4711) -> Any:
        self.link.send(Hello(version, name, pid))
        return self.hear()


@pytest.fixture
def asked() -> list[Ask]:
    return []


@pytest.fixture
def hub(tmp_path: Path, asked: list[Ask]) -> Iterator[Hub]:
    found = Hub(tmp_path / "shop.group", NodeInfo("own", os.getpid(), True), "1", lambda _, ask: asked.append(ask))
    found.start()
    yield found
    found.close()
    assert not (tmp_path / "shop.group").exists()


@pytest.fixture
def guest(hub: Hub, tmp_path: Path) -> Iterator[Guest]:
    found = Guest(tmp_path / "shop.group")
    yield found
    found.link.release()


def joined(hub: Hub, guest: Guest) -> Node:
    assert guest.join() == Welcome("guest")
    (node,) = hub.nodes()
    return node


def test_a_guest_joins_and_leaves(hub: Hub, guest: Guest, asked: list[Ask]) -> None:
    node = joined(hub, guest)
    assert hub.find("guest") is node
    with pytest.raises(SkillError, match="there is no node 'nobody'; there are: own, guest"):
        hub.find("nobody")
    guest.link.send(Ask(1, "run"))
    wait_until(lambda: asked)
    guest.link.close()
    wait_until(lambda: not hub.nodes())


def test_a_name_that_is_taken(hub: Hub, guest: Guest, tmp_path: Path) -> None:
    assert guest.join("own") == Welcome("own:4711")
    again = Guest(tmp_path / "shop.group")
    assert again.join("own:4711", pid=4712) == Welcome("own:4711:4712")
    again.link.release()


@pytest.mark.parametrize(
    ("send", "is_refused"),
    [
        (lambda link: link.send(Hello("2", "guest", 1)), True),
        (lambda link: link.send(Ask(1, "run")), False),
        (lambda link: link.send("hello"), False),
        (lambda link: link.connection.send(b"\xff\xff\xff\xff"), False),
        (lambda link: link.connection.send(b"GET / HTTP/1.1\r\n\r\n"), False),
    ],
)
def test_who_says_something_else_is_not_taken_in(
    hub: Hub, guest: Guest, send: Callable[[Link], object], is_refused: bool, asked: list[Ask]
) -> None:
    send(guest.link)
    if is_refused:
        assert guest.hear() == Refused("it runs version 2 of beamlens, and the elected process 1")
    with pytest.raises(LinkLost):
        guest.hear()
    assert hub.nodes() == []
    assert asked == []


def test_one_that_says_nothing_is_dropped(hub: Hub, guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "_INTRODUCTION", 0.2)
    other = Guest(hub._path)
    with pytest.raises(LinkLost):
        other.hear()
    other.link.release()


def test_there_is_a_bound(hub: Hub, guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "MOST_NODES", 0)
    assert guest.join() == Refused("there are 0 nodes already")


def test_a_call_is_performed_there(hub: Hub, guest: Guest) -> None:
    node = joined(hub, guest)
    found = node.perform(Call("vm", "vm_threads", (5,), 2.0))
    ask = guest.hear()
    assert ask.value == Call("vm", "vm_threads", (5,), 2.0, ""), "that one, as it is"
    guest.link.send(Told(ask.number, Answer({"n": 1})))
    assert found.get(timeout=10) == Answer({"n": 1})
    lost = node.perform(LOOK)
    guest.link.close()
    assert lost.get(timeout=10) is None
    assert node.perform(LOOK).get(timeout=10) is None
    assert isinstance(node.perform(Call("vm", "f", (object(),))).get(timeout=10), Failed | None)


def test_a_silent_one_costs_its_time_once(hub: Hub, guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "_LOOK", 0.5)
    node = joined(hub, guest)

    def look() -> tuple[Any, float]:
        began = time.monotonic()
        return node.perform(LOOK).get(timeout=10), time.monotonic() - began

    first, took = look()
    assert first is None
    assert 0.5 <= took < 2.0
    silent = node.silent_seconds
    assert silent >= 0.5
    second, took = look()
    assert second is None
    assert 0.2 <= took < 0.45, "it is asked, but hardly waited for"
    assert node.info.silent_seconds > silent
    guest.link.send(Told(guest.hear().number, Answer({})))
    wait_until(lambda: node.silent_seconds == 0, 10)


def test_without_its_own_deadline_a_silent_one_costs_what_the_call_may_take(
    hub: Hub, guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_LOOK", "_SILENT_LOOK"):
        monkeypatch.setattr(hub_module, name, 1.5)
    node = joined(hub, guest)
    for _ in range(2):
        began = time.monotonic()
        assert node.perform(LOOK).get(timeout=10) is None
        assert time.monotonic() - began >= 1.5


def test_one_that_takes_nothing_is_given_up(hub: Hub, guest: Guest) -> None:
    node = joined(hub, guest)
    large = Call("vm", "f", ("x" * 100_000,))
    began = time.monotonic()
    for _ in range(30):
        node.perform(large)
    assert time.monotonic() - began < 5.0, "nobody waits for it"
    wait_until(lambda: not hub.nodes())


OTHER_USER = """
import os, socket, sys
os.setgid(65534); os.setuid(65534)
connection = socket.socket(socket.AF_UNIX)
connection.settimeout(20)
connection.connect(sys.argv[1])
print("connected", flush=True)
print("refused" if connection.recv(100) == b"" else "taken in", flush=True)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize("checked", [True, False])
def test_another_users_process(hub: Hub, tmp_path: Path, checked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The directory keeps others out, and if it did not, the kernel's word on who they are does."""
    if not checked:
        monkeypatch.setattr(hub_module, "is_own_user", lambda _: True)
        monkeypatch.setattr(hub_module, "_INTRODUCTION", 60.0)
    for folder in (tmp_path, *tmp_path.parents[:-2]):
        folder.chmod(0o755)
    (tmp_path / "shop.group").chmod(0o666)
    code = OTHER_USER if checked else OTHER_USER.rpartition("\nprint(")[0] + "\nsys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "shop.group")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "connected\n"
        if checked:
            assert other.stdout.readline() == "refused\n"
            assert not hub._new
        else:
            wait_until(lambda: hub._new)
        other.kill()


def test_a_link_on_which_nobody_answers(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    link, other = Link(ours), Link(theirs)
    with pytest.raises(pykka.Timeout, match=r"run was not answered in 0\.1 s"):
        link.ask("run", None, 0.1).get(timeout=10)
    waiting = link.ask("run")
    closer = threading.Thread(target=link.close)
    closer.start()
    with pytest.raises(LinkLost):
        waiting.get(timeout=10)
    closer.join()
    with pytest.raises(LinkLost):
        link.ask("run").get(timeout=10)
    assert [ask.op for ask in other.read()] == ["run", "run"]
    for each in (link, other):
        each.release()
