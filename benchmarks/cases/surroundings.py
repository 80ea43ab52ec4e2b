"""What a program is put into: a control group with little memory or processor time, a file system of its own.

Groups need a user who may make them (root in a container, or one to whom they were delegated), a file system a kernel
that lets users have namespaces. Where one of them is not to be had `NotPossible` says so.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

__all__ = ["NotPossible", "Surroundings", "directory_given", "enter", "made"]

_ROOT: Final = Path("/sys/fs/cgroup")
_PERIOD: Final = 100_000
_NAMESPACES: Final = 0x10000000 | 0x00020000  # CLONE_NEWUSER | CLONE_NEWNS, clone(2)
_PRIVATE: Final = 0x40000 | 0x4000  # MS_PRIVATE | MS_REC, mount(2)
_VARIABLE: Final = "SHOP_SPOOL"
_LAST_SECONDS: Final = 20.0


class NotPossible(Exception):
    """This machine, or this user, has no such surroundings to give."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Say what a program may use; None: as much as there is.

    Args:
        cores: processor time, in cores.
        memory_mb: memory of the program and of its children together.
        disk_mb: the size of a file system of its own, whose directory `directory_given` returns in the program.
    """

    cores: float | None = None
    memory_mb: int | None = None
    disk_mb: int | None = None


@contextlib.contextmanager
def made(wanted: Surroundings) -> Iterator[dict[str, Any]]:
    """Make surroundings; yield what `enter` is to be given in the program, as plain data. The benchmark's process.

    Raises:
        NotPossible: this user may not.
    """
    groups: list[Path] = []
    with contextlib.ExitStack() as stack:
        stack.callback(_remove, groups)
        if wanted.cores is not None:
            quota = str(int(wanted.cores * _PERIOD))
            groups.append(_group("cpu", "cpu.cfs_quota_us", quota, "cpu.max", f"{quota} {_PERIOD}"))
        if wanted.memory_mb is not None:
            limit = str(wanted.memory_mb * 2**20)
            groups.append(_group("memory", "memory.limit_in_bytes", limit, "memory.max", limit))
        given: dict[str, Any] = {"groups": [str(group) for group in groups]}
        if wanted.disk_mb is not None:
            directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="shop-spool-"))
            given["disk"] = {"directory": directory, "mb": wanted.disk_mb}
        yield given


def _group(controller: str, name_1: str, text_1: str, name_2: str, text_2: str) -> Path:
    """Make a group with one limit, of version 1 or 2 of control groups."""
    first = (_ROOT / controller / "cgroup.procs").exists()
    directory = (_ROOT / controller if first else _ROOT) / f"beamlens-case-{os.getpid()}-{time.monotonic_ns()}"
    try:
        directory.mkdir()
        (directory / (name_1 if first else name_2)).write_text(text_1 if first else text_2)
    except OSError as error:
        with contextlib.suppress(OSError):  # it may not have been made
            directory.rmdir()
        raise NotPossible(f"no control group with a limit of {controller} may be made here: {error.strerror}") from None
    return directory


def _remove(groups: list[Path]) -> None:
    until = time.monotonic() + _LAST_SECONDS
    for group in groups:
        while (group / "cgroup.procs").read_text() and time.monotonic() < until:
            time.sleep(0.05)
        group.rmdir()


def enter(given: Mapping[str, Any]) -> None:
    """Go into surroundings that `made` made. First of all in the program, while it has one thread.

    Raises:
        NotPossible: this kernel lets no user have namespaces.
    """
    for group in given.get("groups", ()):
        (Path(group) / "cgroup.procs").write_text(str(os.getpid()))
    disk = given.get("disk")
    if disk is not None:
        _mount(str(disk["directory"]), int(disk["mb"]))
        os.environ[_VARIABLE] = str(disk["directory"])


def directory_given() -> Path:
    """Return the directory of the program's own file system."""
    return Path(os.environ[_VARIABLE])


def _mount(directory: str, megabytes: int) -> None:
    """Mount a file system in memory that only this process and its children see; the kernel drops it with them."""
    user, group = os.getuid(), os.getgid()
    library = ctypes.CDLL(None, use_errno=True)
    _done(library.unshare(_NAMESPACES), "namespaces")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    _done(library.mount(b"none", b"/", None, ctypes.c_ulong(_PRIVATE), None), "private mounts")
    size = f"size={megabytes}m".encode()
    _done(library.mount(b"tmpfs", directory.encode(), b"tmpfs", ctypes.c_ulong(0), size), "a mount")


def _done(result: int, what: str) -> None:
    if result:
        raise NotPossible(f"no user may have {what} here: {os.strerror(ctypes.get_errno())}")
