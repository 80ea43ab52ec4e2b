"""Sessions: one child, several evaluations; a child that was hurt is replaced; a child that lies is not believed."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator

import msgpack
import pytest

from beamlens.errors import ConfigurationError
from beamlens.sandbox import Evaluation, Limits, Sandbox, SpawnError
from beamlens.sandbox.frames import CALL, DONE, FAILED, HEADER, HELLO, REPLY, ChannelClosed, frame, read_frame
from beamlens.sandbox.inbox import Inbox
from beamlens.sandbox.launch import Child
from beamlens.sandbox.session import Session
from supervision.testing import wait_until
from tests.beamlens.sandbox.processes import is_running


def test_a_session_keeps_its_child_and_not_its_state(sandbox: Sandbox) -> None:
    with sandbox.session() as session:
        assert session.pid is None
        pids: set[int | None] = set()
        for number in range(5):
            found = session.evaluate("x = (x or 0) + 1 return x + f()", {"f": lambda number=number: number})
            assert found.value == 1 + number
            pids.add(session.pid)
        assert len(pids) == 1
    assert session.pid is None
    (pid,) = pids
    assert pid is not None
    wait_until(lambda: not is_running(pid))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("return ('x'):rep(1e6):find('.-.-.-.-b')", "deadline"),
        ("local t = {} while true do t[#t + 1] = ('x'):rep(1e6) .. #t end", "memory"),
        ("while true do f() end", "callback_flood"),
    ],
)
def test_a_child_that_was_hurt_is_replaced(sandbox: Sandbox, code: str, kind: str) -> None:
    with sandbox.session() as session:
        session.start()
        before = session.pid
        found = session.evaluate(code, {"f": lambda: 1}, limits=Limits(wall_seconds=0.3))
        assert found.error is not None
        assert found.error.kind == kind
        assert session.evaluate("return 1").value == 1
        assert session.pid != before


@pytest.mark.parametrize("code", ["while true do end", "error('x')", "x = = 1", "return f"])
def test_a_child_that_was_not_hurt_is_kept(sandbox: Sandbox, code: str) -> None:
    with sandbox.session() as session:
        session.start()
        before = session.pid
        assert not session.evaluate(code, {"f": lambda: 1}).ok
        assert session.evaluate("return 1").value == 1
        assert session.pid == before


def test_a_child_that_died_between_is_replaced(sandbox: Sandbox) -> None:
    with sandbox.session() as session:
        session.start()
        before = session.pid
        assert before is not None
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: not is_running(before))
        assert session.evaluate("return 1").value == 1


def test_a_child_that_dies_in_the_middle_is_told(sandbox: Sandbox) -> None:
    with sandbox.session() as session:
        session.start()

        def kill() -> None:
            assert session.pid is not None
            os.kill(session.pid, signal.SIGKILL)

        found = session.evaluate("kill() return 1", {"kill": kill})
        assert found.error is not None
        assert found.error.kind == "killed"
        assert session.evaluate("return 1").value == 1


def test_more_memory_than_a_child_was_made_for_gets_another(sandbox: Sandbox) -> None:
    code = "local t = {} for i = 1, 100 do t[i] = ('x'):rep(1000000) .. i end return #t"
    with sandbox.session() as session:
        session.start()
        before = session.pid
        assert session.evaluate(code, limits=Limits(memory_bytes=1 << 28)).value == 100
        assert session.pid != before


def test_a_child_serves_so_often_and_is_replaced(sandbox: Sandbox) -> None:
    with sandbox.session() as session:
        pids = []
        for number in range(251):
            assert session.evaluate(f"return {number}").value == number
            pids.append(session.pid)
        assert len(set(pids[:250])) == 1
        assert pids[250] != pids[0]


def test_two_threads_in_one_session_are_the_callers_fault(sandbox: Sandbox) -> None:
    inside, leave = threading.Event(), threading.Event()
    with sandbox.session() as session:

        def wait() -> None:
            inside.set()
            leave.wait(30)

        thread = threading.Thread(target=session.evaluate, args=("wait()", {"wait": wait}))
        thread.start()
        assert inside.wait(30)
        with pytest.raises(ConfigurationError, match="one thread"):
            session.evaluate("return 1")
        leave.set()
        thread.join(30)


def test_a_session_without_a_server_says_so() -> None:
    with Sandbox("/nonexistent/s").session() as session, pytest.raises(SpawnError, match="no sandbox server"):
        session.start()


# -- a child that was taken over -------------------------------------------------------------------


class _Process:
    def __init__(self) -> None:
        self.killed = False

    def kill(self) -> None:
        self.killed = True

    def wait(self, seconds: float) -> None:
        assert seconds > 0

    def close(self) -> None:
        """Hold nothing."""


class _Liar:
    """Be the child of a session, and say what the test has it say."""

    def __init__(self) -> None:
        ours, self.sock = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, b"\2" + b"\0" * 15)
        self.process = _Process()
        self.session = Session("/nonexistent/s", Limits(), allow_reduced=False)
        self.session._child = Child(ours, Inbox(ours), self.process, 0)
        self.session._memory = 1 << 30

    def evaluate(self, *said: bytes, answers: int = 0) -> Evaluation:
        """Evaluate while it says these things at once, and reads so many answers."""
        thread = threading.Thread(target=self._speak, args=(said, answers))
        thread.start()
        try:
            return self.session.evaluate("return 1", {"f": lambda *_: 1}, limits=Limits(wall_seconds=1.0))
        finally:
            thread.join(30)

    def _speak(self, said: tuple[bytes, ...], answers: int) -> None:
        read_frame(self.sock.fileno())
        try:
            self.sock.sendall(b"".join(said))
            for _ in range(answers):
                assert read_frame(self.sock.fileno())[0] == REPLY
                self.sock.sendall(b"".join(said))
        except (OSError, ChannelClosed):
            return  # the host has had enough of it


@pytest.fixture
def liar() -> Iterator[_Liar]:
    found = _Liar()
    yield found
    found.session.close()
    found.sock.close()


def _done(value: object, status: bytes = b"ok", kept: bytes | None = None) -> bytes:
    return frame(DONE, msgpack.packb([status, msgpack.packb(value), kept]))


def _deep(levels: int) -> bytes:
    return frame(DONE, msgpack.packb([b"ok", b"\x91" * levels + b"\xc0", None]))


LIES: dict[str, list[bytes]] = {
    "a frame too large": [HEADER.pack(1 << 30)],
    "a frame of nothing": [HEADER.pack(0)],
    "no msgpack": [frame(DONE, b"\xc1\xc1")],
    "another shape": [frame(DONE, msgpack.packb({"ok": True}))],
    "no bytes": [frame(DONE, msgpack.packb([b"ok", 5, None]))],
    "a cut value": [frame(DONE, msgpack.packb([b"ok", b"\xdb\xff\xff\xff\xff", None]))],
    "too deep": [_deep(50)],
    "far too deep": [_deep(100_000)],
    "an extension": [_done(msgpack.ExtType(5, b"x"))],
    "a timestamp": [_done(msgpack.Timestamp(1, 1))],
    "bytes": [_done(b"\xff")],
    "keys that are none": [_done({1: 2})],
    "two ends": [_done(1), _done(2)],
    "an end and a rest": [_done(1), b"x"],
    "bindings that are no map": [_done(1, kept=msgpack.packb([1]))],
    "another tag": [frame(HELLO, b"x")],
    "a late failure": [frame(FAILED, b"x")],
    "a call that is none": [frame(CALL, msgpack.packb(5))],
    "a call of objects": [frame(CALL, msgpack.packb(["f", [msgpack.ExtType(1, b"")]]))],
    "two calls at once": [frame(CALL, msgpack.packb(["f", []]))] * 2,
    "a word that is none": [_done(1, status=b"\xff")],
}


@pytest.mark.parametrize("said", LIES.values(), ids=list(LIES))
def test_what_a_child_says_is_not_believed(liar: _Liar, said: list[bytes]) -> None:
    found = liar.evaluate(*said)
    assert found.error is not None
    assert found.error.kind == "killed"
    assert liar.process.killed


def test_what_a_child_says_rightly_is(liar: _Liar) -> None:
    """The negative control: this liar is believed when it does not lie."""
    assert liar.evaluate(_done({"a": [1]})).value == {"a": [1]}


def test_a_child_that_calls_for_ever_is_ended(liar: _Liar) -> None:
    found = liar.evaluate(frame(CALL, msgpack.packb(["f", [1]])), answers=1000)
    assert found.error is not None
    assert (found.error.kind, found.callback_calls) == ("callback_flood", 200)


def test_a_child_that_calls_what_there_is_not_is_answered(liar: _Liar) -> None:
    found = liar.evaluate(frame(CALL, msgpack.packb(["__import__", ["os"]])), answers=3)
    assert found.error is not None
    assert found.error.kind in ("deadline", "killed")
    assert found.callback_calls == 4


def test_a_child_that_says_nothing_is_ended(liar: _Liar) -> None:
    found = liar.evaluate()
    assert found.error is not None
    assert found.error.kind == "deadline"


def test_a_child_that_says_a_little_and_stops_is_ended(liar: _Liar) -> None:
    found = liar.evaluate(_done(1)[:-1])
    assert found.error is not None
    assert found.error.kind == "deadline"
