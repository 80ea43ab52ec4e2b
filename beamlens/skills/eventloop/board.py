"""The page of shared memory on which loops stamp their beats, for a process that looks on from outside.

One file for each process: `<directory>/<pid>.beats`, with `<pid>.stacks` beside it, to which the interpreter's own
fault handler writes the stack of the thread to which the chosen signal comes, even while C code holds the interpreter
lock.
The directory belongs to the user alone. Numbers are little-endian, times nanoseconds of the monotonic clock, which is
the same for all processes of a machine.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import stat
import struct
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from beamlens.errors import SkillError

__all__ = ["Board", "BoardView", "Slot", "default_directory"]

_MAGIC: Final = b"BLBEATS2"
_HEADER: Final = struct.Struct("<8sQQQ")  # magic, pid, start of the process, signal
_SLOT: Final = struct.Struct("<QQQ40s")  # stamp, the kernel's id of the thread, in use, name
_SIGNAL_AT: Final = 24
_LOOKED_AT: Final = 32
_FIRST: Final = 64
_SLOTS: Final = 32
_SIZE: Final = _FIRST + _SLOTS * _SLOT.size


@dataclass(frozen=True, slots=True)
class Slot:
    """Hold what one loop's slot says.

    Args:
        stamp_ns: of the last beat.
        thread: the kernel's id of the loop's thread; 0 where it is not known.
        name: of the thread.
    """

    stamp_ns: int
    thread: int
    name: str


def default_directory() -> Path:
    """Return where the files of all of a user's processes are."""
    return Path(tempfile.gettempdir()) / f"beamlens-loops-{os.getuid()}"


def _checked(directory: Path) -> Path:
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise SkillError("refused", f"{directory} is not a directory that belongs to this user alone; remove it")
    return directory


def start_ticks(pid: int) -> int:
    """Return when a process started, in the kernel's ticks; 0 where that is not known."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19])
    return 0


class Board:
    """Be the side that stamps: the observed process. Any thread.

    Args:
        directory: of the files; made if it is not there.

    Raises:
        SkillError: `refused`: the directory is somebody else's.
    """

    def __init__(self, directory: Path) -> None:
        base = _checked(directory) / str(os.getpid())
        self._path, self.stacks_path = base.with_suffix(".beats"), base.with_suffix(".stacks")
        for path in (self._path, self.stacks_path):
            path.unlink(missing_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.ftruncate(descriptor, _SIZE)
            self._memory = mmap.mmap(descriptor, _SIZE)
        finally:
            os.close(descriptor)
        self._used: set[int] = set()
        _HEADER.pack_into(self._memory, 0, _MAGIC, os.getpid(), start_ticks(os.getpid()), 0)

    def announce(self, signal: int) -> None:
        """Say which signal makes the stacks be written; 0 for none any more."""
        struct.pack_into("<Q", self._memory, _SIGNAL_AT, signal)

    def looked(self, nanoseconds: int) -> None:
        """Stamp that the process' own looking thread got on.

        Args:
            nanoseconds: `time.monotonic_ns()`.
        """
        if not self._memory.closed:
            struct.pack_into("<Q", self._memory, _LOOKED_AT, nanoseconds)

    def slot(self, ident: int, name: str) -> tuple[Callable[[int], None], Callable[[], None]] | None:
        """Return what stamps a new slot and what frees it; None if all are in use.

        Args:
            ident, name: of the loop's thread.
        """
        number = next((each for each in range(_SLOTS) if each not in self._used), None)
        if number is None:
            return None
        self._used.add(number)
        at, memory = _FIRST + number * _SLOT.size, self._memory
        thread = next((each.native_id for each in threading.enumerate() if each.ident == ident), None) or 0
        _SLOT.pack_into(memory, at, 0, thread, 1, name.encode(errors="replace")[:40])

        def stamp(nanoseconds: int) -> None:
            memory[at : at + 8] = nanoseconds.to_bytes(8, "little")

        def free() -> None:
            if not memory.closed:
                _SLOT.pack_into(memory, at, 0, 0, 0, b"")
            self._used.discard(number)

        return stamp, free

    def close(self) -> None:
        """Remove the files. After the last stamp; a stamp that comes later still finds the memory."""
        self.announce(0)
        for path in (self._path, self.stacks_path):
            path.unlink(missing_ok=True)


class BoardView:
    """Be the side that looks on: any process of the same user.

    Args:
        pid: of the observed process.
        directory: of the files.

    Raises:
        OSError: there are no such files (yet).
        ValueError: they are not that process', or not in this format.
    """

    def __init__(self, pid: int, directory: Path) -> None:
        base = directory / str(pid)
        self.stacks_path = base.with_suffix(".stacks")
        with open(base.with_suffix(".beats"), "rb") as file:
            if os.fstat(file.fileno()).st_uid != os.getuid() or os.fstat(file.fileno()).st_size < _SIZE:
                raise ValueError(f"{file.name} is not of this user, or not whole yet")
            self._memory = mmap.mmap(file.fileno(), _SIZE, access=mmap.ACCESS_READ)
        magic, owner, started, _ = _HEADER.unpack_from(self._memory, 0)
        if magic != _MAGIC or owner != pid or started != start_ticks(pid):
            self._memory.close()
            raise ValueError(f"the beats of process {pid} are those of an earlier process, or of another version")

    @property
    def signal(self) -> int:
        """The signal that makes the stacks be written; 0 if there is none."""
        value: int = struct.unpack_from("<Q", self._memory, _SIGNAL_AT)[0]
        return value

    @property
    def looked_ns(self) -> int:
        """When the process' own looking thread got on last; 0 if it has not yet."""
        value: int = struct.unpack_from("<Q", self._memory, _LOOKED_AT)[0]
        return value

    def slots(self) -> dict[int, Slot]:
        """Return what the slots in use say, by number."""
        found = {}
        for number in range(_SLOTS):
            at = _FIRST + number * _SLOT.size
            read: Any = _SLOT.unpack_from(self._memory, at)
            if read[2] and read[0]:
                found[number] = Slot(read[0], read[1], read[3].rstrip(b"\0").decode(errors="replace"))
        return found

    def close(self) -> None:
        """Let go of the memory."""
        self._memory.close()
