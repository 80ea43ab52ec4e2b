"""Frames between the host and a sandbox child: four bytes of length, one byte that says what it is, a body.

Both sides use this, and the child trusts the host; what the host reads is bounded before it is kept.
Nothing but the standard library is imported: the child does without the rest.
"""

from __future__ import annotations

import os
import struct
from typing import Final

__all__ = [
    "CALL",
    "DONE",
    "EVALUATE",
    "FAILED",
    "HEADER",
    "HELLO",
    "READY",
    "REPLY",
    "SET_UP",
    "ChannelClosed",
    "frame",
    "read_frame",
    "write_all",
]

HEADER: Final = struct.Struct("<I")

# The host's: how to confine yourself, a program to run, the answer of a callback.
SET_UP, EVALUATE, REPLY = b"s", b"e", b"r"
# The child's: process id (with descriptors), confined, could not be confined, a callback wanted, the end of a program.
HELLO, READY, FAILED, CALL, DONE = b"h", b"y", b"f", b"c", b"d"

_CHUNK: Final = 65536


class ChannelClosed(Exception):
    """The other side is gone."""


def frame(tag: bytes, body: bytes) -> bytes:
    """Return the bytes of one frame."""
    return HEADER.pack(len(body) + 1) + tag + body


def read_frame(descriptor: int) -> tuple[bytes, bytes]:
    """Block for one frame of a peer that sends no other before this one is answered; return tag and body.

    Raises:
        ChannelClosed: end of the stream, in the middle of a frame too.
    """
    data = _read(descriptor, _CHUNK)
    while len(data) < 4:
        data += _read(descriptor, _CHUNK)
    (length,) = HEADER.unpack_from(data)
    missing = length + 4 - len(data)
    if missing > 0:
        chunks = [data]
        while missing > 0:
            chunks.append(_read(descriptor, min(missing, 1 << 20)))
            missing -= len(chunks[-1])
        data = b"".join(chunks)
    return data[4:5], data[5:]


def write_all(descriptor: int, data: bytes) -> None:
    """Block until all is written.

    Raises:
        ChannelClosed: nobody reads any more.
    """
    try:
        written = os.write(descriptor, data)
        while written < len(data):
            data = data[written:]
            written = os.write(descriptor, data)
    except OSError as error:
        raise ChannelClosed from error


def _read(descriptor: int, count: int) -> bytes:
    try:
        data = os.read(descriptor, count)
    except OSError as error:
        raise ChannelClosed from error
    if not data:
        raise ChannelClosed
    return data
