"""The frames of the hot path, put together by hand around packed messages.

    ask, reply   length | [kind, number, message]
    tell         length | [kind, message]
    tells        length | [kind, message, message, ...]

A message is packed alone, which is what the codec is quickest at, and keeps its limits for itself; the
list around it needs one level and a few bytes more, which `outer` grants to the reader.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Final

from supervision.process.protocol import ASK, REPLY, TELL, TELLS
from supervision.process.wire import Codec, Limits

__all__ = ["MOST_TELLS", "NUMBERS", "ask_frame", "outer", "reply_frame", "tell_body", "tell_frame", "tells_frame"]

NUMBERS: Final = 0xFFFFFFFF  # the mask of an ask's number
MOST_TELLS: Final = 14  # in one frame: with the kind before them, what a head of one byte can count
_SLACK: Final = 64
_LIST_OF_THREE: Final = 0x93
_LIST_OF_TWO: Final = 0x92
_LIST_OF_ONE: Final = 0x91
_UINT32: Final = 0xCE
_NUMBERED: Final = struct.Struct(">IBBBI")
_PLAIN: Final = struct.Struct(">IBB")
_pack_numbered: Final = _NUMBERED.pack
_pack_plain: Final = _PLAIN.pack


def ask_frame(number: int, body: bytes) -> bytes:
    """Return the frame of an ask with this number, at most `NUMBERS`."""
    return _pack_numbered(7 + len(body), _LIST_OF_THREE, ASK, _UINT32, number) + body


def reply_frame(number: int, body: bytes) -> bytes:
    """Return the frame of the answer to the ask with this number."""
    return _pack_numbered(7 + len(body), _LIST_OF_THREE, REPLY, _UINT32, number) + body


def tell_frame(body: bytes) -> bytes:
    """Return the frame of a one-way message."""
    return _pack_plain(2 + len(body), _LIST_OF_TWO, TELL) + body


def tell_body(body: bytes) -> bytes:
    """Return that frame without its length."""
    return bytes((_LIST_OF_TWO, TELL)) + body


def tells_frame(count: int, bodies: bytes) -> bytes:
    """Return the frame of so many one-way messages, at most `MOST_TELLS`, that are packed one behind the other."""
    return _pack_plain(2 + len(bodies), _LIST_OF_ONE + count, TELLS) + bodies


@lru_cache(maxsize=8)
def _outer(limits: Limits) -> Codec:
    return Codec(Limits(limits.frame_bytes + _SLACK, limits.depth + 1))


def outer(codec: Codec) -> Codec:
    """Return the codec for whole frames around the messages of this one."""
    return _outer(codec.limits)
