"""Both ends of a child's socket over a real pair, in one process: a Channel here, a Link there."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pykka import Timeout

from supervision.errors import ActorDown, MailboxFull, MessageError, ProtocolError
from supervision.exits import KILLED
from supervision.process import loop as loop_module
from supervision.process.channel import Channel
from supervision.process.frames import HEADER, frame
from supervision.process.link import Link
from supervision.process.loop import Loop
from supervision.process.outbox import Outbox
from supervision.process.poller import EpollPoller, SelectorPoller
from supervision.process.protocol import ASK, EVENT, REPLY, TELL, TELLS
from supervision.process.waiter import Waiter
from supervision.process.wire import Codec, Limits
from supervision.testing import wait_until

LIMITS = Limits(frame_bytes=2**20)


class Pair:
    """A channel and the other end of its socket."""

    def __init__(self, loop: Loop, outbox_bytes: int = 2**20) -> None:
        ours, self.peer = socket.socketpair()
        self.loop = loop
        self.frames: list[list[Any]] = []
        self.broken: list[ProtocolError] = []
        self.codec = Codec(LIMITS)
        self.channel = Channel(ours, loop, self.codec, self.frames.append, self.broken.append, outbox_bytes)
        self.on_loop(self.channel.open)

    def on_loop(self, function: Callable[[], Any]) -> Any:
        answers: list[Any] = []
        told = threading.Event()
        self.loop.call_soon(lambda: (answers.append(function()), told.set()))  # type: ignore[func-returns-value]
        assert told.wait(5)
        return answers[0]

    def hang_up(self) -> None:
        self.on_loop(lambda: self.channel.fail(ActorDown("closed", KILLED)))
        self.on_loop(self.channel.close)

    def close(self) -> None:
        self.hang_up()
        self.peer.close()

    def echo(self, count: int | None = None) -> threading.Thread:
        """Have a thread answer so many asks by a Link, as a child does."""
        thread = threading.Thread(target=self._echo, args=(count,), daemon=True)
        thread.start()
        return thread

    def _echo(self, count: int | None) -> None:
        link = Link(self.peer, Codec(LIMITS))
        answered = 0
        while count is None or answered < count:
            content = link.next(None)
            assert content is not None
            if content[0] == ASK:
                link.send([REPLY, content[1], content[2]])
                answered += 1


@pytest.fixture(params=[EpollPoller, SelectorPoller])
def pair(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    monkeypatch.setattr(loop_module, "make_poller", request.param)
    loop = Loop("test-loop")
    loop.start()
    made = Pair(loop)
    yield made
    made.close()
    loop.stop()


def test_asks_from_many_threads_get_their_own_answers(pair: Pair) -> None:
    thread = pair.echo(800)
    wrong: list[object] = []

    def ask(caller: int) -> None:
        for number in range(200):
            if pair.channel.ask([caller, number], 10) != [caller, number]:
                wrong.append((caller, number))

    callers = [threading.Thread(target=ask, args=(caller,)) for caller in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    thread.join()
    assert wrong == []


def test_asks_with_a_pending_and_asks_that_block_mix(pair: Pair) -> None:
    thread = pair.echo(40)
    waiters = []
    for number in range(20):
        waiter = Waiter()
        pair.channel.begin_ask(number, waiter)
        waiters.append(waiter)
        assert pair.channel.ask(-number, 10) == -number
    assert all(waiter.wait(10) for waiter in waiters)
    assert [waiter.result() for waiter in waiters] == list(range(20))
    thread.join()


def test_what_is_no_answer_is_delivered_once_and_in_order_whoever_reads_it(pair: Pair) -> None:
    def serve() -> None:
        link = Link(pair.peer, Codec(LIMITS))
        for number in range(300):
            content = link.next(None)
            assert content is not None
            link.send([EVENT, number, 0, 0])
            link.send([REPLY, content[1], None])

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    for _ in range(300):
        pair.channel.ask(None, 10)
    thread.join()
    wait_until(lambda: len(pair.frames) == 300)
    assert [content[1] for content in pair.frames] == list(range(300))


def test_a_late_answer_is_dropped_and_the_next_is_right(pair: Pair) -> None:
    with pytest.raises(Timeout):
        pair.channel.ask("late", 0.02)
    thread = pair.echo(2)
    assert pair.channel.ask("next", 10) == "next"
    thread.join()
    assert pair.broken == []


def test_an_open_ask_fails_with_the_reason_when_the_channel_is_failed(pair: Pair) -> None:
    waiter = Waiter()
    pair.channel.begin_ask(1, waiter)
    outcome: list[object] = []

    def ask() -> None:
        try:
            pair.channel.ask(2, None)
        except ActorDown as error:
            outcome.append(error.reason)

    thread = threading.Thread(target=ask)
    thread.start()
    wait_until(lambda: len(pair.channel._pending) == 2)
    pair.close()
    thread.join(5)
    assert outcome == [KILLED]
    with pytest.raises(ActorDown):
        waiter.result()
    with pytest.raises(ActorDown):
        pair.channel.tell(1)
    with pytest.raises(ActorDown):
        pair.channel.ask(1, 1)


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff", HEADER.pack(0), frame(b"\xc1"), frame(b"\x01"), frame(b"\x90")])
def test_nonsense_breaks_the_channel_once(pair: Pair, data: bytes) -> None:
    pair.peer.sendall(frame(pair.codec.encode([EVENT, 1, 2, 3])) + data * 3)
    wait_until(lambda: pair.broken)
    pair.on_loop(lambda: None)
    assert len(pair.broken) == 1
    assert isinstance(pair.broken[0], ProtocolError)


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff", frame(b"\xc1")])
def test_nonsense_that_an_asking_thread_reads_breaks_the_channel_once(pair: Pair, data: bytes) -> None:
    def serve() -> None:
        pair.peer.recv(100)
        pair.peer.sendall(data)

    thread = threading.Thread(target=serve)
    thread.start()
    outcome: list[object] = []

    def ask() -> None:
        with pytest.raises(ActorDown):
            pair.channel.ask(1, 10)
        outcome.append("down")

    waiter = threading.Thread(target=ask)
    waiter.start()
    wait_until(lambda: pair.broken)
    pair.close()
    waiter.join(5)
    thread.join(5)
    assert outcome == ["down"]
    assert len(pair.broken) == 1


def test_a_dead_peers_last_words_are_delivered_before_the_end(pair: Pair) -> None:
    pair.peer.sendall(b"".join(frame(pair.codec.encode([EVENT, number, 0, 0])) for number in range(50)))
    pair.peer.close()
    pair.on_loop(pair.channel.drain)
    assert [content[1] for content in pair.frames] == list(range(50))


def test_a_message_that_cannot_travel_is_refused_and_leaves_no_trace(pair: Pair) -> None:
    with pytest.raises(MessageError, match="object"):
        pair.channel.ask({"a": [object()]}, 1)
    with pytest.raises(MessageError):
        pair.channel.tell(object())
    with pytest.raises(MessageError):
        pair.channel.tell("x" * (LIMITS.frame_bytes + 1))
    assert not pair.channel._pending
    thread = pair.echo(1)
    assert pair.channel.ask(1, 10) == 1
    thread.join()


def _fill(channel: Channel) -> int:
    for number in range(100_000):
        try:
            channel.tell([number, "x" * 500])
        except MailboxFull:
            return number
    raise AssertionError("everything was taken")


def test_tells_to_a_peer_that_does_not_read_are_kept_in_order_up_to_the_limit(pair: Pair) -> None:
    sent = _fill(pair.channel)
    with pytest.raises(MailboxFull, match="bytes unread"):
        pair.channel.tell([sent, "x" * 500])
    assert sent > 1500
    link = Link(pair.peer, Codec(LIMITS))
    assert [message[0] for message in _told(link, sent)] == list(range(sent))
    pair.channel.tell("again")
    assert _told(link, 1) == ["again"]


def _told(link: Link, count: int) -> list[Any]:
    """Return so many messages that were told and are not read yet."""
    messages: list[Any] = []
    while len(messages) < count:
        content = link.next(time.monotonic() + 10)
        assert content is not None
        assert content[0] in (TELL, TELLS)
        messages += content[1:]
    assert len(messages) == count
    return messages


def test_a_gathered_message_leaves_soon_also_when_nothing_follows(pair: Pair) -> None:
    link = Link(pair.peer, Codec(LIMITS))
    for number in range(10):
        pair.channel.tell(number)
    assert _told(link, 10) == list(range(10))


def test_an_ask_does_not_overtake_tells_before_it(pair: Pair) -> None:
    waiter = Waiter()
    for number in range(50):
        pair.channel.tell(number)
    pair.channel.begin_ask("last", waiter)
    link = Link(pair.peer, Codec(LIMITS))
    assert _told(link, 50) == list(range(50))
    content = link.next(time.monotonic() + 10)
    assert content is not None
    assert content[::2] == [ASK, "last"]


def test_an_outbox_writes_what_fits_and_the_rest_when_it_can(pair: Pair) -> None:
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4608)
    changes: list[bool] = []
    outbox = Outbox(ours, 200_000, pair.loop, lambda: changes.append(outbox.blocked), LIMITS)
    data = bytes(range(256)) * 400
    assert outbox.send(data)
    assert outbox.blocked
    assert changes == [True]
    with pytest.raises(MailboxFull):
        outbox.send(bytes(150_000))
    received = b""
    while len(received) < len(data):
        received += theirs.recv(65536)
        outbox.write_on()
    assert received == data
    assert changes == [True, False]
    outbox.close()
    assert not outbox.send(b"x")
    ours.close()
    theirs.close()


def test_an_outbox_whose_peer_is_gone_raises_nothing(pair: Pair) -> None:
    ours, theirs = socket.socketpair()
    outbox = Outbox(ours, 1000, pair.loop, lambda: None, LIMITS)
    theirs.close()
    for _ in range(5):
        assert outbox.send(b"x" * 100)
    assert not outbox.blocked
    outbox.close()
    ours.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_link_reads_in_the_background_once_another_thread_waits(pair: Pair) -> None:
    link = Link(pair.peer, Codec(LIMITS))
    waiter = Waiter()
    number = link.open(waiter)
    answered: list[object] = []

    def wait() -> None:
        if link.wait(waiter, 10):
            answered.append(waiter.result())

    thread = threading.Thread(target=wait)
    thread.start()
    pair.channel.send([REPLY, number, "for the thread"])
    pair.channel.tell("for the actor")
    thread.join(10)
    assert answered == ["for the thread"]
    assert link.next(time.monotonic() + 10) == [TELL, "for the actor"]
    assert link.next(time.monotonic() + 0.01) is None
    pair.channel.tell("and again")
    assert link.next(time.monotonic() + 10) == [TELL, "and again"]
    _end_reader(pair, link)


def _end_reader(pair: Pair, link: Link) -> None:
    """Let the reader thread end as it would not in a child, where the end of the stream ends the process."""
    ended = threading.Event()

    def end(_code: int) -> None:
        ended.set()
        raise SystemExit

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "_exit", end)
        pair.hang_up()  # and no more: the reader has to see the end of the stream before its own end is closed
        assert ended.wait(10)
        wait_until(lambda: not [t for t in threading.enumerate() if t.name == "supervision-reader"])


def test_a_link_offers_nothing_that_would_block(pair: Pair) -> None:
    link = Link(pair.peer, Codec(LIMITS))
    pair.on_loop(lambda: pair.loop.poller.remove(pair.channel.fileno()))
    sent = 0
    while link.offer([EVENT, sent, "x" * 1000, 0]):
        sent += 1
        assert sent < 100_000
    began = time.monotonic()
    assert not link.offer([EVENT, -1, 0, 0])
    assert time.monotonic() - began < 0.5
