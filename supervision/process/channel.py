"""The application's end of one child's socket.

Reading is done by the loop, or by a thread that waits for a reply of its own: it takes the descriptor
out of the poller and reads itself, which saves two hops between threads on each ask. Whoever holds
`_read_lock` reads. Replies go to their waiters at once; everything else is delivered by the loop, in
the order in which it came.
"""

from __future__ import annotations

import itertools
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable

from pykka import Timeout

from supervision.errors import ActorDown, ProtocolError, UnknownValueError
from supervision.exits import NOPROC
from supervision.process.envelopes import NUMBERS, ask_frame, outer
from supervision.process.frames import FrameReader, frame
from supervision.process.loop import Loop, Timer
from supervision.process.open_asks import OpenAsks
from supervision.process.outbox import Outbox
from supervision.process.poller import READ, WRITE
from supervision.process.protocol import ERROR, REPLY, REPLY_FOR, STARTED
from supervision.process.unreadable import unreadable_answer
from supervision.process.waiter import Pending, Waiter
from supervision.process.wire import Codec

__all__ = ["Channel"]

_FRAME_SECONDS = 30.0
_LEASE_SECONDS = 0.002
_START_SECONDS = 0.0005
_HANG_UP_SECONDS = 1.0
_DEATH_SECONDS = 0.05
_UNKNOWN = -1


