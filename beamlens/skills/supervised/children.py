"""The children of this process as the system sees them, and which of them are dead and were never asked for."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from beamlens.skills.machine.processes import Row, row_of

__all__ = ["Children"]

_PROC: Final = Path("/proc")
_MOST_PROCESSES: Final = 5000


class Children:
    """Find the process' children. One thread.

    A zombie is a child that ended and whose parent did not ask for its exit code. For a moment every child is one;
    so each is told with the time for which it has been.
    """

    def __init__(self) -> None:
        self._zombies: dict[tuple[int, float], float] = {}
        self.last: list[Row] = []
        self.supported = True
        self.cost_ms = 0.0

    def look(self, now: float) -> None:
        """Find them; about 20 us for each process of the machine.

        Args:
            now: `time.monotonic()`.
        """
        began = time.thread_time()
        self.last = self._found()
        dead = {(row.pid, row.started) for row in self.last if row.state == "Z"}
        self._zombies = {key: self._zombies.get(key, now) for key in dead}
        self.cost_ms = (time.thread_time() - began) * 1e3

    def _found(self) -> list[Row]:
        try:
            names = [name for name in os.listdir(_PROC) if name.isdigit()]
        except OSError:
            self.supported = False
            return []
        own = os.getpid()
        rows = (row_of(_PROC, int(name)) for name in names[:_MOST_PROCESSES])
        return [row for row in rows if row is not None and row.parent == own]

    def with_others(self, pids: Iterable[int]) -> list[Row]:
        """Return the children, and processes that are not its own but work for it: a fork server makes actors.

        Args:
            pids: of these.
        """
        known = {row.pid for row in self.last} | {os.getpid()}
        others = (row_of(_PROC, pid) for pid in pids if pid not in known)
        return [*self.last, *(row for row in others if row is not None)]

    def zombies(self) -> list[dict[str, Any]]:
        """Return the zombies, the oldest first."""
        now = time.monotonic()
        names = {(row.pid, row.started): row.name for row in self.last}
        rows = [
            {"pid": pid, "name": names.get((pid, started), "unknown"), "seconds": round(now - since, 1)}
            for (pid, started), since in list(self._zombies.items())
        ]
        return sorted(rows, key=lambda row: -row["seconds"])
