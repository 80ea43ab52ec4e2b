"""What a process occupies, as the kernel counts it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Memory", "read_memory"]


@dataclass(frozen=True, slots=True)
class Memory:
    """Hold sizes in bytes.

    Args:
        resident: all pages, those that are shared too.
        share: all pages, each divided by how many processes have it: these add up.
        own: the pages that no other process has.
    """

    resident: int
    share: int
    own: int


def read_memory(pid: int) -> Memory:
    """Return what a process occupies.

    Raises:
        OSError: it is gone, or not ours to read.
    """
    with open(f"/proc/{pid}/smaps_rollup") as file:
        next(file)
        sizes = {name: int(size.split()[0]) * 1024 for name, _, size in (line.partition(":") for line in file)}
    return Memory(sizes["Rss"], sizes["Pss"], sizes["Private_Clean"] + sizes["Private_Dirty"])
