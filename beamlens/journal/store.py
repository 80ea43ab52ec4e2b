"""The journals of a tree's runs, in memory while they run and as files to be read afterwards. Any thread.

Bodies are kept as they came, packed: the application never unpacks them, which costs it nothing but memory.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

__all__ = ["JournalStore", "default_directory", "read_bodies"]

_LENGTH: Final = struct.Struct(">I")
_RUN: Final = re.compile(r"[0-9a-f]{32}\Z")
_SUFFIX: Final = ".journal"
_OUTCOMES: Final = 64
_RECENT: Final = 256  # runs that may be on at a time
logger = logging.getLogger("beamlens.journal")


def default_directory() -> Path:
    """Return where transcripts are kept: `beamlens/runs` in the user's state directory (XDG)."""
    home = os.environ.get("XDG_STATE_HOME")
    base = Path(home) if home and os.path.isabs(home) else Path.home() / ".local" / "state"
    return base / "beamlens" / "runs"


@dataclass(slots=True)
class _Kept:
    """Hold the records of one unfinished run that are needed to go on, and their sizes in bytes."""

    bodies: list[bytes] = field(default_factory=list)
    size: int = 0
    total: int = 0  # of all records there ever were
    full: bool = False  # whether records are missing since they were too many
    warned: bool = False

    def add(self, body: bytes, anew: bool, limit: int) -> None:
        self.total += len(body)
        if anew:
            self._cut()
            self.full = False
        if self.full:
            return
        if self.bodies and self.size + len(body) > limit:
            self._cut()
            self.full = True
            return
        self.bodies.append(body)
        self.size += len(body)

    def _cut(self) -> None:
        del self.bodies[1:]
        self.size = sum(map(len, self.bodies))


class JournalStore:
    """Keep the journals of unfinished runs, and write transcripts.

    Args:
        directory: where transcripts go; None: nowhere.
        run_bytes: the largest journal of one run; what comes later is dropped, and the run cannot be resumed.
        kept_runs: how many transcripts stay; the oldest go first.
    """

    def __init__(self, directory: Path | None = None, *, run_bytes: int = 16 * 2**20, kept_runs: int = 200) -> None:
        self.directory = directory
        self._run_bytes = run_bytes
        self._kept_runs = kept_runs
        self._lock = threading.Lock()
        self._open: dict[str, dict[str, _Kept]] = {}  # by owner and run
        self._files: list[str] = []  # runs with a transcript, oldest first
        self._outcomes: dict[str, bytes] = {}  # for who asks again, since an answer was lost with its process
        self._writable = directory is not None and self._prepare(directory)

    def append(self, owner: str, run_id: str, body: bytes, *, anew: bool = False) -> None:
        """Keep one more record of a run.

        Args:
            owner: who runs.
            run_id: 32 hexadecimal characters; others are refused, as they name a file.
            body: the packed record.
            anew: whether the records before it, but for the first, are not needed any more to go on.
        """
        with self._lock:
            kept = self._kept(owner, run_id)
            kept.add(body, anew, self._run_bytes)
            if kept.full and not kept.warned:
                kept.warned = True
                logger.warning("the journal of run %s is full; it starts anew if its process dies", run_id)
            if kept.total <= self._run_bytes:
                self._write(run_id, body)

    def finish(self, owner: str, run_id: str, body: bytes) -> None:
        """Keep the last record of a run, which needs not be resumed any more; its transcript has it in any case."""
        with self._lock:
            self._kept(owner, run_id)
            self._open[owner].pop(run_id)
            self._write(run_id, body)
            self._outcomes[run_id] = body
            while len(self._outcomes) > _OUTCOMES:
                self._outcomes.pop(next(iter(self._outcomes)))

    def outcome(self, run_id: str) -> bytes | None:
        """Return the last record of a run that ended lately."""
        with self._lock:
            return self._outcomes.get(run_id)

    def unfinished(self, owner: str) -> list[list[bytes]]:
        """Return the records of each run of an owner that has not ended, oldest run first.

        Who asks goes on from these, so that further records may follow where some were missing.
        """
        with self._lock:
            for kept in self._open.get(owner, {}).values():
                kept.full = False
            return [list(kept.bodies) for kept in self._open.get(owner, {}).values() if kept.bodies]

    def forget(self, owner: str) -> None:
        """Drop the unfinished runs of an owner that will not come back."""
        with self._lock:
            self._open.pop(owner, None)

    def _kept(self, owner: str, run_id: str) -> _Kept:
        if not _RUN.match(run_id):
            raise ValueError(f"run_id is {run_id!r}; 32 hexadecimal characters are expected")
        return self._open.setdefault(owner, {}).setdefault(run_id, _Kept())

    # -- files ----------------------------------------------------------------------------------

    def _prepare(self, directory: Path) -> bool:
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = sorted(directory.glob(f"*{_SUFFIX}"), key=lambda path: path.stat().st_mtime)
            self._files = [path.stem for path in found]
            self._drop_oldest(directory)
        except OSError as error:
            logger.warning("no transcripts are kept: %s", error)
            return False
        return True

    def _drop_oldest(self, directory: Path) -> None:
        while len(self._files) > self._kept_runs:
            (directory / f"{self._files.pop(0)}{_SUFFIX}").unlink(missing_ok=True)

    def _write(self, run_id: str, body: bytes) -> None:
        if not self._writable:
            return
        assert self.directory is not None
        try:
            if run_id not in self._files[-_RECENT:]:
                self._files.append(run_id)
                self._drop_oldest(self.directory)
            with open(self.directory / f"{run_id}{_SUFFIX}", "ab", opener=_private) as file:
                file.write(_LENGTH.pack(len(body)) + body)
        except OSError as error:
            self._writable = False
            logger.warning("transcripts end here: %s", error)


def read_bodies(path: Path) -> Iterator[bytes]:
    """Yield the packed records of a transcript; one that was cut off at the end is left out."""
    with open(path, "rb") as file:
        while True:
            head = file.read(_LENGTH.size)
            if len(head) < _LENGTH.size:
                return
            body = file.read(_LENGTH.unpack(head)[0])
            if len(body) < _LENGTH.unpack(head)[0]:
                return
            yield body


def find(directory: Path, run: str) -> Path | None:
    """Return the transcript whose run id begins so, None where none or several do."""
    with contextlib.suppress(OSError):
        found = [path for path in directory.glob(f"*{_SUFFIX}") if path.name.startswith(run)]
        return found[0] if len(found) == 1 else None
    return None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
