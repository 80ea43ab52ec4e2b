"""What waits to be written to one child: bounded, never blocking, gathered under load.

A message goes out at once when the last write was some time ago. In a stream of tells the next ones
are gathered and leave together, by the loop or when enough has come together, so that a system call
carries many messages.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable

from supervision.errors import MailboxFull
from supervision.process.loop import Loop

__all__ = ["Outbox"]

_GATHER_SECONDS = 200e-6
_GATHER_BYTES = 65536
_FLUSH_SECONDS = 500e-6
_WRITE_BYTES = 1 << 20
_DONTWAIT = socket.MSG_DONTWAIT
_monotonic = time.monotonic


class Outbox:
    """Hold the bytes that the kernel has not taken.

    Args:
        sock: the socket that is written to.
        limit: how many bytes may wait before a send is refused.
        loop: flushes what was gathered, a moment later.
        on_change: called, with the lock held, when writing became impossible or possible again.
    """

    def __init__(
        self,
        sock: socket.socket,
        limit: int,
        loop: Loop,
        on_change: Callable[[], None],
    ) -> None:
        self._sock = sock
        self._limit = limit
        self._on_change = on_change
        self._loop = loop
        self._lock = threading.Lock()
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0
        self._rest = bytearray()
        self._last_write = 0.0
        self._flush_due = False
        self._streaming = False  # something was gathered since the last flush
        self._closed = False
        self._busy = False  # closed, or something waits: a new message goes behind it
        self.blocked = False  # bytes wait until the socket can be written to

    def send(self, data: bytes) -> bool:
        """Write now, or as soon as the socket takes it; False when it is closed.

        Raises:
            MailboxFull: too much waits already; nothing was sent.
        """
        with self._lock:
            if self._busy:
                if self._closed:
                    return False
                self._gather(data)
                self._flush()
            else:
                self._write_first(data)
        return True

    def send_gathered(self, data: bytes) -> bool:
        """Write now or, in a stream of messages, together with its neighbours; False when it is closed.

        Raises:
            MailboxFull: too much waits already; nothing was sent.
        """
        now = _monotonic()
        with self._lock:
            gathered = self._gathered_bytes + len(data)
            if (
                self._flush_due
                and gathered < _GATHER_BYTES
                and now - self._last_write < _GATHER_SECONDS
                and not self.blocked
            ):
                # In the middle of a stream, as nearly all of its messages are.
                self._gathered.append(data)
                self._gathered_bytes = gathered
                self._streaming = self._busy = True
                return True
            if self._closed:
                return False
            if now - self._last_write > _GATHER_SECONDS:
                self._last_write = now
                self._gather(data)
                self._flush()
                return True
            self._gather(data)
            self._streaming = True
            if self._gathered_bytes > _GATHER_BYTES:
                self._flush()
            elif not self._flush_due:
                self._flush_due = True
                self._loop.call_soon(self._flush_later)
        return True

    def _flush_later(self) -> None:
        self._loop.call_later(_FLUSH_SECONDS, self._flush_gathered)

    def _flush_gathered(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._flush_due = self._streaming
            self._streaming = False
            if self._gathered:
                self._last_write = _monotonic()
                self._flush()
        if self._flush_due:  # the stream goes on
            self._flush_later()

    def write_on(self) -> None:
        """Write on, now that the socket takes bytes again."""
        with self._lock:
            if self._closed or not self._rest:
                return
            del self._rest[: self._write(memoryview(self._rest)[:_WRITE_BYTES].tobytes())]
            if not self._rest:
                self.blocked = False
                self._busy = bool(self._gathered)
                self._on_change()

    def close(self) -> None:
        """Refuse everything from now on and drop what waits."""
        with self._lock:
            self._closed = self._busy = True
            self._flush_due = self.blocked = False
            self._gathered = []
            self._rest.clear()

    def _gather(self, data: bytes) -> None:
        held = len(self._rest) + self._gathered_bytes
        if held + len(data) > self._limit:
            raise MailboxFull(
                f"the receiver has {held} bytes unread and {self._limit} are allowed; the message was not sent"
            )
        self._busy = True
        self._gathered.append(data)
        self._gathered_bytes += len(data)

    def _flush(self) -> None:
        data = self._gathered[0] if len(self._gathered) == 1 else b"".join(self._gathered)
        self._gathered = []
        self._gathered_bytes = 0
        if self._rest:
            self._rest += data
            return
        self._busy = False
        self._write_first(data)

    def _write_first(self, data: bytes) -> None:
        if len(data) > self._limit:
            raise MailboxFull(f"a message of {len(data)} bytes; the receiver may have {self._limit} unread")
        sent = self._write(data)
        if sent < len(data):
            self._rest += memoryview(data)[sent:]
            self._busy = self.blocked = True
            self._on_change()

    def _write(self, data: bytes) -> int:
        try:
            return self._sock.send(data, _DONTWAIT)
        except BlockingIOError:
            return 0
        except OSError:
            # The peer is gone. Its death is the kernel's to announce; nothing can reach it any more.
            return len(data)
