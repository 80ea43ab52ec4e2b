"""A frame whose message cannot be unpacked, since it holds a value of a module that is not imported here.

Its head can: so that whoever asked is told, and a message costs what an exception in its handler costs.
"""

from __future__ import annotations

from typing import Any, Final

import msgpack

from supervision.errors import ProtocolError, UnknownValueError
from supervision.process.protocol import ASK, ERROR, REPLY, TELL, UNREADABLE

__all__ = ["head_of", "unreadable_answer"]

_HEAD_BYTES: Final = 32


def head_of(body: bytes, error: ProtocolError) -> list[Any]:
    """Return the frame that stands for it: `[UNREADABLE, number or None, error]`, or for an answer `[ERROR, ...]`.

    Args:
        body: a frame that could not be unpacked.
        error: why; raised again for what is no message and no answer.

    Raises:
        ProtocolError: the frame does not begin as one of these does.
    """
    unpacker = msgpack.Unpacker()
    unpacker.feed(body[:_HEAD_BYTES])
    try:
        unpacker.read_array_header()
        kind = unpacker.unpack()
        number = unpacker.unpack() if kind in (ASK, REPLY, ERROR) else None
    except Exception:
        raise error from None
    if kind == TELL or (kind == ASK and isinstance(number, int)):
        return [UNREADABLE, number, error]
    if kind in (REPLY, ERROR) and isinstance(number, int):
        return [ERROR, number, error]
    raise error


def unreadable_answer(body: bytes, error: UnknownValueError) -> list[Any]:
    """Return `[ERROR, number, error]` for an answer with a value that is not known here.

    Args:
        body: the frame.
        error: why it could not be unpacked; raised again for anything but an answer.

    Raises:
        UnknownValueError: it is no answer.
    """
    found = head_of(body, error)
    if found[0] != ERROR:
        raise error
    return found
