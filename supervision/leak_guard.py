"""Find what a test leaves behind: processes, descriptors, threads, shared memory, socket files, handlers.

Processes are found by descent and by a mark in their environment, so that a grandchild whose parent died
is found as well. Descriptors and processes are read from /proc; where there is none, only the rest is seen.
"""

from __future__ import annotations

import contextlib
import gc
import os
import secrets
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from supervision import telemetry

__all__ = ["LeakError", "LeakGuard", "Resource"]

Kind = Literal["process", "descriptor", "thread", "shared memory", "socket file", "telemetry handler"]

_MARK: Final = "SUPERVISION_LEAK_GUARD"
_PROC: Final = Path("/proc")
_SHARED_MEMORY: Final = Path("/dev/shm")


class LeakError(AssertionError):
    """Tell what was left behind, in `leaks`."""

    def __init__(self, leaks: list[Resource]) -> None:
        super().__init__(leaks)
        self.leaks = leaks

    def __str__(self) -> str:
        return "left behind:\n" + "\n".join(f"  {leak}" for leak in self.leaks)


@dataclass(frozen=True, slots=True)
class Resource:
    """Describe one thing that exists now and can be left behind.

    Args:
        kind: what it is.
        key: what tells it from others of its kind: (pid, start time in clock ticks) of a process,
            (number, target) of a descriptor, the `Thread`, the path of a file, (id, event name) of a handler.
        text: for people.
    """

    kind: Kind
    key: Hashable
    text: str

    def __str__(self) -> str:
        return f"{self.kind} {self.text}"


class LeakGuard:
    """Compare what exists before and after, and wait a moment for what is about to go.

        with LeakGuard():
            actor = Worker.start()
            actor.stop()

    Creating one marks this process' environment, which processes started from then on inherit.

    Args:
        allow: tells which new resources may stay, for example those of a runtime that is shared by tests.
        timeout: seconds that things get to go away.
        interval: seconds between two looks.
    """

    def __init__(
        self,
        allow: Callable[[Resource], bool] = lambda resource: False,
        timeout: float = 5.0,
        interval: float = 0.005,
    ) -> None:
        self._allow = allow
        self._timeout = timeout
        self._interval = interval
        self._before: frozenset[tuple[Kind, Hashable]] = frozenset()
        _mark()

    def __enter__(self) -> LeakGuard:
        self.begin()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.check()

    def begin(self) -> None:
        """Remember what exists now."""
        self._before = frozenset((resource.kind, resource.key) for resource in resources())

    def leaks(self) -> list[Resource]:
        """Return at once what exists now, did not when `begin` was called, and is not allowed."""
        return [
            resource
            for resource in resources()
            if (resource.kind, resource.key) not in self._before and not self._allow(resource)
        ]

    def settled(self) -> list[Resource]:
        """Return what is still there after it had its time to go; returns as soon as nothing is."""
        deadline = time.monotonic() + self._timeout
        found = self.leaks()
        if found:
            gc.collect()
        while found and time.monotonic() < deadline:
            time.sleep(self._interval)
            found = self.leaks()
        return found

    def check(self) -> None:
        """Raise if something was left behind; processes among it are killed, so that they end with this.

        Raises:
            LeakError: with the names of what is there.
        """
        found = self.settled()
        if found:
            kill(found)
            raise LeakError(found)


def resources() -> Iterator[Resource]:
    """Yield all that could be left behind and exists now in this process or is its doing."""
    yield from _processes()
    yield from _descriptors()
    yield from (Resource("thread", thread, thread.name) for thread in threading.enumerate())
    yield from _files("shared memory", _SHARED_MEMORY, _is_ours)
    yield from _files("socket file", Path(tempfile.gettempdir()), _is_socket)
    for handler in telemetry.list_handlers():
        key = (handler.id, handler.event_name)
        yield Resource("telemetry handler", key, f"{handler.id!r} on {handler.event_name!r}")


