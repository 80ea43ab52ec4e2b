"""How well this machine can confine a sandbox, and why not better."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from typing import Final

from beamlens.sandbox import seccomp

__all__ = ["EXEC_ADDRESS", "Level", "can_fork", "describe_level", "level"]

EXEC_ADDRESS: Final = "exec:"
"""The address that has each session start an interpreter of its own."""


class Level(StrEnum):
    """Name what confines user code, from strong to weak."""

    FULL = "full"
    """A throw-away process with resource limits and a filter of system calls, killed at its deadline."""
    LIMITS = "limits"
    """The same without the filter; on Linux evaluation is refused unless `allow_reduced` is set."""
    PROCESS = "process"
    """A throw-away process that is killed at its deadline, with such resource limits as the platform keeps."""


def can_fork() -> bool:
    """Tell whether sandboxes are forked: on Linux 5.3 or newer, with pidfds."""
    return sys.platform == "linux" and _has_pidfds()


def level() -> Level:
    """Return what holds on this machine."""
    if sys.platform != "linux":
        return Level.PROCESS
    return Level.FULL if seccomp.supported() and _has_pidfds() else Level.LIMITS


def describe_level() -> str:
    """Return a sentence or two: what holds here, and what would make it better."""
    found = level()
    if found is Level.FULL:
        return "full: throw-away processes with resource limits, no system calls but memory and time, and a deadline"
    if found is Level.LIMITS:
        why = seccomp.why_not() or "the kernel has no pidfds, it is older than Linux 5.3"
        return f"limits: {why}; Lua is refused unless Sandbox(allow_reduced=True) is set"
    return (
        f"process: {seccomp.why_not()}; Lua runs in throw-away processes that are killed at their deadline, "
        "with fewer limits than on Linux"
    )


def _has_pidfds() -> bool:
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True
