"""The three frames of the hot path, put together by hand around a packed message.

    ask, reply   length | [kind, number, message]
    tell         length | [kind, message]

A message is packed alone, which is what the codec is quickest at, and keeps its limits for itself; the
list around it needs one level and a few bytes more, which `outer` grants to the reader.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Final

from supervision.process.protocol import ASK, REPLY, TELL
from supervision.process.wire import Codec, Limits

__all__ = ["NUMBERS", "ask_frame", "outer", "reply_frame", "tell_frame"]

NUMBERS: Final = 0xFFFFFFFF  # the mask of an ask's number
_SLACK: Final = 64
_LIST_OF_THREE: Final = 0x93
_LIST_OF_TWO: Final = 0x92
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


@lru_cache(maxsize=8)
def _outer(limits: Limits) -> Codec:
    return Codec(Limits(limits.frame_bytes + _SLACK, limits.depth + 1))


def outer(codec: Codec) -> Codec:
    """Return the codec for whole frames around the messages of this one."""
    return _outer(codec.limits)
