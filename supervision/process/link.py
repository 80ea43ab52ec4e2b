"""The child's end of its socket to the application.

One thread is enough for most actors: the actor's own thread reads when it has nothing to do, and while
it waits for a reply. Once another thread of the child waits for a reply (or asyncio does), a reader
thread takes over, so that it does not depend on the actor being idle.
"""

from __future__ import annotations

import itertools
import os
import queue
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, NoReturn

from supervision.errors import ForkedCopyError, ProtocolError
from supervision.process.envelopes import outer
from supervision.process.frames import FrameReader, frame
from supervision.process.protocol import ERROR, REPLY, REPLY_FOR
from supervision.process.runs import split
from supervision.process.unreadable import head_of
from supervision.process.waiter import Pending, Waiter, as_error
from supervision.process.wire import Codec

__all__ = ["Link"]

_REPLIES = frozenset({REPLY, ERROR, REPLY_FOR})
_LONGEST_WAIT: Final = 86_400.0  # seconds; poll() takes no more than some weeks


class Link:
    """Exchange frames with the application.

    Args:
        sock: the child's end of the socketpair.
        codec: packs and unpacks, with its limits.
        wake: a descriptor that becomes readable when a signal comes. A signal that comes just before a
            blocking read would not end it; one that waits for this descriptor as well sees it.
    """

    def __init__(self, sock: socket.socket, codec: Codec, wake: int | None = None) -> None:
        sock.setblocking(True)
        self.codec = codec
        self._outer = outer(codec)
        self.inbox: deque[list[object]] = deque()
        self._sock = sock
        self._reader = FrameReader(self._outer.limits.frame_bytes)
        self._pending: dict[int, Pending] = {}
        self._ids = itertools.count(1)
        self._send_lock = threading.Lock()
        self._read_lock = threading.Lock()
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._threaded = False
        self._held: list[bytes | list[object]] | None = None
        self._owner = threading.get_ident()
        self.is_copy = False
        self._readable = select.poll()
        self._readable.register(sock, select.POLLIN)
        self._wake = wake
        if wake is not None:
            self._readable.register(wake, select.POLLIN)
        self._writable = select.poll()
        self._writable.register(sock, select.POLLOUT)

    @property
    def on_actor_thread(self) -> bool:
        """Tell whether the caller is the thread that runs the actor."""
        return threading.get_ident() == self._owner

    # -- sending ------------------------------------------------------------------------------

    def send(self, content: list[object]) -> None:
        """Send a frame; block while the application does not read. Any thread.

        Raises:
            MessageError: the content cannot be packed.
        """
        self.send_framed(frame(self._outer.encode(content)))

    def send_framed(self, data: bytes) -> None:
        """Send a frame that is packed and has its length. Any thread; raises `ForkedCopyError` in a forked copy."""
        try:
            with self._send_lock:
                self._sock.sendall(data)
        except OSError:
            self._lost()

    def offer(self, content: list[object], patience: float = 0.0) -> bool:
        """Send a small frame if there is room, or soon will be; tell whether it was sent. Any thread.

        Args:
            content: what to send.
            patience: seconds to wait for another thread's frame, and as many for room.
        """
        data = frame(self._outer.encode(content))
        if not self._send_lock.acquire(timeout=patience):
            return False
        try:
            if not self._writable.poll(patience * 1000.0):
                return False
            self._sock.sendall(data)
        except OSError:
            self._lost()
        finally:
            self._send_lock.release()
        return True

    def _lost(self) -> NoReturn:
        if self.is_copy:
            raise ForkedCopyError(
                f"process {os.getpid()} is a forked copy of an actor's process; the actor is there and not here"
            )
        os._exit(1)  # the application is gone, or has given this child up

    def disown(self) -> None:
        """Part, in a forked copy of this process, with the socket: what the copy says is not the actor's word."""
        self.is_copy = True
        self._send_lock = threading.Lock()  # another thread may have held them
        self._read_lock = threading.Lock()
        nowhere, other = socket.socketpair()
        other.close()
        os.dup2(nowhere.fileno(), self._sock.fileno(), inheritable=False)  # the poll knows it by its number
        nowhere.close()

    # -- asking -------------------------------------------------------------------------------

    def open(self, pending: Pending) -> int:
        """Return the number under which `pending` waits for an answer."""
        number = next(self._ids)
        self._pending[number] = pending
        return number

    def forget(self, number: int) -> None:
        """Drop interest in an answer."""
        self._pending.pop(number, None)

    def wait(self, waiter: Waiter, timeout: float | None) -> bool:
        """Wait for an answer; False when the time ran out first. Any thread."""
        return self.wait_for(lambda: waiter.done, waiter.wait, timeout)

    def wait_for(self, done: Callable[[], bool], block: Callable[[float | None], bool], timeout: float | None) -> bool:
        """Read until `done()`, or `block(timeout)` where a reader thread does the reading. Any thread."""
        if not self.on_actor_thread:
            self.read_in_background()
        deadline = None if timeout is None else time.monotonic() + timeout
        while not done():
            # The reader thread may begin at any moment; from then on the lock is its own.
            if self._threaded or not self._read_lock.acquire(blocking=False):
                return block(None if deadline is None else deadline - time.monotonic())
            try:
                if not done() and not self._read(deadline):
                    return done()
            finally:
                self._read_lock.release()
        return True

    def read_in_background(self) -> None:
        """Let a thread do the reading from now on."""
        if not self._threaded:
            self._threaded = True
            threading.Thread(target=self._read_always, name="supervision-reader", daemon=True).start()

    # -- reading ------------------------------------------------------------------------------

    def next(self, deadline: float | None) -> list[object] | None:
        """Return the next frame that is not a reply, or None once `deadline` (monotonic) has passed. Actor's thread."""
        while not self.inbox:
            if self._threaded or not self._read_lock.acquire(blocking=False):
                if not self._await_bell(deadline):
                    return None
                continue
            try:
                if not self.inbox and not self._read(deadline):
                    return None
            finally:
                self._read_lock.release()
        return self.inbox.popleft()

    def _await_bell(self, deadline: float | None) -> bool:
        left = None if deadline is None else min(_LONGEST_WAIT, max(0.0, deadline - time.monotonic()))
        try:
            self._bell.get(timeout=left)
        except queue.Empty:
            return deadline is None or time.monotonic() < deadline
        return True

    def _read_always(self) -> None:
        while True:
            with self._read_lock:
                self._read(None)

    def _read(self, deadline: float | None) -> bool:
        """Read once; False when the deadline passed first. Has the read lock."""
        patience = None
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            patience = min(_LONGEST_WAIT, left) * 1000.0
        ready = self._readable.poll(patience)
        if not ready:
            return deadline is None or time.monotonic() < deadline
        if self._wake is not None and ready[-1][0] == self._wake:
            os.read(self._wake, 64)  # a signal came: its handler has run, or runs when this thread goes on
            if self._threaded:
                self._bell.put(None)
            return True
        try:
            alive = self._reader.receive(self._sock.recv)
        except ConnectionError:
            alive = False
        if not alive:
            self._lost()
        self._handle_frames()
        return True

    def _handle_frames(self) -> None:
        decode = self._outer.decode
        inbox = self.inbox
        for body in self._reader.take():
            try:
                content = decode(body)
            except ProtocolError as error:
                if self._held is not None:
                    self._held.append(body)
                    continue
                if singles := split(body):
                    inbox.extend(map(self._unpacked, singles))
                    continue
                content = head_of(body, error)
            if not isinstance(content, list) or not content:
                raise ProtocolError("a frame must hold a list that begins with its kind")
            if content[0] in _REPLIES:
                self._answer(content)
            elif self._held:
                self._held.append(content)  # in the order in which they came
            else:
                inbox.append(content)
        if self._threaded:  # after the frames, so that who waits for the bell finds them
            self._bell.put(None)

    def hold(self) -> None:
        """Keep what cannot be unpacked yet: values may come that only the actor's module makes known."""
        self._held = []

    def release(self) -> None:
        """Unpack what was kept; from now on what cannot be unpacked is an error.

        Raises:
            ProtocolError: it still cannot be unpacked, and is no message.
        """
        held, self._held = self._held or [], None
        for kept in held:
            if isinstance(kept, list):
                self.inbox.append(kept)
            else:
                self.inbox.extend(map(self._unpacked, split(kept) or [kept]))

    def _unpacked(self, body: bytes) -> list[object]:
        try:
            return self._outer.decode(body)  # type: ignore[return-value]
        except ProtocolError as error:
            return head_of(body, error)

    def _answer(self, content: list[object]) -> None:
        pending = self._pending.pop(content[1], None) if isinstance(content[1], int) else None
        if pending is None:
            return  # it was given up: a late reply is dropped
        if content[0] == REPLY:
            pending.succeed(content[2])
        elif content[0] == ERROR:
            pending.fail(as_error(content[2]))
        else:
            self._unpack(pending, content)

    def _unpack(self, pending: Pending, content: list[object]) -> None:
        try:
            value = self.codec.decode(content[3])  # type: ignore[arg-type]
        except ProtocolError as error:
            pending.fail(error)
            return
        if content[2]:
            pending.succeed(value)
        else:
            pending.fail(as_error(value))
