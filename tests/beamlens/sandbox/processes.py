"""Look at processes through /proc."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["children_of", "cpu_ticks", "is_running", "resident_bytes"]


def children_of(pid: int) -> list[int]:
    """Return the process ids of the children of a process, dead ones that were not waited for among them."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and _parent(name) == pid]


def _parent(name: str) -> int | None:
    try:
        stat = Path(f"/proc/{name}/stat").read_text()
    except OSError:
        return None
    return int(stat.rpartition(") ")[2].split()[1])


def is_running(pid: int) -> bool:
    """Tell whether there is a process of that number that has not ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(") ")[2][0] not in "ZX"


def cpu_ticks(pid: int) -> int:
    """Return how much processor time a process has used in user mode, in clock ticks."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[11])


def resident_bytes(pid: int) -> int:
    """Return how much memory a process has, shared pages too."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
