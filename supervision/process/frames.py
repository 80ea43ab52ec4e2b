"""Frames on a stream socket: a four-byte length, then a msgpack body.

The reader must survive a KeyboardInterrupt at any bytecode, since an asking thread reads its own
reply and the main thread may be that thread. So its whole state is one tuple, replaced in one
assignment, and what the kernel hands over lands in that state within one C call.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from supervision.errors import ProtocolError

__all__ = ["HEADER", "FrameReader", "frame"]

HEADER: Final = struct.Struct(">I")
_unpack_header: Final = HEADER.unpack_from
_CHUNK: Final = (65536,)
_BIG_CHUNK: Final = (1 << 20,)

_State = tuple[bytes, int, int, list[bytes]]


def frame(body: bytes) -> bytes:
    """Return the body with its length in front, ready to be written."""
    return HEADER.pack(len(body)) + body


class FrameReader:
    """Cut a byte stream into frames, allocating only for bytes that came.

    Args:
        limit: the longest body accepted, in bytes; a longer claim is refused before any allocation.
    """

    __slots__ = ("_limit", "_state")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # bytes not yet taken, position in them, stream offset of that position, chunks behind them
        self._state: _State = (b"", 0, 0, [])

    def receive(self, recv: Callable[[int], bytes]) -> bool:
        """Take what `recv` returns; False at the end of the stream.

        The chain of C functions leaves no bytecode between the arrival of bytes and their place in
        the state, so that a signal handler that raises cannot lose them.

        Raises:
            OSError: what `recv` raised, for example BlockingIOError.
        """
        chunks = self._state[3]
        chunks.extend(map(recv, _BIG_CHUNK if self._waiting_for_much() else _CHUNK))
        return bool(chunks[-1])

    def next(self) -> tuple[int, bytes] | None:
        """Return the next whole frame as (its offset in the stream, its body), or None.

        The frame stays current until `advance`: a caller that is interrupted in between sees it
        again, with the same offset.

        Raises:
            ProtocolError: an empty frame, or one that claims more than the limit.
        """
        if self._state[3] and not self._join():
            return None
        buffer, position, offset, _ = self._state
        held = len(buffer) - position
        if held < 4:
            return None
        length = _unpack_header(buffer, position)[0]
        if not 0 < length <= self._limit:
            raise ProtocolError(f"a frame claims {length} bytes; from 1 to {self._limit} are allowed")
        if held < length + 4:
            return None
        position += 4
        return offset, buffer[position : position + length]

    def advance(self, body: bytes) -> None:
        """Step over the frame that `next` returned with this body."""
        buffer, position, offset, chunks = self._state
        step = 4 + len(body)
        self._state = (buffer, position + step, offset + step, chunks)

    def take(self) -> list[bytes]:
        """Return all whole frames at once and step over them: quicker, where no signal handler may interrupt.

        Raises:
            ProtocolError: as `next`; the frames before the bad one are lost with it.
        """
        bodies: list[bytes] = []
        if self._state[3] and not self._join():
            return bodies
        buffer, position, offset, chunks = self._state
        begun, end = position, len(buffer)
        while end - position >= 4:
            length = _unpack_header(buffer, position)[0]
            if not 0 < length <= self._limit:
                raise ProtocolError(f"a frame claims {length} bytes; from 1 to {self._limit} are allowed")
            after = position + 4 + length
            if after > end:
                break
            bodies.append(buffer[position + 4 : after])
            position = after
        self._state = (buffer, position, offset + position - begun, chunks)
        return bodies

    @property
    def partial(self) -> bool:
        """Tell whether a frame has begun and is not whole."""
        buffer, position, _, chunks = self._state
        return len(buffer) > position or bool(chunks)

    @property
    def offset(self) -> int:
        """Return where in the stream the next frame begins."""
        return self._state[2]

    def _waiting_for_much(self) -> bool:
        buffer, position, _, _ = self._state
        return len(buffer) - position >= 4 and bool(HEADER.unpack_from(buffer, position)[0] > 65536)

    def _join(self) -> bool:
        """Put the chunks that came behind the bytes not yet taken; False where that is not worth it yet."""
        buffer, position, offset, chunks = self._state
        if len(buffer) == position and len(chunks) == 1:
            buffer = chunks[0]
        elif self._worth_joining(buffer, position, chunks):
            buffer = b"".join([buffer[position:], *chunks])
        else:
            return False
        self._state = (buffer, 0, offset, [])
        return True

    def _worth_joining(self, buffer: bytes, position: int, chunks: list[bytes]) -> bool:
        # Joining at each chunk of a long frame would copy it over and over.
        held = len(buffer) - position
        if held < 4:
            return True
        (length,) = HEADER.unpack_from(buffer, position)
        return bool(length > self._limit or held + sum(map(len, chunks)) >= length + 4)
