"""What a child writes to its socket can end that child, and nothing else."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgpack
import pytest
from pykka import Timeout

from supervision import ActorDown, ChildSpec, StartError
from supervision.process import application
from supervision.process.channel import Channel
from supervision.process.child_process import ChildProcess
from supervision.process.frames import FrameReader, frame
from supervision.process.protocol import READY
from supervision.process.wire import Codec, Limits
from supervision.testing import capture_events, wait_until
from tests.faults.actors import NonsenseInInit, Subject
from tests.faults.helpers import alive, answering_pid, own_runtime, tree_of

DOWN = ("supervision", "child", "down")
EVENT = ("supervision", "test", "event")


@pytest.fixture
def tree() -> Iterator[Any]:
    with tree_of(ChildSpec(id="a", start=(Subject, (), {})), ChildSpec(id="other", start=(Subject, (), {}))) as tree:
        yield tree


NONSENSE = {
    "no msgpack": frame(b"\xc1\xc1\xc1"),
    "an empty frame": struct.pack("<I", 0),
    "a header of 4 GiB": b"\xff\xff\xff\xff",
    "a header just over the limit": struct.pack("<I", 8 * 2**20 + 1),
    "not a list": frame(msgpack.packb({"kind": 1})),
    "an empty list": frame(msgpack.packb([])),
    "trailing bytes": frame(msgpack.packb([41, []]) + b"\x00"),
    "nesting": frame(b"\x91" * 1000 + b"\xc0"),
    "a huge array": frame(b"\xdd\xff\xff\xff\xff"),
    "a huge string": frame(b"\xdb\xff\xff\xff\xff"),
    "an unknown extension": frame(b"\x91\xd4\x63\x00"),
    "random text": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "an unknown kind": frame(msgpack.packb([999])),
    "a kind that is no number": frame(msgpack.packb([None])),
    "a kind that is a list": frame(msgpack.packb([[]])),
    "a second ready": frame(msgpack.packb([40, 2])),
    "a start without its attributes": frame(msgpack.packb([41])),
    "a failed start without its error": frame(msgpack.packb([42])),
    "a goodbye without a reason": frame(msgpack.packb([43])),
    "a goodbye with a number for a reason": frame(msgpack.packb([43, 5])),
    "a reply without a number": frame(msgpack.packb([3])),
    "a reply with a text for its number": frame(msgpack.packb([3, "x", 1])),
    "an error that is no exception": frame(msgpack.packb([4])),
    "a forwarded ask without an address": frame(msgpack.packb([5, 1])),
    "a forwarded ask with a number for an address": frame(msgpack.packb([5, 1, 7, False, b""])),
    "a request with no arguments": frame(msgpack.packb([10, 1])),
    "an event with no fields": frame(msgpack.packb([44])),
    "an event that is none": frame(msgpack.packb([44, 1, 2, 3])),
    "a log record with nothing in it": frame(msgpack.packb([45])),
}


@pytest.mark.parametrize("data", NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_from_a_child_is_an_ordinary_crash_of_that_child(tree: Any, data: bytes, caplog: Any) -> None:
    ref, other = tree["a"], tree["other"]
    pid, other_pid = answering_pid(ref), answering_pid(other)
    with capture_events([DOWN]) as captured:
        ref.tell(("raw_and_sleep", data))
        down = captured.wait_for(lambda event: event.metadata["pid"] == pid, timeout=5)
    assert not down.metadata["reason"].is_normal  # type: ignore[attr-defined]
    assert answering_pid(ref, other_than=pid)
    assert ref.ask(("echo", [1]), timeout=10) == [1]
    assert answering_pid(other) == other_pid
    assert [event.metadata["id"] for event in captured.events] == ["a"]
    assert not [record for record in caplog.records if "internal error" in record.getMessage()]


def test_what_the_crash_says_names_the_nonsense(tree: Any) -> None:
    ref = tree["a"]
    pid = answering_pid(ref)
    with capture_events([DOWN]) as captured:
        ref.tell(("raw_and_sleep", NONSENSE["a header of 4 GiB"]))
        down = captured.wait_for(lambda event: event.metadata["pid"] == pid, timeout=5)
    kind, text = down.metadata["reason"].term()  # type: ignore[attr-defined]
    assert kind == "protocol_error"
    assert "4294967295 bytes" in text


_REPLY = frame(Codec(Limits()).encode([44, ["supervision", "test", "event"], {"n": 1}, {"text": "x" * 30}]))


def test_a_child_that_dies_at_any_byte_of_a_frame_is_an_ordinary_crash(tree: Any) -> None:
    ref = tree["a"]
    pid = answering_pid(ref)
    assert len(_REPLY) > 60
    for length in [*range(8), *range(8, len(_REPLY), 9), len(_REPLY) - 1]:
        with pytest.raises(ActorDown) as down:
            ref.ask(("raw_and_die", _REPLY[:length]), timeout=10)
        assert down.value.reason.kind == "killed"  # type: ignore[union-attr]
        pid = answering_pid(ref, other_than=pid)
        assert ref.ask(("echo", length), timeout=10) == length


def test_a_frame_that_was_whole_is_delivered_though_its_sender_died_at_once(tree: Any) -> None:
    ref = tree["a"]
    with capture_events([EVENT]) as captured:
        with pytest.raises(ActorDown):
            ref.ask(("raw_and_die", _REPLY * 3), timeout=10)
        wait_until(lambda: len(captured.named(EVENT)) == 3)


def test_what_a_child_said_while_the_loop_was_busy_is_delivered_before_its_death_is_told(tree: Any) -> None:
    """Its socket is not even polled then: who asked last has taken it for a moment."""
    assert said_before_its_death(tree) == [EVENT, EVENT, EVENT, DOWN]


def test_without_the_reading_to_the_end_what_it_said_would_be_lost(tree: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Channel, "drain", lambda self: None)
    assert said_before_its_death(tree) == [DOWN]


def said_before_its_death(tree: Any) -> list[tuple[str, ...]]:
    """Have a child send three events and die while the loop stands still; return the events that are told."""
    ref = tree["a"]
    pid, loop, gate = answering_pid(ref), application.application().loop, threading.Event()
    with capture_events([EVENT, DOWN]) as captured:
        answering_pid(ref)  # the child knows from here on that somebody listens: the word for it went before
        loop.call_soon(gate.wait, 20)
        answering_pid(ref)
        ref.tell(("raw_and_die", _REPLY * 3))
        wait_until(lambda: not alive(pid))
        gate.set()
        captured.wait_for(lambda event: event.name == DOWN)
        return [event.name for event in captured.events]


def test_an_ask_that_is_open_when_its_child_sends_nonsense_fails_with_the_reason(tree: Any) -> None:
    with pytest.raises(ActorDown) as down:
        tree["a"].ask(("raw_and_sleep", b"\xff" * 8), timeout=10)
    assert down.value.reason.term()[0] == "protocol_error"  # type: ignore[index, union-attr]


def test_a_child_that_hangs_up_and_lives_on_is_ended(tree: Any) -> None:
    """Nobody could reach it any more: process life is actor life."""
    ref = tree["a"]
    pid = answering_pid(ref)
    with pytest.raises(ActorDown) as down:
        ref.ask(("close_socket",), timeout=10)
    assert not down.value.reason.is_normal  # type: ignore[union-attr]
    assert answering_pid(ref, other_than=pid)


def test_without_the_check_a_child_that_hung_up_stays_and_its_asker_waits(
    tree: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("supervision.process.channel._HANG_UP_SECONDS", 0.05)
    monkeypatch.setattr(Channel, "_check_hang_up", lambda self: None)
    ref = tree["a"]
    pid = answering_pid(ref)
    with pytest.raises(Timeout):
        ref.ask(("close_socket",), timeout=0.5)
    assert alive(pid)
    os.kill(pid, signal.SIGKILL)
    assert answering_pid(ref, other_than=pid)


def test_a_frame_that_is_begun_and_never_finished_ends_its_sender(tree: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("supervision.process.channel._FRAME_SECONDS", 0.2)
    ref = tree["a"]
    pid = answering_pid(ref)
    with capture_events([DOWN]) as captured:
        ref.tell(("raw_and_sleep", _REPLY[:20]))
        down = captured.wait_for(lambda event: event.metadata["pid"] == pid, timeout=5)
    assert "not finished" in down.metadata["reason"].term()[1]  # type: ignore[attr-defined]


def test_without_the_deadline_it_would_stay_for_ever(tree: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("supervision.process.channel._FRAME_SECONDS", 0.05)
    monkeypatch.setattr(Channel, "_check_partial", lambda self, begun: None)
    ref = tree["a"]
    pid = answering_pid(ref)
    with capture_events([DOWN]) as captured:
        ref.tell(("raw_and_sleep", _REPLY[:20]))
        with pytest.raises(TimeoutError):
            captured.wait_for(lambda event: event.metadata["pid"] == pid, timeout=0.4)
    os.kill(pid, signal.SIGKILL)


def test_without_the_check_of_the_length_a_header_of_4_gib_waits_for_4_gib(monkeypatch: pytest.MonkeyPatch) -> None:
    before = FrameReader.__init__
    monkeypatch.setattr(FrameReader, "__init__", lambda self, limit: before(self, 2**32))
    with own_runtime(spares=0):
        ref = Subject.start()
        with capture_events([DOWN]) as captured:
            ref.tell(("raw_and_sleep", NONSENSE["a header of 4 GiB"]))
            with pytest.raises(TimeoutError):
                captured.wait_for(lambda event: event.metadata["pid"] == ref.pid, timeout=0.4)
        os.kill(ref.pid, signal.SIGKILL)  # type: ignore[arg-type]


def test_nonsense_while_it_starts_is_a_failed_start() -> None:
    with pytest.raises(StartError):
        NonsenseInInit.start()


def test_a_process_id_that_a_child_claims_is_never_signalled() -> None:
    """The application kills the group of a dead child: it must be the one that was forked."""
    with bystanding() as bystander:
        claim_to_be(bystander.pid)
        assert Subject.start().stop()
        assert bystander.poll() is None


def test_were_the_claim_believed_a_bystander_would_be_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    take = ChildProcess._on_frame

    def believe(self: ChildProcess, content: list[Any]) -> None:
        if content[0] == READY and len(content) == 3:
            self.pid = content[1]
        else:
            take(self, content)

    monkeypatch.setattr(ChildProcess, "_on_frame", believe)
    with own_runtime(spares=0), bystanding() as bystander:
        claim_to_be(bystander.pid)
        assert bystander.wait(10) == -signal.SIGKILL


@contextmanager
def bystanding() -> Iterator[subprocess.Popen[bytes]]:
    """Run a process that has nothing to do with supervision."""
    bystander = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        yield bystander
    finally:
        bystander.kill()
        bystander.wait()


def claim_to_be(other: int) -> None:
    """Have a child say that it has another's process id, and die."""
    ref = Subject.start()
    pid = ref.pid
    ref.tell(("raw_and_die", frame(msgpack.packb([READY, other, None]))))
    wait_until(lambda: not ref.is_alive() and not alive(pid))  # type: ignore[arg-type]
