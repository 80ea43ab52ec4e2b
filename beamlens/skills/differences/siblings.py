"""Workers of the same program beside this one: how many, how old, and whether one differs from all the others."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path
from typing import Any, Final

from beamlens.skills.machine.files import text_of
from beamlens.skills.machine.processes import Row, row_of

__all__ = ["Siblings", "odd_ones"]

_LEAST_WORKERS: Final = 3
_TIMES: Final = 3.0
# What a difference must be at least: small ones between workers mean nothing.
_LEAST: Final = {"rss_mb": 200.0, "threads": 50.0, "descriptors": 200.0, "cpu_percent": 60.0}
_MOST: Final = 64


class Siblings:
    """Find processes that have the same parent and the same command line. One thread.

    Args:
        proc: where /proc is.
    """

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._cpu: dict[tuple[int, float], tuple[float, float]] = {}
        self._known: set[tuple[int, float]] | None = None
        self.started = 0
        self.rows: list[dict[str, Any]] = []

    def look(self) -> None:
        """Find them and measure them."""
        now = time.monotonic()
        found = self._found()
        keys = {(row.pid, row.started) for row in found}
        self.started += len(keys - self._known) if self._known is not None else 0
        self._known = keys
        before, self._cpu = self._cpu, {(row.pid, row.started): (now, row.cpu_seconds) for row in found}
        self.rows = [self._measured(row, before.get((row.pid, row.started)), now) for row in found]

    def _found(self) -> list[Row]:
        own = row_of(self._proc, os.getpid())
        command = text_of(self._proc / str(os.getpid()) / "cmdline")
        if own is None or not command or own.parent <= 1:
            return []
        names = [name for name in os.listdir(self._proc) if name.isdigit()]
        rows = (row_of(self._proc, int(name)) for name in names)
        same = [row for row in rows if row is not None and row.parent == own.parent and row.name == own.name]
        return [row for row in same[:_MOST] if text_of(self._proc / str(row.pid) / "cmdline") == command]

    def _measured(self, row: Row, before: tuple[float, float] | None, now: float) -> dict[str, Any]:
        used = None
        if before is not None and now > before[0]:
            used = round((row.cpu_seconds - before[1]) / (now - before[0]) * 100, 1)
        try:
            descriptors: int | None = len(os.listdir(self._proc / str(row.pid) / "fd"))
        except OSError:
            descriptors = None
        return {
            "pid": row.pid,
            "this": row.pid == os.getpid(),
            "rss_mb": row.rss_mb,
            "threads": row.threads,
            "descriptors": descriptors,
            "cpu_percent": used,
        }


def odd_ones(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return who has three times as much of something as the others, and much more in absolute terms.

    Args:
        rows: of at least three workers; of fewer nobody can say which is the odd one.
    """
    if len(rows) < _LEAST_WORKERS:
        return []
    found = []
    for measure, least in _LEAST.items():
        known = [row for row in rows if row[measure] is not None]
        for row in known:
            others = [each[measure] for each in known if each is not row]
            if len(others) + 1 < _LEAST_WORKERS:
                continue
            middle = statistics.median(others)
            if row[measure] >= _TIMES * middle and row[measure] - middle >= least:
                found.append(
                    {
                        "key": f"{row['pid']} {measure}",
                        "pid": row["pid"],
                        "this": row["this"],
                        "measure": measure,
                        "value": row[measure],
                        "others": round(middle, 1),
                    }
                )
    return found
