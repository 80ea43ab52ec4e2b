"""Processes: the observed one, and which ones use the machine; by name of the program, never its arguments."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from beamlens.skills.machine.files import text_of, values_of

__all__ = ["Row", "WatchedProcess", "row_of", "rows"]

_KIB_IN_MB: Final = 1024.0
_MOST_TASKS: Final = 512


@dataclass(frozen=True, slots=True)
class Row:
    """Hold what /proc/PID/stat tells (proc(5)).

    Args:
        name: of the program, 15 characters at most; never its arguments.
        state: `R`, `S`, `D`, `Z`, ...
        cpu_seconds: user and system time.
        started: seconds after the boot.
        major_faults: pages that had to be read from a disk.
    """

    pid: int
    name: str
    state: str
    parent: int
    cpu_seconds: float
    threads: int
    started: float
    rss_mb: float
    major_faults: int


def row_of(proc: Path, pid: int) -> Row | None:
    """Return a process' row; None if it is gone."""
    text = text_of(proc / str(pid) / "stat")
    # The name stands in parentheses and may contain anything, so fields are counted from its end.
    before, _, after = (text or "").rpartition(")")
    fields = after.split()
    if len(fields) < 22:
        return None
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    return Row(
        pid=pid,
        name=before.partition("(")[2],
        state=fields[0],
        parent=int(fields[1]),
        cpu_seconds=(int(fields[11]) + int(fields[12])) / ticks,
        threads=int(fields[17]),
        started=int(fields[19]) / ticks,
        rss_mb=round(int(fields[21]) * page / 2**20, 1),
        major_faults=int(fields[9]),
    )


def rows(proc: Path) -> list[Row]:
    """Return all processes that can be seen."""
    try:
        names = [name for name in os.listdir(proc) if name.isdigit()]
    except OSError:
        return []
    return [row for name in names if (row := row_of(proc, int(name))) is not None]


class WatchedProcess:
    """Tell how one process fares. One thread.

    Args:
        proc: where /proc is.
        pid: of the process.
    """

    def __init__(self, proc: Path, pid: int) -> None:
        self._proc = proc
        self._pid = pid
        self._before: tuple[float, float] | None = None

    def look(self) -> dict[str, Any]:
        """Return its memory, threads and processor use; None in every field that is not told."""
        row = row_of(self._proc, self._pid)
        status = values_of(self._proc / str(self._pid) / "status")
        data: dict[str, Any] = {
            "pid": self._pid,
            "alive": row is not None and row.state not in "ZX" if self._proc.joinpath("stat").exists() else None,
            "state": None if row is None else row.state,
            "rss_mb": None if row is None else row.rss_mb,
            "swapped_mb": round(status["VmSwap"] / _KIB_IN_MB, 1) if "VmSwap" in status else None,
            "threads": None if row is None else row.threads,
            "cpu_percent": None if row is None else self._percent(row),
            "cpu_seconds_total": None if row is None else row.cpu_seconds,
            "cpu_wait_seconds_total": self._waited(),
            "major_faults_total": None if row is None else row.major_faults,
            "oom_score": _number(text_of(self._proc / str(self._pid) / "oom_score")),
        }
        return data

    def _percent(self, row: Row) -> float | None:
        now, before = time.monotonic(), self._before
        if before is not None and now - before[0] < 0.1:
            return None
        self._before = (now, row.cpu_seconds)
        return None if before is None else round((row.cpu_seconds - before[1]) / (now - before[0]) * 100, 1)

    def _waited(self) -> float | None:
        """Return how many seconds its threads were ready and had no processor; ended threads are not counted."""
        tasks = self._proc / str(self._pid) / "task"
        try:
            names = os.listdir(tasks)[:_MOST_TASKS]
        except OSError:
            return None
        told = [text_of(tasks / name / "schedstat") for name in names]
        waits = [int(parts[1]) for text in told if text and len(parts := text.split()) == 3]
        return round(sum(waits) / 1e9, 3) if waits else None

    def io(self) -> dict[str, Any]:
        """Return what it read from and wrote to disks so far, in MB, and how often it gave up a processor."""
        told = values_of(self._proc / str(self._pid) / "io")
        status = values_of(self._proc / str(self._pid) / "status")
        return {
            "read_mb_total": round(told["read_bytes"] / 2**20, 1) if "read_bytes" in told else None,
            "written_mb_total": round(told["write_bytes"] / 2**20, 1) if "write_bytes" in told else None,
            "switches_total": status.get("voluntary_ctxt_switches"),
            "forced_switches_total": status.get("nonvoluntary_ctxt_switches"),
        }


def _number(text: str | None) -> int | None:
    return int(text) if text and text.strip().isdigit() else None
