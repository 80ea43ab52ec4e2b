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
from pathlib import Path
from typing import Final

__all__ = ["JournalStore", "default_directory", "read_bodies"]

_LENGTH: Final = struct.Struct(">I")
_RUN: Final = re.compile(r"[0-9a-f]{32}\Z")
_SUFFIX: Final = ".journal"
_OUTCOMES: Final = 64
logger = logging.getLogger("beamlens.journal")


def default_directory() -> Path:
    """Return where transcripts are kept: `beamlens/runs` in the user's state directory (XDG)."""
    home = os.environ.get("XDG_STATE_HOME")
    base = Path(home) if home and os.path.isabs(home) else Path.home() / ".local" / "state"
    return base / "beamlens" / "runs"


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
        self._open: dict[str, dict[str, list[bytes]]] = {}  # owner -> run -> bodies
        self._sizes: dict[str, int] = {}
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
        if not _RUN.match(run_id):
            raise ValueError(f"run_id is {run_id!r}; 32 hexadecimal characters are expected")
        with self._lock:
            bodies = self._open.setdefault(owner, {}).setdefault(run_id, [])
            if anew:
                del bodies[1:]
            bodies.append(body)
            total = self._sizes.get(run_id, 0) + len(body)
            self._sizes[run_id] = total
            if sum(map(len, bodies)) > self._run_bytes:
                del bodies[1:]
                logger.warning("the journal of run %s is full; it starts anew if its process dies", run_id)
            if self._writable and total <= self._run_bytes:
                self._write(run_id, body)

    def finish(self, owner: str, run_id: str, body: bytes) -> None:
        """Keep the last record of a run, which needs not be resumed any more."""
        self.append(owner, run_id, body)
        with self._lock:
            self._open.get(owner, {}).pop(run_id, None)
            self._sizes.pop(run_id, None)
            self._outcomes[run_id] = body
            while len(self._outcomes) > _OUTCOMES:
                self._outcomes.pop(next(iter(self._outcomes)))

    def outcome(self, run_id: str) -> bytes | None:
        """Return the last record of a run that ended lately."""
        with self._lock:
            return self._outcomes.get(run_id)

    def unfinished(self, owner: str) -> list[list[bytes]]:
        """Return the records of each run of an owner that has not ended, oldest run first."""
        with self._lock:
            return [list(bodies) for bodies in self._open.get(owner, {}).values()]

    def forget(self, owner: str) -> None:
        """Drop the unfinished runs of an owner that will not come back."""
        with self._lock:
            for run_id in self._open.pop(owner, {}):
                self._sizes.pop(run_id, None)

    # -- files ----------------------------------------------------------------------------------

    def _prepare(self, directory: Path) -> bool:
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = sorted(directory.glob(f"*{_SUFFIX}"), key=lambda path: path.stat().st_mtime)
            for path in found[: max(0, len(found) - self._kept_runs)]:
                path.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("no transcripts are kept: %s", error)
            return False
        return True

    def _write(self, run_id: str, body: bytes) -> None:
        assert self.directory is not None
        try:
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
