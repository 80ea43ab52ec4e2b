"""File systems: how full they are, and when they will be at the pace at which they fill."""

from __future__ import annotations

import os
import time
from collections import deque
from pathlib import Path
from typing import Any, Final

from beamlens.skills.interpreter.trend import growth
from beamlens.skills.machine.files import text_of

__all__ = ["Disks"]

# Not kept on a disk or in memory, and never full of what programs write.
_PSEUDO: Final = frozenset(
    {
        "autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs",
        "fusectl", "hugetlbfs", "iso9660", "mqueue", "nsfs", "proc", "pstore", "ramfs", "rpc_pipefs", "securityfs",
        "selinuxfs", "squashfs", "sysfs", "tracefs",
    }
)  # fmt: skip
# Asking one whose server is gone never ends.
_REMOTE: Final = ("nfs", "cifs", "smb", "ceph", "gluster", "fuse.", "9p", "afs", "lustre")
_NOT_BELOW: Final = ("/sys", "/proc", "/run")
_MOST: Final = 16
_MB: Final = 2**20
_POINTS: Final = 240
_LEAST_SECONDS: Final = 5.0


class Disks:
    """Watch the file systems of one process' view. One thread.

    Args:
        proc: where /proc is.
        pid: whose mounts are meant.
    """

    def __init__(self, proc: Path, pid: int) -> None:
        self._mounts_file = proc / str(pid) / "mounts"
        self._past: dict[str, deque[tuple[float, float]]] = {}
        self.not_asked: list[str] = []

    def look(self) -> list[dict[str, Any]]:
        """Return a row for each, the fullest first; remote ones are not asked, and named in `not_asked`."""
        rows: dict[int, dict[str, Any]] = {}
        for mount, kind in self._mounts():
            try:
                device = os.stat(mount).st_dev
                told = os.statvfs(mount)
            except OSError:
                continue
            if device not in rows and told.f_blocks and not told.f_flag & os.ST_RDONLY:
                rows[device] = self._row(mount, kind, told)
        return sorted(rows.values(), key=lambda row: row["free_part"])[:_MOST]

    def _mounts(self) -> list[tuple[str, str]]:
        text = text_of(self._mounts_file)
        if text is None:
            return [("/", "unknown")]
        found, self.not_asked = [], []
        for line in text.splitlines():
            parts = line.split()
            if len(parts) < 3 or parts[2] in _PSEUDO or parts[1].startswith(_NOT_BELOW):
                continue
            mount = parts[1].replace("\\040", " ")
            if parts[2].startswith(_REMOTE):
                self.not_asked.append(mount)
            elif Path(mount).is_dir():  # single files are mounted into containers
                found.append((mount, parts[2]))
        return found

    def _row(self, mount: str, kind: str, told: os.statvfs_result) -> dict[str, Any]:
        # What is kept for root counts as used: the application cannot have it, unless it is root.
        free = told.f_bavail if os.geteuid() else told.f_bfree
        used = told.f_blocks - told.f_bfree
        usable = used + free
        past = self._past.setdefault(mount, deque(maxlen=_POINTS))
        past.append((time.monotonic(), used * told.f_frsize / _MB))
        return {
            "name": mount,
            "type": kind,
            "total_mb": round(told.f_blocks * told.f_frsize / _MB, 1),
            "free_mb": round(free * told.f_frsize / _MB, 1),
            "free_part": round(free / usable, 4) if usable else 0.0,
            "inodes_free_part": round(told.f_favail / told.f_files, 4) if told.f_files else None,
        } | _pace(list(past), free * told.f_frsize / _MB)


def _pace(past: list[tuple[float, float]], free_mb: float) -> dict[str, Any]:
    moved = growth(past, _LEAST_SECONDS)
    if moved is None:
        return {"grown_mb_per_minute": None, "full_in_minutes": None}
    fills = moved.steady and moved.per_minute > 0
    return {
        "grown_mb_per_minute": round(moved.per_minute, 2),
        "full_in_minutes": round(free_mb / moved.per_minute, 1) if fills else None,
    }
