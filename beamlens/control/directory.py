"""The directory of control sockets: this user's alone, and cleared of those whose programs are gone."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import tempfile
from pathlib import Path
from typing import Final

from beamlens.errors import BeamlensError
from beamlens.sandbox.directory import why_not_private

__all__ = [
    "SUFFIX",
    "ControlDirectoryError",
    "control_directory",
    "listen",
    "listen_at",
    "prepare",
    "remove_stale",
    "sockets",
]

SUFFIX: Final = ".sock"
_NEW: Final = ".new"  # bound, and not yet listening
_BACKLOG: Final = 128
_LONGEST: Final = 107 if os.uname().sysname == "Linux" else 103  # sun_path, without the final NUL


class ControlDirectoryError(BeamlensError):
    """The directory of control sockets cannot be used; the text says why."""


def control_directory() -> Path:
    """Return where control sockets are: `beamlens` in $XDG_RUNTIME_DIR if that is private, else below the temp dir."""
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(given) and why_not_private(Path(given)) is None:
        return Path(given) / "beamlens"
    return Path(tempfile.gettempdir()) / f"beamlens-{os.geteuid()}"


def prepare(directory: Path) -> None:
    """Make the directory if it is missing, and make sure that nobody else can reach into it.

    Raises:
        ControlDirectoryError: it cannot be made, is no directory but a link, or belongs or is open to others.
    """
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ControlDirectoryError(f"{directory} cannot be made: {error.strerror}") from error
    reason = why_not_private(directory)
    if reason is not None:
        raise ControlDirectoryError(f"{reason}; remove it, or set XDG_RUNTIME_DIR to a directory of yours")


def listen(directory: Path, name: str) -> tuple[socket.socket, Path]:
    """Return a listening socket, and its path in the directory.

    It gets its name once it listens, so that nobody takes it for one whose program is gone.

    Raises:
        ControlDirectoryError: the path is too long for a socket.
        OSError: it cannot be bound.
    """
    path = directory / f"{name}{SUFFIX}"
    return listen_at(path), path


def listen_at(path: Path) -> socket.socket:
    """Return a socket that listens at a path; what was there is replaced. Raises as `listen`."""
    new = path.with_suffix(_NEW)
    if len(os.fsencode(path)) > _LONGEST:
        raise ControlDirectoryError(f"{path} is too long for a socket ({_LONGEST} bytes); use a shorter directory")
    new.unlink(missing_ok=True)  # of one that died in the middle of this
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(new))
        os.chmod(new, 0o600)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
        os.rename(new, path)
    except BaseException:
        listener.close()
        new.unlink(missing_ok=True)
        raise
    return listener


def sockets(directory: Path) -> list[Path]:
    """Return the paths of all control sockets, also of those whose programs are gone."""
    return sorted(path for path in directory.glob(f"*{SUFFIX}") if _is_socket(path))


def remove_stale(directory: Path) -> None:
    """Remove the sockets on which nobody listens any more. The directory must have been prepared."""
    for path in sockets(directory):
        if not _somebody_listens(path):
            path.unlink(missing_ok=True)
    for path in directory.glob(f"*{_NEW}"):
        number = path.name.partition(".")[0]
        if _is_socket(path) and number.isdecimal() and not _lives(int(number)):
            path.unlink(missing_ok=True)


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.lstat().st_mode)
    except OSError:
        return False


def _somebody_listens(path: Path) -> bool:
    # The kernel's word, and not a process id's, which may be another's by now or of another namespace.
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True  # its queue is full, for example
    return True


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
