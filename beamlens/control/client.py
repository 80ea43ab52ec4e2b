"""The shell's end of control sockets: find running programs, ask one of them."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from beamlens.control.directory import control_directory, prepare, remove_stale, sockets
from beamlens.control.peer import is_own_user
from beamlens.control.protocol import ANSWER_BYTES, ControlError, answers, requests
from supervision.errors import MessageError, ProtocolError
from supervision.process.frames import FrameReader, frame

__all__ = ["Program", "ask", "choose", "programs"]

_GLANCE: Final = 3.0
_PAUSE: Final = 0.01
_MUCH: Final = 16

Hear = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Program:
    """Name a tree of a running program.

    Args:
        path: of its control socket.
        pid: the program.
        name: the tree.
        about: what it said of itself; empty where it did not answer, and then `name` is empty, too.
    """

    path: Path
    pid: int
    name: str
    about: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        program = self.about.get("program", "does not answer")
        return f"--pid {self.pid} --name {self.name or '?'} ({program})"


def programs(directory: Path | None = None) -> list[Program]:
    """Return all trees of running programs of this user; sockets of programs that are gone are removed.

    Raises:
        ControlDirectoryError: others could have put sockets into the directory.
    """
    where = directory or control_directory()
    if not where.exists() and not where.is_symlink():
        return []
    prepare(where)
    remove_stale(where)
    paths = sockets(where)
    if not paths:
        return []
    with ThreadPoolExecutor(min(_MUCH, len(paths))) as pool:
        found = [each for each in pool.map(_meet, paths) if each is not None]
    return sorted(found, key=lambda each: (each.pid, each.name))


def choose(found: list[Program], pid: int | None = None, name: str | None = None) -> Program:
    """Return the one program that is meant.

    Raises:
        ControlError: there is none, or there are several; the text lists them.
    """
    wanted = [each for each in found if pid in (None, each.pid) and name in (None, each.name)]
    if len(wanted) == 1:
        return wanted[0]
    told = "".join(f"\n  {each}" for each in wanted or found)
    if wanted:
        raise ControlError(f"several trees run; choose one of them:{told}", "usage")
    if not found:
        raise ControlError("no program of this user runs BeamLens (with the option control)", "not_found")
    raise ControlError(f"none of the running trees is meant; there are:{told}", "not_found")


def ask(
    path: Path, op: str, args: dict[str, Any] | None = None, *, hear: Hear | None = None, seconds: float | None = None
) -> Any:
    """Ask a program, and return its answer.

    Args:
        path: of its control socket.
        op: an operation's name.
        args: its arguments.
        hear: is called with each event that comes before the answer.
        seconds: how long to wait for each frame; None for as long as it takes.

    Raises:
        ControlError: it refused, or does not answer.
    """
    try:
        body = requests().encode({"op": op, "args": args or {}})
    except MessageError as error:
        raise ControlError(f"this cannot be asked: {error}", "usage") from error
    with _connected(path) as connection:
        connection.sendall(frame(body))
        connection.settimeout(seconds)
        for said in _said(connection):
            if "ok" in said:
                return said["ok"]
            if "error" in said:
                raise ControlError(str(said["error"]), str(said.get("kind", "failed")))
            if hear is not None and isinstance(said.get("event"), dict):
                hear(said["event"])
    raise ControlError("the program ended, or is too busy to answer", "unavailable")


@contextmanager
def _connected(path: Path) -> Iterator[socket.socket]:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(_GLANCE)
    try:
        _connect(connection, path)
        if not is_own_user(connection):
            raise ControlError(f"{path} is another user's", "unavailable")
        yield connection
    except TimeoutError as error:
        raise ControlError("the program does not answer; it may be stopped", "unavailable") from error
    except OSError as error:
        raise ControlError(f"the program cannot be reached: {error.strerror or error}", "unavailable") from error
    except ProtocolError as error:
        raise ControlError(f"what the program said cannot be read: {error}", "unavailable") from error
    finally:
        connection.close()


def _connect(connection: socket.socket, path: Path) -> None:
    deadline = time.monotonic() + _GLANCE
    while True:
        try:
            connection.connect(str(path))
        except BlockingIOError:  # many knock at once; a socket with a time limit is not put into the queue
            if time.monotonic() >= deadline:
                raise TimeoutError from None
            time.sleep(_PAUSE)
        else:
            return


def _said(connection: socket.socket) -> Iterator[dict[str, Any]]:
    reader = FrameReader(ANSWER_BYTES)
    codec = answers()
    while reader.receive(connection.recv):
        while (found := reader.next()) is not None:
            reader.advance(found[1])
            said = codec.decode(found[1])
            if isinstance(said, dict):
                yield said


def _meet(path: Path) -> Program | None:
    pid = path.name.partition(".")[0]
    if not pid.isdecimal():
        return None
    try:
        about = ask(path, "hello", seconds=_GLANCE)
    except ControlError:
        return Program(path, int(pid), "")
    return Program(path, int(about["pid"]), str(about["name"]), about)
