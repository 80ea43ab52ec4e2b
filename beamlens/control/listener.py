"""The thread that takes requests off the control socket, and hands each whole one to a thread of its own.

A client that sends nothing, half a frame or garbage costs one descriptor until its time is over; a client that takes
no answers holds one of a few threads for some seconds. Neither is waited for by the application or by other clients.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from beamlens.control.conversation import Conversation
from beamlens.control.peer import is_own_user
from beamlens.control.protocol import REQUEST_BYTES, ControlError, Request, requests, unpack_request
from supervision.errors import ProtocolError
from supervision.process.frames import FrameReader

__all__ = ["Bounds", "Listener"]

logger = logging.getLogger("beamlens.control")
_PAUSE: Final = 0.5  # seconds without descriptors to spare
_all: weakref.WeakSet[Listener] = weakref.WeakSet()


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bound what clients can take up.

    Args:
        silent: connections that have not yet sent a whole request; one more, and the oldest is closed.
        active: requests that are answered at the same time; one more is refused.
        patience: seconds that a client has to send its request.
    """

    silent: int = 32
    active: int = 16
    patience: float = 5.0


@dataclass(slots=True)
class _Silent:
    connection: socket.socket
    deadline: float
    reader: FrameReader = field(default_factory=lambda: FrameReader(REQUEST_BYTES))


class Listener:
    """Listen until `close`. Makes a thread, which sleeps when nobody talks.

    Args:
        listening: a socket that listens and does not block.
        path: of the socket; removed at the end.
        serve: answers a conversation; called on a thread for each.
        bounds: what clients can take up.
    """

    def __init__(
        self, listening: socket.socket, path: Path, serve: Callable[[Conversation], None], bounds: Bounds | None = None
    ) -> None:
        self._listening = listening
        self._path = path
        self._serve = serve
        self._bounds = bounds or Bounds()
        self._pid = os.getpid()
        self._codec = requests()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._active: set[socket.socket] = set()
        self._silent: dict[socket.socket, _Silent] = {}  # oldest first
        self._woken, self._wake = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(listening, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name="beamlens-control", daemon=True)
        _all.add(self)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def close(self) -> None:
        """Take no more requests, end those that are on, remove the socket; from any thread, more than once."""
        if os.getpid() != self._pid or self._stopping.is_set():
            return
        self._stopping.set()
        self._path.unlink(missing_ok=True)
        self._wake.send(b"!")
        self._thread.join(timeout=10.0)
        self._selector.close()
        for each in (self._listening, self._woken, self._wake):
            each.close()

    def discard(self) -> None:
        """Close, in a forked copy, what belongs to the original."""
        for each in (self._listening, self._woken, self._wake, *self._silent, *tuple(self._active)):
            each.close()
        self._selector.close()

    # -- the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._turn()
        finally:
            self._end()

    def _turn(self) -> None:
        ready = self._selector.select(self._patience())
        for key, _ in ready:
            if key.fileobj is self._listening:
                self._accept()
            elif isinstance(key.data, _Silent):
                self._read(key.data)
        now = time.monotonic()
        for silent in [each for each in self._silent.values() if each.deadline <= now]:
            self._drop(silent)

    def _patience(self) -> float | None:
        first = next(iter(self._silent.values()), None)
        return None if first is None else max(0.0, first.deadline - time.monotonic())

    def _accept(self) -> None:
        try:
            connection, _ = self._listening.accept()
        except (BlockingIOError, ConnectionAbortedError, InterruptedError):
            return
        except OSError as error:
            logger.warning("the control socket cannot take a client: %s", error)
            self._stopping.wait(_PAUSE)  # it would be tried again at once, and fail as before
            return
        if not is_own_user(connection):
            logger.warning("another user's process was refused at the control socket")
            connection.close()
            return
        if len(self._silent) >= self._bounds.silent:
            self._drop(next(iter(self._silent.values())))
        connection.setblocking(False)
        silent = _Silent(connection, time.monotonic() + self._bounds.patience)
        self._silent[connection] = silent
        self._selector.register(connection, selectors.EVENT_READ, silent)

    def _read(self, silent: _Silent) -> None:
        if silent.connection not in self._silent:
            return  # dropped in this very turn
        try:
            open_still = silent.reader.receive(silent.connection.recv)
            found = silent.reader.next()
        except (BlockingIOError, InterruptedError):
            return
        except (OSError, ProtocolError):
            self._drop(silent)
            return
        if found is not None:
            self._forget(silent)
            self._begin(silent.connection, found[1])
        elif not open_still:
            self._drop(silent)

    def _forget(self, silent: _Silent) -> None:
        del self._silent[silent.connection]
        self._selector.unregister(silent.connection)

    def _drop(self, silent: _Silent) -> None:
        self._forget(silent)
        silent.connection.close()

    def _begin(self, connection: socket.socket, body: bytes) -> None:
        with self._lock:
            is_free = len(self._active) < self._bounds.active
            if is_free:
                self._active.add(connection)
        if not is_free:
            connection.close()  # its peer says that nobody answers; to tell it more could block
            return
        threading.Thread(
            target=self._answer, args=(connection, body), name="beamlens-control-request", daemon=True
        ).start()

    def _end(self) -> None:
        for silent in list(self._silent.values()):
            self._drop(silent)
        with self._lock:
            active = list(self._active)
        for connection in active:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    # -- a request's thread ---------------------------------------------------------------------

    def _answer(self, connection: socket.socket, body: bytes) -> None:
        try:
            self._converse(connection, body)
        finally:
            with self._lock:
                self._active.discard(connection)
            connection.close()

    def _converse(self, connection: socket.socket, body: bytes) -> None:
        connection.setblocking(True)
        try:
            request = unpack_request(self._codec, body)
        except ControlError as error:
            Conversation(connection, Request("", {}), self._stopping).refuse(error)
            return
        self._serve(Conversation(connection, request, self._stopping))


def _in_forked_copy() -> None:
    for listener in list(_all):
        listener.discard()
    _all.clear()


os.register_at_fork(after_in_child=_in_forked_copy)
