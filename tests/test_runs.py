"""Runs: tells that leave together, and what their reader makes of them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervision.errors import MailboxFull, ProtocolError
from supervision.process.depth import HEAD, marks_of
from supervision.process.envelopes import MOST_TELLS, outer, tell_frame, tells_frame
from supervision.process.frames import HEADER, FrameReader
from supervision.process.link import Link
from supervision.process.loop import Loop
from supervision.process.outbox import Outbox
from supervision.process.protocol import TELL, TELLS, UNREADABLE
from supervision.process.runs import LONGEST_MESSAGE, Runs, split
from supervision.process.wire import Codec, Limits

LIMITS = Limits()
CODEC = Codec(LIMITS)
UNKNOWN = b"\xc7\x01\x63\x90"  # an extension that nobody knows
Message = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(0, 99), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


def bodies_in(data: bytes, limits: Limits = LIMITS) -> list[bytes]:
    """Return the frames, without their lengths, that a reader finds."""
    reader = FrameReader(limits.frame_bytes + 64)
    assert reader.receive(lambda _: data)
    return reader.take()


def messages_in(data: bytes) -> list[object]:
    """Return the messages that a reader finds."""
    found: list[object] = []
    for body in bodies_in(data):
        content: Any = outer(CODEC).decode(body)
        assert content[0] in (TELL, TELLS)
        found += content[1:]
    return found


@given(st.lists(Message.map(CODEC.encode).filter(lambda packed: len(packed) <= LONGEST_MESSAGE), min_size=1))
def test_every_message_comes_back_in_order(packed: list[bytes]) -> None:
    runs = Runs(LIMITS)
    for _ in range(3):  # it learns how many fit
        assert messages_in(runs.frames(packed)) == [CODEC.decode(each) for each in packed]


def test_a_stream_of_like_messages_is_read_at_the_quickest_after_one_try() -> None:
    packed = [CODEC.encode({"a": [1], "b": [2.5], "c": {"d": None}})] * 200
    runs = Runs(LIMITS)
    for _ in range(20):
        bodies = bodies_in(runs.frames(packed))
        assert len(bodies) <= 200 // 6
        assert all(marks_of(body).count(HEAD) <= LIMITS.depth + 1 for body in bodies[:-1])


def test_flat_messages_fill_frames() -> None:
    assert len(bodies_in(Runs(LIMITS).frames([b"\x01"] * 140))) == 140 // MOST_TELLS


def test_messages_that_nest_deeply_travel_alone_and_the_next_in_company() -> None:
    deep: Any = 1
    for _ in range(LIMITS.depth):
        deep = [deep]
    runs = Runs(LIMITS)
    assert len(bodies_in(runs.frames([CODEC.encode(deep)] * 20))) == 20
    assert messages_in(runs.frames([CODEC.encode(deep)] * 20)) == [deep] * 20
    for _ in range(MOST_TELLS):
        last = runs.frames([b"\x01"] * MOST_TELLS)
    assert len(bodies_in(last)) == 1


def test_where_frames_may_be_short_only_each_message_has_one() -> None:
    limits = Limits(frame_bytes=LONGEST_MESSAGE)
    packed = [Codec(limits).encode("x" * 4000)] * 20
    assert len(bodies_in(Runs(limits).frames(packed), limits)) == 20


# -- a run that cannot be unpacked as a whole --------------------------------------------------------


def test_a_run_is_split_into_the_frames_that_it_stands_for() -> None:
    packed = [CODEC.encode(each) for each in (1, {"a": [2, 3]}, (4, "five"))]
    run = tells_frame(3, b"".join(packed))[HEADER.size :]
    assert split(run) == [tell_frame(each)[HEADER.size :] for each in packed]


def test_what_is_no_run_is_not_split() -> None:
    assert split(tell_frame(b"\x01")[HEADER.size :]) == []


@pytest.mark.parametrize("cut", [1, 2])
def test_a_run_that_is_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(ProtocolError, match="not whole"):
        split(tells_frame(2, b"\xa2ab\xa2cd")[HEADER.size : -cut])


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, Link]]:
    ours, theirs = socket.socketpair()
    yield ours, Link(theirs, CODEC)
    ours.close()
    theirs.close()


@pytest.mark.parametrize("held", [False, True])
def test_only_the_message_that_cannot_be_unpacked_is_lost(ends: tuple[socket.socket, Link], held: bool) -> None:
    ours, link = ends
    ours.sendall(tell_frame(b"\x00") + tells_frame(4, b"\x01" + UNKNOWN + b"\x03" + UNKNOWN) + tell_frame(b"\x05"))
    if held:
        link.hold()
        assert link.next(time.monotonic() + 10) == [TELL, 0]
        link.release()
    found = [link.next(time.monotonic() + 10) for _ in range(5 if held else 6)]
    kinds = [content[:2] for content in found if content is not None]
    before = [] if held else [[TELL, 0]]
    assert kinds == [*before, [TELL, 1], [UNREADABLE, None], [TELL, 3], [UNREADABLE, None], [TELL, 5]]


def test_both_sides_agree_on_the_depth_in_a_run(ends: tuple[socket.socket, Link]) -> None:
    ours, link = ends
    deepest, too_deep = b"\x91" * LIMITS.depth + b"\x01", b"\x91" * (LIMITS.depth + 1) + b"\x01"
    ours.sendall(tells_frame(3, deepest * 3) + tells_frame(2, b"\x02" + too_deep))
    content: Any = link.next(time.monotonic() + 10)
    assert len(content) == 4
    assert link.next(time.monotonic() + 10) == [TELL, 2]
    refused: Any = link.next(time.monotonic() + 10)
    assert refused[0] == UNREADABLE
    assert "nests deeper" in str(refused[2])


# -- the outbox that makes them ------------------------------------------------------------------------


class Ends:
    """An outbox, and what its peer reads."""

    def __init__(self, limit: int = 2**26) -> None:
        self.loop = Loop("test-loop")
        self.loop.start()
        self._ours, self._theirs = socket.socketpair()
        self._reader = FrameReader(2**20)
        self.outbox = Outbox(self._ours, limit, self.loop, lambda: None, LIMITS)

    def read(self) -> list[object]:
        """Return all messages that come within a moment without any."""
        found: list[object] = []
        self._theirs.settimeout(1.0)
        while True:
            self.outbox.write_on()
            try:
                self._reader.receive(self._theirs.recv)
            except TimeoutError:
                return found
            for body in self._reader.take():
                content: Any = outer(CODEC).decode(body)
                found += content[1:]

    def begin_stream(self) -> list[object]:
        """Tell until tells are gathered; return what was told."""
        told: list[object] = []
        while not self.outbox._room:
            assert self.outbox.tell(CODEC.encode(-1))
            told.append(-1)
        return told

    def close(self) -> None:
        self.outbox.close()
        self.loop.stop()
        self._ours.close()
        self._theirs.close()


@pytest.fixture
def ends_of_outbox() -> Iterator[Ends]:
    made = Ends()
    yield made
    made.close()


def test_of_many_threads_nothing_is_lost_nor_doubled_and_each_ones_order_is_kept(ends_of_outbox: Ends) -> None:
    outbox = ends_of_outbox.outbox

    def tell(teller: int) -> None:
        for number in range(3000):
            assert outbox.tell(CODEC.encode([teller, number]))
            if number % 500 == 0:
                time.sleep(0.002)  # so that streams end and begin anew

    threads = [threading.Thread(target=tell, args=(teller,)) for teller in range(4)]
    for thread in threads:
        thread.start()
    found: list[Any] = []
    while any(thread.is_alive() for thread in threads):
        found += ends_of_outbox.read()
    found += ends_of_outbox.read()
    for teller in range(4):
        assert [number for who, number in found if who == teller] == list(range(3000))
    assert len(found) == 12_000


class EndsTheStream(list[bytes]):
    """Have the stream end between a teller's look whether there is one, and its message."""

    outbox: Outbox

    def append(self, message: bytes) -> None:
        self.outbox._came = False
        self.outbox._flush_gathered()
        assert not self.outbox._room
        super().append(message)


