"""The private directory that the sandbox server's socket lives in: nobody else's, and none left behind."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path
from typing import Final

from beamlens.errors import ConfigurationError

__all__ = ["SOCKET", "clean_up", "create", "remove", "why_not_private"]

PREFIX: Final = "beamlens-sandbox-"
SOCKET: Final = "s"
_LOCK: Final = "lock"
_YOUNG_SECONDS: Final = 10.0
_LONGEST_ADDRESS: Final = 107 if os.uname().sysname == "Linux" else 103  # sun_path, without the final NUL


def create(parent: Path | None = None) -> tuple[Path, int]:
    """Make a directory for this user alone, and remove those that dead servers left.

    Args:
        parent: where; None for $XDG_RUNTIME_DIR if it is private, else the directory for temporary files.

    Returns:
        The directory, and the descriptor of its lock: as long as any process holds it open, the directory is in use.

    Raises:
        ConfigurationError: a path that is too long for a socket, or a directory that others can write to.
        OSError: it cannot be made.
    """
    above = parent or _runtime_directory()
    clean_up(above)
    directory = Path(tempfile.mkdtemp(prefix=PREFIX, dir=above))
    try:
        reason = why_not_private(directory)
        address = os.fsencode(directory / SOCKET)
        if reason is None and len(address) > _LONGEST_ADDRESS:
            reason = f"{directory} is too long for a socket: {len(address)} of {_LONGEST_ADDRESS} bytes; use a shorter"
        if reason is not None:
            raise ConfigurationError(reason)
        lock = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        remove(directory)
        raise
    return directory, lock


def remove(directory: Path) -> None:
    """Remove the directory and what is in it, if it is there."""
    shutil.rmtree(directory, ignore_errors=True)


def clean_up(above: Path) -> None:
    """Remove directories of ours whose lock nobody holds."""
    for directory in above.glob(PREFIX + "*"):
        if why_not_private(directory) is None and not _in_use(directory):
            remove(directory)


def why_not_private(directory: Path) -> str | None:
    """Return why others could reach into a directory, None when they cannot."""
    try:
        found = directory.lstat()
    except OSError as error:
        return f"{directory}: {error.strerror}"
    if not stat.S_ISDIR(found.st_mode):
        return f"{directory} is no directory"
    if found.st_uid != os.geteuid():
        return f"{directory} belongs to user {found.st_uid}, not to {os.geteuid()}"
    if found.st_mode & 0o077:
        return f"{directory} can be entered by others (mode {stat.S_IMODE(found.st_mode):o}, expected 700)"
    return None


def _runtime_directory() -> Path:
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    if given and why_not_private(Path(given)) is None:
        return Path(given)
    return Path(tempfile.gettempdir())


def _in_use(directory: Path) -> bool:
    try:
        lock = os.open(directory / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return _is_young(directory)  # it may be in the making
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return _is_young(directory)  # made, and not yet locked
    finally:
        os.close(lock)


def _is_young(directory: Path) -> bool:
    try:
        return time.time() - directory.stat().st_mtime < _YOUNG_SECONDS
    except OSError:
        return True
