"""Runs: tells to one actor that leave together, several in a frame.

Each message was packed, and checked, by a `tell` of its own. What a frame costs its reader is half of all
that a small message costs it: around several messages it is a fraction of that.
"""

from __future__ import annotations

from typing import Final

import msgpack

from supervision.errors import ProtocolError
from supervision.process.depth import HEAD, marks_of
from supervision.process.envelopes import MOST_TELLS, tell_body, tell_frame, tells_frame
from supervision.process.protocol import TELLS
from supervision.process.wire import Limits

__all__ = ["LONGEST_MESSAGE", "Runs", "split"]

LONGEST_MESSAGE: Final = 4096  # bytes: a longer one gains nothing, and leaves alone


class Runs:
    """Put packed messages into frames, in order, as many in each as its reader can take at its quickest.

    The reader takes at its quickest what cannot nest too deeply, since it has no more heads of arrays and
    maps in all than may nest (`depth.marks_of`). How many messages keep below that is found out by trying,
    on the first of each call: where that guesses wrong, the reader looks more closely, and is only slower.

    Args:
        limits: of the messages.
    """

    __slots__ = ("_heads", "_most", "_size")

    def __init__(self, limits: Limits) -> None:
        self._heads = limits.depth
        self._most = MOST_TELLS if limits.frame_bytes >= MOST_TELLS * LONGEST_MESSAGE else 1
        self._size = self._most

    def frames(self, messages: list[bytes]) -> bytes:
        """Return the frames that hold these packed messages, each at most `LONGEST_MESSAGE` long."""
        size = self._fitting(messages)
        if size == 1:
            return b"".join(map(tell_frame, messages))
        runs = [messages[first : first + size] for first in range(0, len(messages), size)]
        return b"".join([tells_frame(len(run), b"".join(run)) for run in runs])

    def _fitting(self, messages: list[bytes]) -> int:
        size = min(self._most, self._size + 1)
        heads = marks_of(b"".join(messages[:size])).count(HEAD)
        if heads > self._heads:
            size = max(1, size * self._heads // heads)
        self._size = size
        return size


def split(body: bytes) -> list[bytes]:
    """Return the frames of a run's messages, each without its length; [] for what is no run.

    For a run that cannot be unpacked as a whole, since one of its messages cannot.

    Args:
        body: a frame without its length.
    """
    unpacker = msgpack.Unpacker()
    unpacker.feed(body)
    try:
        count = unpacker.read_array_header()
        if unpacker.unpack() != TELLS:
            return []
        messages = []
        for _ in range(count - 1):
            begun = unpacker.tell()
            unpacker.skip()
            messages.append(tell_body(body[begun : unpacker.tell()]))
    except Exception as error:
        raise ProtocolError(f"a run of messages is not whole: {type(error).__name__}: {error}") from error
    return messages
