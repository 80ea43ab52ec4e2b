"""The fork server of the sandboxes: exec'd, clean, single-threaded; holds no secret and no user data.

It accepts connections on a Unix socket that it inherits, forks one child for each, which owns that
connection from then on, and reaps. It ends, and with it all its children, when the process that started it
lets go of the control socket.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import select
import signal
import socket
import struct
import sys
import time
from typing import Final, NoReturn

from beamlens.sandbox.child import Kit, become, prepare
from beamlens.sandbox.frames import FAILED, frame

__all__ = ["main"]

_F_SETSIG: Final = 10  # <fcntl.h>, Linux; the standard library does not name it
_CREDENTIALS: Final = struct.Struct("3i")


class _Zygote:
    """Fork, reap, and bound the number and the age of what was forked."""

    def __init__(self, listener: socket.socket, control: socket.socket, most: int, seconds: float) -> None:
        self._listener = listener
        self._control = control
        self._most = most
        self._seconds = seconds
        self._children: dict[int, float] = {}  # process id -> when it must be gone (monotonic)
        self._wake, woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self, kit: Kit) -> None:
        """Serve until the owner is gone."""
        self._listener.setblocking(False)
        poll = select.poll()
        for source in (self._listener, self._control, self._wake):
            poll.register(source, select.POLLIN)
        while True:
            ready = [descriptor for descriptor, _ in poll.poll(self._wait_ms())]
            if self._control.fileno() in ready:
                return
            if self._wake in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake, 4096)
                self._reap()
            self._end_the_old()
            if self._listener.fileno() in ready:
                self._accept(kit)

    def _accept(self, kit: Kit) -> None:
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):
            return
        except OSError:
            time.sleep(0.01)  # no descriptor left: the connection stays in the queue
            return
        with connection:
            _, uid, _ = _CREDENTIALS.unpack(
                connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
            )
            if uid != os.geteuid():
                return
            if len(self._children) >= self._most:
                _refuse(connection, f"{self._most} sandboxes run already; wait for one to end")
                return
            try:
                self._fork(kit, connection)
            except OSError as error:
                _refuse(connection, f"fork: {error}")

    def _fork(self, kit: Kit, connection: socket.socket) -> None:
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            become(kit, connection.fileno(), parent)
        self._children[pid] = time.monotonic() + self._seconds

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (pid := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                self._children.pop(pid, None)

    def _end_the_old(self) -> None:
        now = time.monotonic()
        for pid, end in self._children.items():
            if end <= now:
                os.kill(pid, signal.SIGKILL)  # it is our child and not yet waited for: the number is its own
                self._children[pid] = now + 1.0

    def _wait_ms(self) -> int | None:
        if not self._children:
            return None
        return max(0, int((min(self._children.values()) - time.monotonic()) * 1000) + 1)


def main() -> NoReturn:
    """Serve. In argv: the numbers of listener and control, most children, their longest life (s), the directory."""
    listener_fd, control_fd, most, seconds, directory = sys.argv[1:6]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["TZ"] = "UTC"
    time.tzset()
    listener = socket.socket(fileno=int(listener_fd))
    control = socket.socket(fileno=int(control_fd))
    try:
        kit = prepare()
        sys.path.clear()
        gc.collect()
        gc.freeze()
        _wake_at_hang_up(control)
        control.send(b"ready")
        _silence()
        _Zygote(listener, control, int(most), float(seconds)).serve(kit)
    except Exception as error:  # its reason is all that is left of it
        with contextlib.suppress(OSError):
            control.send(f"{type(error).__name__}: {error}".encode())
        os._exit(1)
    _tidy(directory)
    os._exit(0)


def _wake_at_hang_up(control: socket.socket) -> None:
    """Have the kernel continue this process, if it is stopped, when the owner is gone, so that it sees that."""
    fcntl.fcntl(control, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(control, _F_SETSIG, signal.SIGCONT)
    fcntl.fcntl(control, fcntl.F_SETFL, fcntl.fcntl(control, fcntl.F_GETFL) | os.O_ASYNC)


def _tidy(directory: str) -> None:
    """Remove what the owner, which is gone and may have been killed, can no longer remove."""
    with contextlib.suppress(OSError):
        for name in os.listdir(directory):
            os.unlink(os.path.join(directory, name))
        os.rmdir(directory)


def _silence() -> None:
    """Send what is printed nowhere: until now it told the owner why this process does not start."""
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    os.dup2(null, 2)
    os.close(null)


def _refuse(connection: socket.socket, why: str) -> None:
    with contextlib.suppress(OSError):
        connection.settimeout(0)
        connection.send(frame(FAILED, why.encode()))