@pytest.fixture
def meeting(ends_of_outbox: Ends, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Have the next tell meet the end of a stream; return what was told before."""
    outbox = ends_of_outbox.outbox
    monkeypatch.setattr(Outbox, "_flush_later", lambda _: None)
    told = ends_of_outbox.begin_stream()
    race = EndsTheStream()
    race.outbox, outbox._told = outbox, race
    return told


def test_a_tell_that_meets_the_end_of_a_stream_leaves_all_the_same(ends_of_outbox: Ends, meeting: list[object]) -> None:
    outbox = ends_of_outbox.outbox
    assert outbox.tell(CODEC.encode("met it"))
    assert ends_of_outbox.read() == [*meeting, "met it"]


def test_if_it_did_not_look_again_it_would_stay(
    ends_of_outbox: Ends, meeting: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""
    monkeypatch.setattr(Outbox, "_flush_full", lambda _: True)
    assert ends_of_outbox.outbox.tell(CODEC.encode("met it"))
    assert ends_of_outbox.read() == meeting


class ThenOnce:
    """A lock that has something done right after it was released for the first time."""

    def __init__(self, then: Callable[[], object]) -> None:
        self._lock = threading.Lock()
        self._then = [then]

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        while self._then:
            self._then.pop()()


def test_a_stream_that_begins_while_another_ends_is_flushed_once_in_each_turn(
    ends_of_outbox: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = ends_of_outbox.outbox
    begun: list[object] = []
    monkeypatch.setattr(Loop, "call_soon", lambda _, function, *args: begun.append(function))
    monkeypatch.setattr(Loop, "call_later", lambda _, delay, function: begun.append(function))
    ends_of_outbox.begin_stream()
    begun.clear()
    outbox._came = False
    monkeypatch.setattr(outbox, "_lock", ThenOnce(ends_of_outbox.begin_stream))
    outbox._flush_gathered()
    assert outbox._streaming
    assert begun == [outbox._flush_later]
    monkeypatch.undo()


def test_a_tell_that_meets_the_close_is_refused(ends_of_outbox: Ends) -> None:
    outbox = ends_of_outbox.outbox
    ends_of_outbox.begin_stream()

    class Closes(list[bytes]):
        def append(self, message: bytes) -> None:
            outbox.close()
            super().append(message)

    outbox._told = Closes()
    assert not outbox.tell(CODEC.encode("too late"))
    assert not outbox.tell(CODEC.encode("later still"))


def test_a_stream_is_refused_at_the_limit_and_what_was_taken_arrives() -> None:
    made = Ends(limit=2**18)
    try:
        taken = _fill(made.outbox)
        assert taken > 2**18 // 60
        with pytest.raises(MailboxFull, match="bytes unread and 262144 are allowed"):
            made.outbox.tell(CODEC.encode([taken, "x" * 5000]))
        found: list[Any] = made.read()
        assert [number for number, _ in found] == list(range(taken))
        assert made.outbox.tell(CODEC.encode("again"))
        assert made.read() == ["again"]
    finally:
        made.close()


def _fill(outbox: Outbox) -> int:
    for number in range(100_000):
        try:
            outbox.tell(CODEC.encode([number, "x" * 50]))
        except MailboxFull:
            return number
    raise AssertionError("a hundred thousand messages were taken")


def test_long_messages_keep_their_place_in_a_stream(ends_of_outbox: Ends) -> None:
    told = ends_of_outbox.begin_stream()
    more: list[object] = [1, "x" * 10_000, 2, 3, "y" * LONGEST_MESSAGE, 4]
    for message in more:
        assert ends_of_outbox.outbox.tell(CODEC.encode(message))
    assert ends_of_outbox.read() == told + more


def test_few_tells_end_the_stream(ends_of_outbox: Ends) -> None:
    told = ends_of_outbox.begin_stream()
    assert ends_of_outbox.read() == told
    assert not ends_of_outbox.outbox._streaming
    assert not ends_of_outbox.outbox._room
