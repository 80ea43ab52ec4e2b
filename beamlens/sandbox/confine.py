"""Take away from this process all that it does not need to compute. Cannot be undone.

Runs in the child, after it was forked and before it sees user code. Only the standard library.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import resource
import select
import signal
import sys
from typing import Final, NamedTuple

from beamlens.sandbox import seccomp

__all__ = ["CONNECTION", "LIFELINE", "Bounds", "ConfinementError", "arm_lifeline", "die_with_parent", "drop_root",
           "keep_descriptors", "limit_resources", "limit_cpu", "refuse_system_calls"]  # fmt: skip

CONNECTION: Final = 3
LIFELINE: Final = 4

# <linux/prctl.h>, <fcntl.h>; the standard library does not name them
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_F_SETSIG: Final = 10
_NOBODY: Final = 65534
_BESIDE_LUA: Final = 64 << 20  # for Python's own buffers, and while packed values are copied


class ConfinementError(Exception):
    """A defence could not be put up; the text says which and why."""


class Bounds(NamedTuple):
    """Say how much the process may use until its end.

    Args:
        memory_bytes: of Lua's memory; the address space gets this on top of what there is, and some more.
        cpu_seconds: for the life of the process.
    """

    memory_bytes: int
    cpu_seconds: int


def keep_descriptors(connection: int, lifeline: int | None) -> None:
    """Move the connection and the lifeline to their places and close all others but 0 to 2, which are null."""
    high = fcntl.fcntl(connection, fcntl.F_DUPFD_CLOEXEC, 64)
    if lifeline is not None:
        higher = fcntl.fcntl(lifeline, fcntl.F_DUPFD_CLOEXEC, 64)
        os.dup2(higher, LIFELINE, inheritable=False)
    os.dup2(high, CONNECTION, inheritable=False)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.closerange(LIFELINE + 1 if lifeline is not None else LIFELINE, _most_descriptors())


def drop_root() -> None:
    """Become nobody where this process is root; otherwise do nothing."""
    if os.geteuid() != 0:
        return
    with contextlib.suppress(OSError):  # a user namespace without that user; seccomp and the limits hold all the same
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends; refuse to be looked at by others. Linux only.

    Raises:
        ConfinementError: the parent is gone already.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, ctypes.c_ulong(0), 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), 0, 0, 0)
    if os.getppid() != parent:
        raise ConfinementError("the process that forked it is gone")


def arm_lifeline(lifeline: int) -> None:
    """Have the kernel kill this process when nobody holds the other end of the pipe, whatever it is doing.

    Raises:
        ConfinementError: nobody holds it already.
    """
    if sys.platform != "linux":
        return
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, _F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC | os.O_NONBLOCK)
    poll = select.poll()
    poll.register(lifeline, select.POLLIN)
    if poll.poll(0):  # it went before the kernel was asked
        raise ConfinementError("the host is gone")


def limit_resources(bounds: Bounds, base_bytes: int) -> None:
    """Bound memory, processor time, files, processes and core dumps.

    Args:
        bounds: what is wanted.
        base_bytes: the address space that is in use now.

    Raises:
        ConfinementError: the kernel refused a limit.
    """
    limits = {
        "AS": base_bytes + 2 * bounds.memory_bytes + _BESIDE_LUA,
        "CPU": bounds.cpu_seconds,
        "FSIZE": 0,
        "CORE": 0,
        "NPROC": 0,
        "NOFILE": 0,
        "MEMLOCK": 0,
        "MSGQUEUE": 0,
    }
    for name, wanted in limits.items():
        most, number = wanted, getattr(resource, f"RLIMIT_{name}", None)
        if number is None:
            continue
        hard = resource.getrlimit(number)[1]
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)  # somebody was stricter; to raise a limit is not ours
        try:
            resource.setrlimit(number, (most, most))
        except (OSError, ValueError) as error:
            if sys.platform == "linux":
                raise ConfinementError(f"limit {name} could not be set to {most}: {error}") from error


def limit_cpu(seconds: float) -> None:
    """End this process when it has used so much more processor time; a new call replaces the last."""
    with contextlib.suppress(AttributeError):  # no interval timers on this platform
        signal.setitimer(signal.ITIMER_PROF, seconds)


def refuse_system_calls(filter_: seccomp.Filter) -> None:
    """Install the filter.

    Raises:
        ConfinementError: the kernel refused.
    """
    try:
        filter_.install()
    except OSError as error:
        raise ConfinementError(f"seccomp: {error}") from error


def _most_descriptors() -> int:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return most if 0 < most < 1 << 20 else 1 << 20
