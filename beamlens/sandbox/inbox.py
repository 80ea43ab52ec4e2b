"""Read frames of a child that is not trusted: bounded in size, and in time by whoever waits."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from typing import Final

from beamlens.sandbox.frames import HEADER

__all__ = ["LOOK_SECONDS", "FrameError", "Inbox", "until"]

LOOK_SECONDS: Final = 0.05
"""How long a wait lasts before the waiter looks at its clock and at what cancels it."""

_CHUNK: Final = 65536
_TIMEVAL: Final = struct.Struct("ll")


class FrameError(Exception):
    """The child is gone, or sent what is no frame."""


class Inbox:
    """Take frames from a blocking socket; the kernel wakes the reader at the end of its patience.

    Args:
        connection: the socket; its receive timeout is ours to set.
        data: what was read from it already.
    """

    def __init__(self, connection: socket.socket, data: bytes = b"") -> None:
        self._connection = connection
        self._data = bytearray(data)
        self._patience = -1.0
        self.most_bytes = 4096

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing is left over: a child speaks only when it is spoken to."""
        return not self._data

    def take(self, left: Callable[[], float]) -> tuple[bytes, bytes]:
        """Block for one frame; return tag and body.

        Args:
            left: is asked before each look how many seconds are left; raises to end the wait.

        Raises:
            FrameError: end of the stream, or a frame larger than `most_bytes`.
        """
        while True:
            found = self._whole_frame()
            if found is not None:
                return found
            self._be_patient(min(LOOK_SECONDS, left()))
            try:
                data = self._connection.recv(_CHUNK)
            except BlockingIOError:
                continue
            except OSError as error:
                raise FrameError(f"the connection broke: {error}") from error
            if not data:
                raise FrameError("the sandbox process ended")
            self._data += data

    def _whole_frame(self) -> tuple[bytes, bytes] | None:
        if len(self._data) < HEADER.size:
            return None
        (length,) = HEADER.unpack_from(self._data)
        if not 1 <= length <= self.most_bytes:
            raise FrameError(f"the sandbox process sent a frame of {length} bytes, {self.most_bytes} are allowed")
        end = HEADER.size + length
        if len(self._data) < end:
            return None
        frame = bytes(self._data[HEADER.size : end])
        del self._data[:end]
        return frame[:1], frame[1:]

    def _be_patient(self, seconds: float) -> None:
        if seconds != self._patience:
            micros = max(1000, int(seconds * 1_000_000))
            timeout = _TIMEVAL.pack(micros // 1_000_000, micros % 1_000_000)
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)
            self._patience = seconds


def until(end: float) -> Callable[[], float]:
    """Return what `take` asks, for a wait until a time of the monotonic clock; it raises FrameError then."""

    def left() -> float:
        seconds = end - time.monotonic()
        if seconds <= 0:
            raise FrameError("it did not answer in time")
        return seconds

    return left
