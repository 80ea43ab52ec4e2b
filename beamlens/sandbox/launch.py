"""Have a child: forked by the server, or exec'd where there is none; and end it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
import weakref
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Protocol

import msgpack

from beamlens.sandbox.directory import why_not_private
from beamlens.sandbox.frames import FAILED, HELLO, READY, SET_UP, frame
from beamlens.sandbox.inbox import FrameError, Inbox, until
from beamlens.sandbox.levels import EXEC_ADDRESS
from beamlens.sandbox.server import SandboxStartError, interpreter_command

__all__ = ["Child", "SpawnError", "spawn"]

SPAWN_SECONDS: Final = 5.0
_CREDENTIALS: Final = struct.Struct("3i")
_SECONDS: Final = struct.Struct("ll")  # struct timeval


class SpawnError(Exception):
    """No child could be had.

    Args:
        text: why.
        refused: it is the machine that lacks a defence; trying again does not help.
    """

    def __init__(self, text: str, *, refused: bool = False) -> None:
        super().__init__(text)
        self.refused = refused


class Process(Protocol):
    """Be a handle of a process that may be killed and waited for."""

    def kill(self) -> None:
        """Send SIGKILL; a process that is gone is none's fault."""

    def wait(self, seconds: float) -> None:
        """Wait until it is gone, not longer than that."""

    def close(self) -> None:
        """Give back the handle; the process ends with it."""


class Child:
    """Hold one child: its connection, and a handle that its life depends on.

    Args:
        connection: the socket, blocking.
        inbox: reads frames from it.
        process: the handle.
        pid: its process id, for people; nothing is sent to it.
    """

    def __init__(self, connection: socket.socket, inbox: Inbox, process: Process, pid: int) -> None:
        self.connection = connection
        self.inbox = inbox
        self.pid = pid
        self._process = process

    def send(self, tag: bytes, body: bytes) -> None:
        """Send a frame; OSError when it is gone or does not read for seconds."""
        self.connection.sendall(frame(tag, body))

    def is_idle(self) -> bool:
        """Tell whether it is there and has nothing to say, as befits a child between two programs."""
        try:
            self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return self.inbox.is_empty
        except OSError:
            return False
        return False

    def kill(self) -> None:
        """End it at once and wait until it is gone."""
        self._process.kill()
        self._process.wait(1.0)
        self.close()

    def close(self) -> None:
        """Let go of it: the kernel ends it."""
        self.connection.close()
        self._process.close()


def spawn(address: str, memory_bytes: int, cpu_seconds: int, *, allow_reduced: bool) -> Child:
    """Return a child that is confined and waits for a program.

    Args:
        address: of a server, or `EXEC_ADDRESS`.
        memory_bytes: what its Lua states may use at most.
        cpu_seconds: of processor time for its life.
        allow_reduced: whether it may run without the filter of system calls.

    Raises:
        SpawnError: there is none; the text says why.
    """
    start = _execute if address == EXEC_ADDRESS else _connect
    reduced = allow_reduced or sys.platform != "linux"
    settings = frame(SET_UP, msgpack.packb([memory_bytes, cpu_seconds, reduced]))
    try:
        return start(address, settings)
    except (OSError, ValueError, FrameError, SandboxStartError) as error:
        raise SpawnError(f"{type(error).__name__}: {error}") from error


# -- forked by the server ----------------------------------------------------------------------------


class _Forked:
    """Be a process known by a pidfd, which lives as long as a pipe is held open."""

    def __init__(self, pidfd: int, lifeline: int) -> None:
        self._pidfd = pidfd
        self._close = weakref.finalize(self, _close_all, (pidfd, lifeline))

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def wait(self, seconds: float) -> None:
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        poll.poll(seconds * 1000)

    def close(self) -> None:
        self._close()


def _close_all(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _connect(address: str, settings: bytes) -> Child:
    directory = Path(address).parent
    reason = why_not_private(directory)
    if reason is not None:
        raise SpawnError(f"there is no sandbox server at {address}: {reason}")
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _SECONDS.pack(int(SPAWN_SECONDS), 0))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _SECONDS.pack(int(SPAWN_SECONDS), 0))
        connection.connect(address)
        _, uid, _ = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if uid != os.geteuid():
            raise SpawnError(f"the sandbox server at {address} belongs to user {uid}, not to {os.geteuid()}")
        with contextlib.suppress(BrokenPipeError):  # a server that has no room says so, and closes before it reads
            connection.sendall(settings)
        data, descriptors = _receive_descriptors(connection)
        if len(descriptors) == 2:
            process = _Forked(*descriptors)
            stack.callback(process.close)
        else:
            _close_all(descriptors)
            if not data or data[4:5] == HELLO:
                raise SpawnError("the sandbox server sent no child: it is ending, or no descriptor is left")
        inbox = Inbox(connection, data)
        pid = _await_ready(inbox)
        stack.pop_all()
    return Child(connection, inbox, process, pid)


def _receive_descriptors(connection: socket.socket) -> tuple[bytes, list[int]]:
    numbers = array("i")
    flags = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
    data, extra, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(4 * numbers.itemsize), flags)
    for level, kind, content in extra:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            numbers.frombytes(content[: len(content) - len(content) % numbers.itemsize])
    return data, list(numbers)


# -- exec'd for one session --------------------------------------------------------------------------


class _Executed:
    """Be a child process of this one, which lives as long as a pipe is held open."""

    def __init__(self, process: subprocess.Popen[bytes], lifeline: int) -> None:
        self._process = process
        self._close = weakref.finalize(self, _close_all, (lifeline,))

    def kill(self) -> None:
        self._process.kill()

    def wait(self, seconds: float) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._close()


def _execute(_address: str, settings: bytes) -> Child:
    with contextlib.ExitStack() as stack:
        connection, theirs = socket.socketpair()
        stack.enter_context(connection)
        with theirs:
            their_lifeline, lifeline = os.pipe()
            try:
                process = _Executed(_popen(theirs.fileno(), their_lifeline), lifeline)
            except BaseException:
                os.close(lifeline)
                raise
            finally:
                os.close(their_lifeline)
        stack.callback(process.close)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _SECONDS.pack(int(SPAWN_SECONDS), 0))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _SECONDS.pack(int(SPAWN_SECONDS), 0))
        connection.sendall(settings)
        inbox = Inbox(connection)
        pid = _await_ready(inbox)
        stack.pop_all()
    return Child(connection, inbox, process, pid)


def _popen(connection: int, lifeline: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*interpreter_command("child"), str(connection), str(lifeline)],
        env={"TZ": "UTC"},
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(connection, lifeline),
        start_new_session=True,
    )


# -- both --------------------------------------------------------------------------------------------


def _await_ready(inbox: Inbox) -> int:
    pid, left = 0, until(time.monotonic() + SPAWN_SECONDS)
    while True:
        tag, body = inbox.take(left)
        if tag == FAILED:
            text = body.decode("utf-8", "replace")[:1000]
            raise SpawnError(text, refused="allow_reduced" in text)
        if tag == HELLO:
            pid = msgpack.unpackb(body)
        elif tag == READY:
            return pid
        else:
            raise SpawnError(f"the sandbox child sent {tag!r} before it was ready")
