"""One connection between two members of a group: questions and answers, both ways, none of which waits for ever."""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import socket
import threading
import time
import weakref
from typing import Any, Final

import pykka

from beamlens.errors import BeamlensError
from beamlens.nodes.messages import Ask, Told
from beamlens.probe import watchdog
from supervision import ReplyFuture
from supervision.errors import MessageError, ProtocolError
from supervision.process.frames import FrameReader, frame
from supervision.process.wire import Codec

__all__ = ["Link", "LinkLost"]

_SLOWEST: Final = 2.0  # seconds in which the other end must take what it is sent
_BUSY: Final = 0.1  # seconds to wait for another thread's sending
_all: weakref.WeakSet[Link] = weakref.WeakSet()


class LinkLost(BeamlensError):
    """The other end is gone, or took nothing; what it was asked may have been done."""


class Link:
    """Hold one end. Any thread sends; one thread reads.

    Args:
        connection: a stream socket.
    """

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._codec = Codec()
        self._reader = FrameReader(self._codec.limits.frame_bytes)
        self._sending = threading.Lock()
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._open: dict[int, ReplyFuture] = {}
        self._closed = False
        self.heard_at = time.monotonic()
        watchdog.shared.enter()
        _all.add(self)

    def fileno(self) -> int:
        """Return the descriptor, for selectors."""
        return self._connection.fileno()

    @property
    def connection(self) -> socket.socket:
        """The socket."""
        return self._connection

    @property
    def closed(self) -> bool:
        """Tell whether it was closed."""
        return self._closed

    # -- sending --------------------------------------------------------------------------------

    def ask(self, op: str, value: Any = None, seconds: float | None = None, *, patience: float = 0.0) -> ReplyFuture:
        """Ask the other end; return the future of the answer.

        Args:
            op: what is asked for.
            value: what it needs.
            seconds: until the future fails with `pykka.Timeout`; None: never.
            patience: seconds that the other end gets to take the question; 0 for a small one that must not wait.

        Returns:
            A future that fails with `LinkLost` when the link ends, and with `MessageError` where `value` cannot travel.
        """
        future = ReplyFuture()
        number = next(self._numbers)
        with self._lock:
            if not self._closed:
                self._open[number] = future
        if seconds is not None:
            watchdog.shared.watch(future, time.monotonic() + seconds, lambda: self._expire(number, op, seconds))
        try:
            self.send(Ask(number, op, value), patience)
        except (LinkLost, MessageError) as error:
            self._settle(number)
            future.fail(error)
        return future

    def send(self, message: Any, patience: float = _SLOWEST) -> None:
        """Send a message.

        Raises:
            LinkLost: it is closed, or the other end did not take it in `patience` seconds, which closes it.
            MessageError: the message cannot travel.
        """
        data = frame(self._codec.encode(message))
        if not self._sending.acquire(timeout=max(patience, _BUSY)):
            raise LinkLost("the other end does not take what it was sent before")
        try:
            self._write(memoryview(data), time.monotonic() + patience)
        except OSError as error:
            self.close()
            raise LinkLost(f"the other end is gone: {error.strerror or error}") from error
        finally:
            self._sending.release()

    def _write(self, data: memoryview, deadline: float) -> None:
        while data:
            try:
                data = data[self._connection.send(data) :]
            except BlockingIOError:
                left = deadline - time.monotonic()
                if left <= 0 or not _takes(self._connection, left):
                    # A part of a frame may be on its way: nothing can follow it.
                    raise TimeoutError("it takes nothing") from None

    # -- reading --------------------------------------------------------------------------------

    def read(self) -> list[Any]:
        """Return what came, but for answers, which go to those who asked. The reading thread.

        Raises:
            LinkLost: the other end is gone, or said what is no message.
        """
        try:
            there = self._reader.receive(self._connection.recv)
            messages = [self._codec.decode(body) for body in self._reader.take()]
        except (BlockingIOError, InterruptedError):
            return []
        except (OSError, ProtocolError) as error:
            raise LinkLost(str(error)) from error
        self.heard_at = time.monotonic()
        found = [message for message in messages if not self._is_answer(message)]
        if not there and not messages:
            raise LinkLost("the other end is gone")
        return found

    def _is_answer(self, message: Any) -> bool:
        if not isinstance(message, Told):
            return False
        future = self._settle(message.number)
        if future is not None:
            future.succeed(message.value)
        return True

    def _settle(self, number: int) -> ReplyFuture | None:
        with self._lock:
            future = self._open.pop(number, None)
        if future is not None:
            watchdog.shared.forget(future)
        return future

    def _expire(self, number: int, op: str, seconds: float) -> None:
        future = self._settle(number)
        if future is not None:
            future.fail(pykka.Timeout(f"{op} was not answered in {seconds:g} s"))

    # -- the end --------------------------------------------------------------------------------

    def close(self) -> None:
        """End it; open questions fail with `LinkLost`. Any thread, more than once."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            waiting = list(self._open)
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        for number in waiting:
            future = self._settle(number)
            if future is not None:
                future.fail(LinkLost("the connection has ended"))
        watchdog.shared.leave()

    def release(self) -> None:
        """Close the descriptor, once nobody reads any more."""
        self.close()
        self._connection.close()

    def discard(self) -> None:
        """Close, in a forked copy, what belongs to the original."""
        self._connection.close()


def _takes(connection: socket.socket, seconds: float) -> bool:
    look = select.poll()
    look.register(connection, select.POLLOUT)
    return bool(look.poll(seconds * 1000))


def _in_forked_copy() -> None:
    for link in list(_all):
        link.discard()
    _all.clear()


os.register_at_fork(after_in_child=_in_forked_copy)
