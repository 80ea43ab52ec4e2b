"""The stacks of a process that does not answer: it wrote them to a file in its memory, we read them there."""

from __future__ import annotations

import os

__all__ = ["read_stacks"]

_MOST = 64 * 1024


def read_stacks(pid: int, descriptor: int | None) -> str:
    """Return what the process wrote to its stack file; nothing when it could not, or may not be read.

    Args:
        pid: a process that is alive.
        descriptor: the number of the file in that process.
    """
    if descriptor is None:
        return ""
    path = f"/proc/{pid}/fd/{descriptor}"
    try:
        # The number came from the child: whatever else it may mean by now, reading it must not block.
        if "memfd:supervision-stacks" not in os.readlink(path):
            return ""
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            return file.read(_MOST).decode("utf-8", "replace")
    except OSError:
        return ""