def kill(found: Iterable[Resource]) -> None:
    """Kill the processes among the resources, if they are still the same ones."""
    there = {resource.key: resource for resource in _processes()}
    for resource in found:
        if resource.kind == "process" and resource.key in there and isinstance(resource.key, tuple):
            with contextlib.suppress(ProcessLookupError):
                os.kill(resource.key[0], signal.SIGKILL)


_mark_lock = threading.Lock()
_marks: dict[int, str] = {}


def _mark() -> None:
    # Added to what is there: a test session that runs inside another one's test belongs to both.
    with _mark_lock:
        if os.getpid() not in _marks:
            _marks[os.getpid()] = secrets.token_hex(8)
            os.environ[_MARK] = f"{os.environ.get(_MARK, '')}:{_marks[os.getpid()]}"


@dataclass(frozen=True, slots=True)
class _Stat:
    pid: int
    parent: int
    started: int
    state: str
    name: str


def _processes() -> Iterator[Resource]:
    stats = {stat.pid: stat for stat in _stats()}
    own = os.getpid()
    if own not in stats:
        return
    for stat in stats.values():
        younger = stat.pid != own and stat.started >= stats[own].started
        if younger and (_descends(stat, own, stats) or _is_marked(stat.pid, own)):
            dead = ", dead but not waited for" if stat.state == "Z" else ""
            text = f"{stat.pid} ({_command(stat)}), child of {stat.parent}{dead}"
            yield Resource("process", (stat.pid, stat.started), text)


def _stats() -> Iterator[_Stat]:
    for name in _names(_PROC):
        if not name.isdigit():
            continue
        text = _read(_PROC / name / "stat").decode(errors="replace")
        # The name stands in parentheses and may itself have spaces and parentheses.
        head, _, tail = text.rpartition(") ")
        fields = tail.split()
        if len(fields) > 19:
            _, _, command = head.partition(" (")
            yield _Stat(int(name), int(fields[1]), int(fields[19]), fields[0], command)


def _descends(stat: _Stat, ancestor: int, stats: dict[int, _Stat]) -> bool:
    seen: set[int] = set()
    while stat.parent != ancestor:
        seen.add(stat.pid)
        parent = stats.get(stat.parent)
        # A loop is possible: the table was not read in one instant, and numbers are given again.
        if parent is None or parent.pid in seen:
            return False
        stat = parent
    return True


def _is_marked(pid: int, own: int) -> bool:
    mark = _marks.get(own)
    if mark is None:
        return False
    variables = _read(_PROC / str(pid) / "environ").split(b"\0")
    start = f"{_MARK}=".encode()
    return any(variable.startswith(start) and mark.encode() in variable for variable in variables)


def _command(stat: _Stat) -> str:
    line = _read(_PROC / str(stat.pid) / "cmdline").replace(b"\0", b" ").decode(errors="replace").strip()
    return line[:120] or stat.name


def _descriptors() -> Iterator[Resource]:
    folder = _PROC / str(os.getpid()) / "fd"
    for number in _names(folder):
        try:
            target = os.readlink(folder / number)
        except OSError:
            continue  # closed meanwhile; the one that listed the folder always is
        yield Resource("descriptor", (int(number), target), f"{number} -> {target}")


def _files(kind: Kind, folder: Path, wanted: Callable[[os.DirEntry[str]], bool]) -> Iterator[Resource]:
    if folder.is_dir():
        with os.scandir(folder) as entries:
            yield from (Resource(kind, entry.path, entry.path) for entry in entries if wanted(entry))


def _is_ours(entry: os.DirEntry[str]) -> bool:
    # The folder is everybody's: another user's database may come and go there meanwhile.
    try:
        return entry.stat(follow_symlinks=False).st_uid == os.geteuid()
    except OSError:
        return False


def _is_socket(entry: os.DirEntry[str]) -> bool:
    # Multiprocessing puts the sockets of its managers and listeners into folders with this name.
    if entry.name.startswith("pymp-"):
        return True
    plain = entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False)
    return not plain and Path(entry.path).is_socket()


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""  # gone meanwhile, or not ours to read
