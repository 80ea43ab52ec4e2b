"""The floors: the same work with nothing but the kernel in between.

One exec'd process, of the size that the project's own fork server has, forks on command children that
do nothing, echo, or count. They are measured beside ours, in the same run, since a machine drifts.
Run as `python -m benchmarks.floors DESCRIPTOR`, by `FloorServer` alone.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from types import TracebackType
from typing import Final, Literal

import msgpack

__all__ = ["FloorChild", "FloorServer", "exchange", "notice_and_round_trip", "receive_frame"]

Kind = Literal["idle", "echo", "packed", "count"]

HEADER: Final = struct.Struct("<I")
_CHUNK: Final = 65536
_HOME: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_COUNT: Final = b"count"


class FloorChild:
    """Hold one forked child: its process id, a pidfd for it, and a stream socket to it."""

    def __init__(self, pid: int, sock: socket.socket) -> None:
        self.pid = pid
        self.sock = sock
        self.pidfd = os.pidfd_open(pid)
        self._death = select.poll()
        self._death.register(self.pidfd, select.POLLIN)

    def kill(self) -> None:
        """Send SIGKILL."""
        signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def await_death(self) -> None:
        """Block until the kernel says that it is gone."""
        self._death.poll()

    def close(self) -> None:
        """End it and give back the descriptors."""
        with contextlib.suppress(ProcessLookupError):
            self.kill()
        self.await_death()
        os.close(self.pidfd)
        self.sock.close()


class FloorServer:
    """Start the process that forks the floors, and have it fork. For one thread.

    with FloorServer() as floors:
        child = floors.fork("echo")
    """

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-m", "benchmarks.floors", str(theirs.fileno())]
            path = os.pathsep.join([_HOME, *filter(None, [os.environ.get("PYTHONPATH")])])
            self._process = subprocess.Popen(
                command,
                pass_fds=(theirs.fileno(),),
                env={**os.environ, "PYTHONPATH": path},
                start_new_session=True,
            )
        if self._control.recv(16) != b"ready":
            raise RuntimeError("the process that forks the floors did not start")

    def fork(self, kind: Kind, own_bytes: int = 0) -> FloorChild:
        """Return a child that is ready.

        Args:
            kind: what it does.
            own_bytes: how much memory of its own it writes to, so that it is as large as an actor.
        """
        self._control.send(f"{kind} {own_bytes}".encode())
        answer, descriptors, _, _ = socket.recv_fds(self._control, 64, 1)
        child = FloorChild(int(answer), socket.socket(fileno=descriptors[0]))
        child.sock.recv(1)
        return child

    def close(self) -> None:
        """End the process."""
        self._control.close()
        self._process.wait(10)

    def __enter__(self) -> FloorServer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


# -- what is measured ------------------------------------------------------------------------------


def notice_and_round_trip(victim: FloorChild, running: FloorChild, payload: bytes) -> float:
    """Kill one child, hear of it, exchange one message with another; return the seconds.

    The floor of a restart: nobody can answer in a dead process' place before its death is known, and
    to answer takes one round trip.
    """
    begun = time.perf_counter()
    victim.kill()
    victim.await_death()
    answer = exchange(running.sock, HEADER.pack(len(payload)) + payload)
    elapsed = time.perf_counter() - begun
    if answer != payload:
        raise AssertionError(f"the floor's echo answered {answer!r}")
    return elapsed


def exchange(sock: socket.socket, framed: bytes) -> bytes:
    """Send a frame and return the body of the one that comes back."""
    sock.sendall(framed)
    return receive_frame(sock)


def receive_frame(sock: socket.socket) -> bytes:
    """Return the body of the next frame, when nothing comes behind it before it is taken."""
    data = sock.recv(_CHUNK)
    if not data:
        raise EOFError
    (length,) = HEADER.unpack_from(data)
    if len(data) == length + 4:
        return data[4:]
    body = bytearray(length)
    have = len(data) - 4
    body[:have] = data[4:]
    rest = memoryview(body)
    while have < length:
        have += sock.recv_into(rest[have:])
    return bytes(body)


# -- the children ----------------------------------------------------------------------------------


def _idle(sock: socket.socket) -> None:
    while sock.recv(1):
        continue


def _echo(sock: socket.socket) -> None:
    while True:
        body = receive_frame(sock)
        sock.sendall(HEADER.pack(len(body)) + body)


def _echo_packed(sock: socket.socket) -> None:
    while True:
        body = msgpack.packb(msgpack.unpackb(receive_frame(sock)))
        sock.sendall(HEADER.pack(len(body)) + body)


def _count(sock: socket.socket) -> None:
    """Count frames; answer the one that says `count`."""
    count = 0
    data = b""
    while chunk := sock.recv(_CHUNK):
        data = data + chunk if data else chunk
        position = 0
        while len(data) - position >= 4:
            (length,) = HEADER.unpack_from(data, position)
            end = position + 4 + length
            if end > len(data):
                break
            if data[position + 4 : end] == _COUNT:
                sock.sendall(HEADER.pack(8) + count.to_bytes(8, "little"))
                count = 0
            else:
                count += 1
            position = end
        data = data[position:]


_KINDS: Final = {"idle": _idle, "echo": _echo, "packed": _echo_packed, "count": _count}


def _become(kind: str, own_bytes: int, sock: socket.socket) -> None:
    try:
        own = b"\1" * own_bytes  # held until the end
        sock.send(b"+")
        _KINDS[kind](sock)
        del own
    except (EOFError, ConnectionError):
        os._exit(0)
    finally:
        os._exit(1)


def _serve(control: socket.socket) -> None:
    control.send(b"ready")
    while command := control.recv(64):
        kind, _, own_bytes = command.decode().partition(" ")
        _reap()
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            control.close()
            ours.close()
            _become(kind, int(own_bytes), theirs)
        socket.send_fds(control, [str(pid).encode()], [ours.fileno()])
        ours.close()
        theirs.close()


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue


def _main() -> None:
    # What the project's own fork server has imported when it forks an actor of ours.
    import benchmarks.actors  # noqa: F401
    from supervision.process import host, zygote  # noqa: F401

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.collect()
    gc.freeze()
    _serve(socket.socket(fileno=int(sys.argv[1])))


if __name__ == "__main__":
    _main()
