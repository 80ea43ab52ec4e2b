"""What waits to be written to one child: bounded, never blocking, gathered under load.

A message goes out at once when the last write was some time ago. In a stream of tells the next ones
are gathered and leave together, by the loop or when enough has come together, so that a system call,
and a frame, carries many messages.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Final

from supervision.errors import MailboxFull
from supervision.process.envelopes import tell_frame
from supervision.process.loop import Loop
from supervision.process.runs import LONGEST_MESSAGE, Runs
from supervision.process.wire import Limits

__all__ = ["Outbox"]

_STREAM_SECONDS: Final = 200e-6  # tells that follow each other this quickly are a stream
_FLUSH_SECONDS: Final = 500e-6
_FEW: Final = 2  # tells between two flushes: so few gain nothing by waiting
_GATHERED: Final = 512  # tells; more in one write save nothing more
_WRITE_BYTES: Final = 1 << 20
_DONTWAIT: Final = socket.MSG_DONTWAIT
_monotonic: Final = time.monotonic


class Outbox:
    """Hold the bytes that the kernel has not taken. Any thread, but where said otherwise.

    Args:
        sock: the socket that is written to.
        limit: how many bytes may wait before a send is refused.
        loop: flushes what was gathered, a moment later.
        on_change: called, with the lock held, when writing became impossible or possible again.
        limits: of the messages.
    """

    def __init__(
        self,
        sock: socket.socket,
        limit: int,
        loop: Loop,
        on_change: Callable[[], None],
        limits: Limits,
    ) -> None:
        self._sock = sock
        self._limit = limit
        self._on_change = on_change
        self._loop = loop
        self._runs = Runs(limits)
        self._lock = threading.Lock()
        self._told: list[bytes] = []  # always the same list: tells append to it without the lock
        self._room = 0  # how many tells may be gathered now
        self._rest = bytearray()
        self._last_write = 0.0
        self._streaming = False  # the loop flushes, again and again, until no tells come
        self._came = False  # tells since it last did
        self._closed = False
        self.blocked = False  # bytes wait until the socket can be written to

    def send(self, data: bytes) -> bool:
        """Write a frame now, behind what was told, or as soon as the socket takes it; False when it is closed.

        Raises:
            MailboxFull: too much waits already; the frame was not sent.
        """
        with self._lock:
            if self._closed:
                return False
            if self._told:
                self._flush()
            self._add(data)
        return True

    def tell(self, message: bytes) -> bool:
        """Write a packed message now or, in a stream, together with its neighbours; False when it is closed.

        Raises:
            MailboxFull: too much waits already; the message was not sent.
        """
        room = self._room
        if room and len(message) <= LONGEST_MESSAGE:
            # In the middle of a stream, as nearly all of its messages are. Without the lock: an append is
            # atomic, and only the first so many are ever taken out.
            told = self._told
            told.append(message)
            if len(told) < self._room:  # read again: whoever ends the stream sees this message, or is seen here
                return True
            return self._flush_full()
        return self._tell_alone(message)

    def _flush_full(self) -> bool:
        with self._lock:
            if self._closed:
                return False
            self._came = True
            self._flush()
        return True

    def _tell_alone(self, message: bytes) -> bool:
        with self._lock:
            if self._closed:
                return False
            if self._told:
                self._flush()
            self._add(tell_frame(message))
            before, self._last_write = self._last_write, _monotonic()
            self._came = True
            if not self._streaming and self._last_write - before < _STREAM_SECONDS:
                self._loop.call_soon(self._flush_later)  # first: nothing is gathered that nobody would flush
                self._streaming = True
                self._make_room()
        return True

    def _flush_later(self) -> None:
        self._loop.call_later(_FLUSH_SECONDS, self._flush_gathered)

    def _flush_gathered(self) -> None:
        with self._lock:
            if self._closed:
                return
            goes_on = self._streaming = self._came or len(self._told) > _FEW
            self._came = False
            self._make_room()  # before the flush: what is told after it sees that there is none
            self._flush()
        if goes_on:
            self._flush_later()

    def write_on(self) -> None:
        """Write on, now that the socket takes bytes again."""
        with self._lock:
            if self._rest and not self._closed:
                self._write_rest()

    def close(self) -> None:
        """Refuse everything from now on and drop what waits."""
        with self._lock:
            self._closed = True
            self._room = 0
            self._streaming = self.blocked = False
            self._told.clear()
            self._rest.clear()

    # -- with the lock held ---------------------------------------------------------------------

    def _flush(self) -> None:
        """Write what was told."""
        messages = self._told[:]
        if not messages:
            return
        frames = self._runs.frames(messages)
        self._last_write = _monotonic()
        if self._rest:
            self._write_rest()  # the loop does too, but a busy program may not let it
        del self._told[: len(messages)]  # as late as may be: what is interrupted from here on is not sent again
        self._put(frames)
        self._make_room()

    def _make_room(self) -> None:
        # What is gathered is not counted, so that there must be room for the most that it can be.
        room = min(_GATHERED, (self._limit - len(self._rest)) // (2 * LONGEST_MESSAGE))
        self._room = room if self._streaming and room > 1 else 0

    def _add(self, data: bytes) -> None:
        held = len(self._rest)
        if held + len(data) > self._limit:
            raise MailboxFull(
                f"the receiver has {held} bytes unread and {self._limit} are allowed; the message was not sent"
            )
        self._put(data)

    def _put(self, data: bytes) -> None:
        if self._rest:
            self._rest += data
            return
        sent = self._write(data)
        if sent < len(data):
            self._rest += memoryview(data)[sent:]
            self.blocked = True
            self._on_change()

    def _write_rest(self) -> None:
        with memoryview(self._rest) as rest, rest[:_WRITE_BYTES] as part:
            sent = self._write(part)
        del self._rest[:sent]
        if not self._rest:
            self.blocked = False
            self._on_change()

    def _write(self, data: bytes | memoryview) -> int:
        try:
            return self._sock.send(data, _DONTWAIT)
        except BlockingIOError:
            return 0
        except OSError:
            # The peer is gone. Its death is the kernel's to announce; nothing can reach it any more.
            return len(data)
