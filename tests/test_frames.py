"""Frames on a stream: cut right at whatever places the stream breaks, and refused before they cost anything."""

from __future__ import annotations

import random
import socket
import threading
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervision.errors import ProtocolError
from supervision.process.frames import HEADER, FrameReader, frame

LIMIT = 1000


def feed(reader: FrameReader, data: bytes) -> bool:
    return reader.receive(lambda _: data)


def taken(reader: FrameReader) -> list[tuple[int, bytes]]:
    found = []
    while (one := reader.next()) is not None:
        found.append(one)
        reader.advance(one[1])
    return found


def test_a_frame_is_a_length_and_a_body() -> None:
    assert frame(b"abc") == HEADER.pack(3) + b"abc"


@given(
    bodies=st.lists(st.binary(min_size=1, max_size=50), max_size=10),
    cuts=st.lists(st.integers(min_value=0, max_value=600), max_size=15),
)
def test_wherever_the_stream_is_cut_the_same_frames_come_out(bodies: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(map(frame, bodies))
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[begin:end] for begin, end in pairwise(edges) if end > begin]
    one_by_one, all_at_once = FrameReader(LIMIT), FrameReader(LIMIT)
    found: list[tuple[int, bytes]] = []
    also: list[bytes] = []
    for piece in pieces:
        feed(one_by_one, piece)
        found += taken(one_by_one)
        feed(all_at_once, piece)
        also += all_at_once.take()
    assert [body for _, body in found] == also == bodies
    offsets = [sum(len(frame(body)) for body in bodies[:index]) for index in range(len(bodies))]
    assert [offset for offset, _ in found] == offsets
    assert not one_by_one.partial
    assert not all_at_once.partial
    assert one_by_one.offset == all_at_once.offset == len(stream)


def test_a_frame_stays_current_until_it_is_stepped_over() -> None:
    """A thread that is interrupted in between sees it again, with the same offset."""
    reader = FrameReader(LIMIT)
    feed(reader, frame(b"one") + frame(b"two"))
    assert reader.next() == reader.next() == (0, b"one")
    reader.advance(b"one")
    assert reader.next() == (7, b"two")


@pytest.mark.parametrize("cut", range(1, 14))
def test_a_begun_frame_is_partial_and_none(cut: int) -> None:
    reader = FrameReader(LIMIT)
    feed(reader, frame(b"0123456789")[:cut])
    assert reader.next() is None or cut == 14
    assert reader.partial
    assert reader.take() == []


@pytest.mark.parametrize("length", [0, LIMIT + 1, 2**31, 2**32 - 1])
@pytest.mark.parametrize("how", ["next", "take"])
def test_a_length_outside_the_limit_is_refused_from_its_header_alone(length: int, how: str) -> None:
    reader = FrameReader(LIMIT)
    feed(reader, HEADER.pack(length))
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError, match=str(length)):
            getattr(reader, how)()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 100_000


def test_the_longest_allowed_frame_is_read() -> None:
    reader = FrameReader(LIMIT)
    feed(reader, frame(b"x" * LIMIT))
    assert reader.take() == [b"x" * LIMIT]


def test_the_end_of_the_stream_is_told_and_what_came_before_is_kept() -> None:
    reader = FrameReader(LIMIT)
    assert feed(reader, frame(b"last"))
    assert not feed(reader, b"")
    assert reader.take() == [b"last"]


def test_a_receive_that_raises_changes_nothing() -> None:
    reader = FrameReader(LIMIT)
    feed(reader, frame(b"one")[:3])

    def fail(_: int) -> bytes:
        raise BlockingIOError

    with pytest.raises(BlockingIOError):
        reader.receive(fail)
    feed(reader, frame(b"one")[3:])
    assert reader.take() == [b"one"]


def test_a_long_frame_in_many_pieces_is_joined_once_and_not_at_each_piece() -> None:
    body = bytes(4 * 2**20)
    stream = frame(body)
    reader = FrameReader(len(body))
    tracemalloc.start()
    try:
        for begin in range(0, len(stream), 4096):
            feed(reader, stream[begin : begin + 4096])
            if begin + 4096 < len(stream):
                assert reader.next() is None
        held, most = tracemalloc.get_traced_memory()
        assert reader.next() == (0, body)
    finally:
        tracemalloc.stop()
    assert most < 2 * len(body)
    assert held < 2 * len(body)


def test_random_bytes_give_frames_or_a_protocol_error_and_nothing_else() -> None:
    chance = random.Random(7)
    for _ in range(3000):
        reader = FrameReader(LIMIT)
        try:
            for _ in range(chance.randrange(1, 6)):
                feed(reader, HEADER.pack(chance.choice([0, 1, 5, 2**32 - 1])) + chance.randbytes(chance.randrange(12)))
                taken(reader)
        except ProtocolError:
            continue


def test_over_a_real_socket_whatever_sizes_the_kernel_hands_over() -> None:
    ours, theirs = socket.socketpair()
    chance = random.Random(3)
    bodies = [chance.randbytes(chance.choice([1, 10, 70_000, 300_000])) for _ in range(60)]
    writer = threading.Thread(target=lambda: [theirs.sendall(frame(body)) for body in bodies] and theirs.close())  # type: ignore[func-returns-value]
    writer.start()
    reader, found = FrameReader(2**20), []
    while reader.receive(ours.recv):
        found += reader.take()
    writer.join()
    ours.close()
    theirs.close()
    assert found == bodies
