"""The lock that makes one process of a group the elected one, and where a group meets.

It is an flock: the kernel releases it with the process that holds it, however that dies.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from beamlens.control.directory import control_directory

__all__ = ["Lease", "MeetingPlace"]

_SOCKET: Final = ".group"
_LOCK: Final = ".lock"
_all: weakref.WeakSet[Lease] = weakref.WeakSet()


@dataclass(frozen=True, slots=True)
class MeetingPlace:
    """Say where the members of a group meet.

    Args:
        group: its name.
        directory: this user's alone; None for that of control sockets.
    """

    group: str
    directory: Path | None = None

    @property
    def folder(self) -> Path:
        """The directory."""
        return self.directory or control_directory()

    @property
    def socket(self) -> Path:
        """Where the elected one listens."""
        return self.folder / f"{self.group}{_SOCKET}"

    @property
    def lock(self) -> Path:
        """What the elected one has locked."""
        return self.folder / f"{self.group}{_LOCK}"


class Lease:
    """Hold a lock, or not. One thread at a time.

    Args:
        path: of the lock file; it is made, and removed again by who gives the lock back.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        _all.add(self)

    @property
    def held(self) -> bool:
        """Tell whether this process has the lock."""
        return self._descriptor is not None

    def take(self) -> bool:
        """Take the lock if it is free; tell whether this process has it now. Does not wait.

        Raises:
            OSError: the file cannot be made or locked.
        """
        if self._descriptor is not None:
            return True
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            taken = self._is_at_its_path(descriptor)
        except BlockingIOError:
            taken = False
        except BaseException:
            os.close(descriptor)
            raise
        if taken:
            self._descriptor = descriptor
        else:
            os.close(descriptor)
        return taken

    def give_back(self) -> None:
        """Remove the file, and release the lock."""
        if self._descriptor is None:
            return
        # In this order: who waited for the lock finds that its file is gone, and begins with a new one.
        if self._is_at_its_path(self._descriptor):
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = None

    def renew(self) -> bool:
        """Make the file look used, for those who clean up; tell whether it is still what others would lock."""
        if self._descriptor is None:
            return False
        os.utime(self._descriptor)
        return self._is_at_its_path(self._descriptor)

    def _is_at_its_path(self, descriptor: int) -> bool:
        """Tell whether this is the file that others will lock: who had the lock before may have removed it."""
        try:
            there = os.stat(self._path, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return os.path.samestat(there, os.fstat(descriptor))

    def discard(self) -> None:
        """Close, in a forked copy, what belongs to the original; an open copy would keep the lock after its death."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None


def _in_forked_copy() -> None:
    for lease in list(_all):
        lease.discard()
    _all.clear()


os.register_at_fork(after_in_child=_in_forked_copy)