class Channel:
    """Exchange frames with one child.

    Args:
        sock: our end of the socketpair; owned from now on.
        loop: the loop that reads and writes it.
        codec: packs and unpacks, with its limits.
        on_frame: called on the loop's thread with each decoded frame that is not a reply.
        on_broken: called on the loop's thread, once, when the peer sent nonsense.
        outbox_bytes: how much may wait to be written before sends are refused.
    """

    def __init__(
        self,
        sock: socket.socket,
        loop: Loop,
        codec: Codec,
        on_frame: Callable[[list[object]], None],
        on_broken: Callable[[ProtocolError], None],
        outbox_bytes: int,
    ) -> None:
        sock.setblocking(True)
        self._sock = sock
        self._recv = sock.recv
        self._fd = sock.fileno()
        self._loop = loop
        self._encode = codec.encode
        self._outer = outer(codec)
        self._on_frame = on_frame
        self._on_broken = on_broken
        self._outbox = Outbox(sock, outbox_bytes, loop, lambda: loop.call_soon(self._poll), codec.limits)
        self._send = self._outbox.send
        self._tell = self._outbox.tell
        self._reader = FrameReader(self._outer.limits.frame_bytes)
        self._arrived: deque[tuple[int, list[object]]] = deque()
        self._delivered = -1
        self._ids = itertools.count(1)
        self._pending = OpenAsks()
        self._read_lock = threading.Lock()
        self._mask_lock = threading.Lock()
        self._mask = 0
        self._concurrent = loop.poller.concurrent
        self._leased = self._checking = False
        self._asked = self._lease_seen = 0
        self._end_of_stream = self._closed = False
        self._down = ActorDown("the actor is gone", NOPROC)
        self._partial_timer: Timer | None = None
        self._hang_up_timer: Timer | None = None
        self._readable: select.poll | None = None

    # -- life ---------------------------------------------------------------------------------

    def open(self) -> None:
        """Begin to read. Loop thread only."""
        self._loop.callbacks[self._fd] = self._on_ready
        self._poll()

    def drain(self) -> None:
        """Read what a dead child left behind, up to the end of the stream. Loop thread only."""
        self._shut()
        with self._read_lock:
            while not self._end_of_stream and self._receive(socket.MSG_DONTWAIT):
                self._parse()
            self._end_of_stream = True
        self._deliver()

    def fail(self, down: ActorDown) -> None:
        """Refuse everything from now on, and fail every open ask, with `down`. Loop thread only."""
        self._down = down
        self._outbox.close()
        self._pending.fail_all(down)

    def close(self) -> None:
        """Give back the socket of a channel that was failed. Loop thread only."""
        if self._closed:
            return
        self._closed = True
        if self._hang_up_timer is not None:
            self._hang_up_timer.cancel()
        self._shut()
        with self._read_lock:
            self._end_of_stream = True
            self._poll()
            self._loop.callbacks.pop(self._fd, None)
            self._sock.close()
        self._pending.fail_all(self._down)

    def fileno(self) -> int:
        """Return the descriptor of the socket; -1 once it is closed."""
        return self._sock.fileno()

    def discard(self) -> None:
        """Close the descriptor in a forked copy of the process."""
        self._sock.close()

    def _shut(self) -> None:
        # What is queued stays readable, and a thread that is blocked in recv wakes up.
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it is shut already

    # -- sending ------------------------------------------------------------------------------

    def send(self, content: list[object]) -> None:
        """Send a frame. Any thread; never blocks.

        Raises:
            MessageError: the content cannot be packed.
            MailboxFull: too much waits to be written already.
            ActorDown: the child is gone.
        """
        self.send_packed(frame(self._outer.encode(content)))

    def send_packed(self, data: bytes) -> None:
        """Send a frame that is packed and has its length. Any thread; never blocks; raises as `send`."""
        if not self._send(data):
            raise self._down

    def tell(self, message: object) -> None:
        """Send a one-way message. Any thread; never blocks; raises as `send`."""
        if not self._tell(self._encode(message)):
            raise self._down

    def next_number(self) -> int:
        """Return a number for `open_ask`."""
        return next(self._ids) & NUMBERS

    def open_ask(self, number: int, data: bytes, pending: Pending) -> None:
        """Send a packed frame that carries `number`; its answer goes to `pending`. Never blocks; raises as `send`."""
        self._pending[number] = pending
        if self._leased:
            self._end_lease()
        try:
            self.send_packed(data)
        except BaseException:
            self._pending.pop(number, None)
            raise

    def begin_ask(self, message: object, pending: Pending) -> int:
        """Send a message, hand its answer to `pending`, return its number. Never blocks; raises as `send`."""
        number = next(self._ids) & NUMBERS
        self.open_ask(number, ask_frame(number, self._encode(message)), pending)
        return number

    def forget(self, number: int) -> None:
        """Drop interest in an answer: it is ignored when it comes."""
        self._pending.pop(number, None)

    # -- asking -------------------------------------------------------------------------------

    def ask(self, message: object, timeout: float | None) -> object:
        """Send a message and wait for its answer. Any thread but the loop's.

        Raises:
            MessageError, MailboxFull: nothing was sent.
            ActorDown: the child died before it answered.
            Timeout: no answer within `timeout` seconds; a late one is dropped.
            Exception: what the handler raised.
        """
        waiter = Waiter()
        number = self._asked = next(self._ids) & NUMBERS
        deadline = None if timeout is None else time.monotonic() + timeout
        data = ask_frame(number, self._encode(message))
        self._pending[number] = waiter
        try:
            if self._concurrent and self._read_lock.acquire(blocking=False):
                try:
                    self._send_and_read(data, waiter, deadline)
                finally:
                    self._read_lock.release()
                    if self._arrived:
                        self._loop.call_soon(self._deliver)
                    self._after_reading()
            else:
                self.send_packed(data)
            if self._end_of_stream and not waiter.done and not waiter.wait(_DEATH_SECONDS):
                # As a rule the death is heard at once, and the loop is not to be woken on the way.
                self._loop.call_soon(self._watch_hang_up)
            if not waiter.done and not waiter.wait(None if deadline is None else deadline - time.monotonic()):
                raise Timeout(f"no answer in {timeout} seconds")
            return waiter.result()
        finally:
            self._pending.pop(number, None)

    def _send_and_read(self, data: bytes, waiter: Waiter, deadline: float | None) -> None:
        """Send, and read in the asking thread until the answer is there. Has the read lock."""
        if not self._leased:
            self._leased = True  # before the request: else its answer would wake the loop as well
            self._poll()
        self.send_packed(data)
        if self._outbox.blocked:
            return  # the loop has to write on, and may as well read
        try:
            while not (waiter.done or self._end_of_stream):
                if deadline is not None and not self._wait_readable(deadline):
                    return
                if self._receive(0):
                    self._handle_frames()
                    if self._arrived and not self._may_wait(waiter):
                        self._loop.call_soon(self._deliver)
        except ProtocolError as error:
            self._break(error)

    def _may_wait(self, waiter: Waiter) -> bool:
        """Tell whether what arrived besides may be delivered when the answer is there.

        The answer may depend on it, so no; but nothing does on the word that the actor has started, which
        comes with the first answer after a restart: the loop is woken once for both.
        """
        if any(content[0] != STARTED for _, content in tuple(self._arrived)):  # the loop takes from it meanwhile
            return False
        return waiter.done or self._wait_readable(time.monotonic() + _START_SECONDS)

    def _after_reading(self) -> None:
        # A thread that has read keeps the descriptor out of the poller for a moment: who asks once often asks
        # again. The lease ends when somebody else waits for an answer, and when nobody has asked for a while.
        if self._pending:
            self._end_lease()
        elif not self._checking:
            self._checking = True
            self._loop.call_soon(self._watch_lease)

    def _watch_lease(self) -> None:
        self._lease_seen = self._asked
        self._loop.call_later(_LEASE_SECONDS, self._check_lease)

    def _check_lease(self) -> None:
        if self._asked != self._lease_seen:
            self._watch_lease()
            return
        # First the flag: a reader that leaves after the lock was tried in vain must see it, and watch anew.
        self._checking = False
        self._end_lease()

    def _end_lease(self) -> None:
        if self._read_lock.acquire(blocking=False):
            try:
                self._leased = False
                self._poll()
            finally:
                self._read_lock.release()

    def _wait_readable(self, deadline: float) -> bool:
        if self._readable is None:
            self._readable = select.poll()
            self._readable.register(self._fd, select.POLLIN)
        left = min(86_400.0, max(0.0, deadline - time.monotonic()))  # poll() takes no more than some weeks
        return bool(self._readable.poll(left * 1000.0))

    # -- reading ------------------------------------------------------------------------------

    def _poll(self) -> None:
        """Have the poller watch for what is wanted now. Any thread."""
        with self._mask_lock:
            wanted = 0
            if not self._end_of_stream:
                wanted = (0 if self._leased else READ) | (WRITE if self._outbox.blocked else 0)
            if wanted == self._mask:
                return
            poller = self._loop.poller
            # A KeyboardInterrupt may come in between: then nothing is known, and the next call sets it right.
            before, self._mask = self._mask, _UNKNOWN
            if not wanted:
                poller.remove(self._fd)
            elif before:
                poller.change(self._fd, wanted)
            else:
                poller.add(self._fd, wanted)
            self._mask = wanted

    def _on_ready(self, ready: int) -> None:
        if ready & WRITE:
            self._outbox.write_on()
        if ready & READ and self._read_lock.acquire(blocking=False):
            try:
                if self._receive(socket.MSG_DONTWAIT):
                    self._parse()
                if self._end_of_stream:
                    self._poll()
                elif self._reader.partial and self._partial_timer is None:
                    self._expect_the_rest()
            finally:
                self._read_lock.release()
            self._deliver()

    def _receive(self, flags: int) -> bool:
        """Take bytes from the socket; False when there are none. Has the read lock."""
        sock = self._sock
        try:
            alive = self._reader.receive(self._recv if not flags else lambda size: sock.recv(size, flags))
        except BlockingIOError:
            return False
        except OSError:
            alive = False
        if not alive and not self._end_of_stream:
            self._end_of_stream = True
            if self._loop.on_thread:
                self._watch_hang_up()
        return alive

    def _watch_hang_up(self) -> None:
        if not self._closed and self._hang_up_timer is None:
            self._hang_up_timer = self._loop.call_later(_HANG_UP_SECONDS, self._check_hang_up)

    def _check_hang_up(self) -> None:
        if not self._closed:
            self._on_broken(ProtocolError("it closed its socket and lived on"))

    def _parse(self) -> None:
        try:
            self._handle_frames()
        except ProtocolError as error:
            self._break(error)

    def _break(self, error: ProtocolError) -> None:
        if not self._end_of_stream:
            self._end_of_stream = True
            self._loop.call_soon(self._on_broken, error)

    def _handle_frames(self) -> None:
        reader, decode = self._reader, self._outer.decode
        while (found := reader.next()) is not None:
            offset, body = found
            try:
                content = decode(body)
            except UnknownValueError as error:
                content = unreadable_answer(body, error)
            if not isinstance(content, list) or not content:
                raise ProtocolError("a frame must hold a list that begins with its kind")
            kind = content[0]
            if kind == REPLY or kind == ERROR or kind == REPLY_FOR:  # noqa: SIM109 (quicker than a set)
                self._pending.answer(content)
            else:
                self._arrived.append((offset, content))
            reader.advance(body)

    def _deliver(self) -> None:
        """Hand over what arrived, in order, each frame once. Loop thread only."""
        while self._arrived:
            offset, content = self._arrived.popleft()
            if offset > self._delivered:
                self._delivered = offset
                try:
                    self._on_frame(content)
                except ProtocolError as error:
                    self._break(error)

    def _expect_the_rest(self) -> None:
        begun = self._reader.offset
        self._partial_timer = self._loop.call_later(_FRAME_SECONDS, lambda: self._check_partial(begun))

    def _check_partial(self, begun: int) -> None:
        self._partial_timer = None
        if not self._closed and self._reader.partial and self._reader.offset == begun:
            self._break(ProtocolError(f"a frame was begun and not finished in {_FRAME_SECONDS:.0f} s"))
            self._poll()
