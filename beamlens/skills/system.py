"""The skill `system`: the machine under the application, the container around it, and its process from outside."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from beamlens.skills.checks import Check
from beamlens.skills.limits_given import choice, rows
from beamlens.skills.machine import processes
from beamlens.skills.machine.cgroups import ControlGroup
from beamlens.skills.machine.disks import Disks
from beamlens.skills.machine.memory import machine_memory
from beamlens.skills.machine.pressure import pressure
from beamlens.skills.machine.processor import Processor
from beamlens.skills.skill import RunsIn, Skill
from beamlens.skills.system_checks import CHECKS
from beamlens.skills.system_docs import DOCS, SYSTEM_PROMPT

__all__ = ["System"]

_SORTS: Final = ("cpu", "memory")
_SAMPLE_SECONDS: Final = 0.5
_SHOWN_DISKS: Final = 8


class System(Skill):
    """Watch the machine that the application runs on, from the operator's process: it costs the application nothing.

    Args:
        proc, cgroups: where /proc and the control groups are.
    """

    id: ClassVar[str] = "system"
    title: ClassVar[str] = "Machine and container"
    description: ClassVar[str] = (
        "The machine: processors, load, memory, disks, pressure; the container's limits (memory, processor, tasks) and "
        "how near they are; the application's process as the system sees it"
    )
    system_prompt: ClassVar[str] = SYSTEM_PROMPT
    runs_in: ClassVar[RunsIn] = "operator"
    machine_wide: ClassVar[bool] = True

    def __init__(self, proc: str = "/proc", cgroups: str = "/sys/fs/cgroup") -> None:
        self._proc = Path(proc)
        self._cgroups = Path(cgroups)
        self._made_for = 0
        self._make(os.getpid())

    def _make(self, pid: int) -> None:
        self._made_for = pid
        self._processor = Processor(self._proc)
        self._disks = Disks(self._proc, pid)
        self._group = ControlGroup(self._proc, self._cgroups, pid)
        self._process = processes.WatchedProcess(self._proc, pid)

    def start(self) -> None:
        """Take the first readings, from which use is told later."""
        self._ready()
        self._processor.look()
        self._process.look()

    def _ready(self) -> None:
        if self.pid and self.pid != self._made_for:
            self._make(self.pid)

    def checks(self) -> Sequence[Check]:
        """Return what is wrong with any machine of which it holds."""
        return CHECKS

    def callback_docs(self) -> str:
        """Return the callbacks' documentation."""
        return DOCS

    def callbacks(self) -> Mapping[str, Callable[..., Any]]:
        """Return the callbacks; all of them only look."""
        return {
            "system_get_cpu": self.cpu,
            "system_get_memory": self.memory,
            "system_get_disks": self.disks,
            "system_pressure": self.pressure,
            "system_container": self.container,
            "system_process": self.process,
            "system_top_processes": self.top_processes,
        }

    def snapshot(self) -> dict[str, Any]:
        """Return how the machine, the container and the process stand."""
        began = time.perf_counter()
        self._ready()
        disks = self._disks.look()
        data: dict[str, Any] = {
            "cpu": self._processor.look(),
            "memory": machine_memory(self._proc),
            "disks": disks[:_SHOWN_DISKS],
            "pressure": pressure(self._proc / "pressure"),
            "container": self._group.look(),
            "process": self._process.look(),
        }
        data["missing"] = self._missing(data)
        data["cost_ms"] = round((time.perf_counter() - began) * 1e3, 3)
        return data

    def _missing(self, data: Mapping[str, Any]) -> list[str]:
        """Return what could not be told, and why."""
        missing = []
        if data["cpu"]["busy_percent"] is None:
            missing.append("cpu.busy_percent: no second reading yet, or the platform has no /proc/stat")
        if all(each is None for each in data["pressure"].values()):
            missing.append("pressure: this kernel tells no pressure stall information")
        if data["container"] is None:
            missing.append("container: there are no control groups")
        if data["process"]["alive"] is None:
            missing.append("process: this platform has no /proc")
        if self._disks.not_asked:
            missing.append(f"disks: {len(self._disks.not_asked)} remote file systems are not asked, they may hang")
        return missing

    # -- callbacks --------------------------------------------------------------------------------

    def cpu(self) -> dict[str, Any]:
        """Return load and use of the processors."""
        return self._processor.look() | {"process_count": len(processes.rows(self._proc)) or None}

    def memory(self) -> dict[str, Any]:
        """Return the machine's memory."""
        return machine_memory(self._proc)

    def disks(self) -> dict[str, Any]:
        """Return the file systems, the fullest first."""
        self._ready()
        found = self._disks.look()
        return {"disks": found, "not_asked": list(self._disks.not_asked)}

    def pressure(self) -> dict[str, Any]:
        """Return the part of time in which work stood still for want of a resource."""
        return dict(pressure(self._proc / "pressure"))

    def container(self) -> dict[str, Any]:
        """Return the limits that control groups set, and what is used of them."""
        self._ready()
        found = self._group.look()
        return {"limited": _limited(found), **(found or {})}

    def process(self) -> dict[str, Any]:
        """Return the application's process as the system sees it."""
        self._ready()
        return self._process.look() | self._process.io()

    def top_processes(self, limit: int = 10, sort_by: str = "cpu") -> dict[str, Any]:
        """Return which processes use the machine, measured over half a second."""
        most = rows("system_top_processes", limit)
        order = choice("system_top_processes", "sort_by", sort_by, _SORTS)
        before = {row.pid: row for row in processes.rows(self._proc)}
        began = time.monotonic()
        time.sleep(_SAMPLE_SECONDS)
        now = processes.rows(self._proc)
        seconds = time.monotonic() - began
        found = [self._shown(row, before.get(row.pid), seconds) for row in now]
        found.sort(key=lambda row: -row["cpu_percent" if order == "cpu" else "rss_mb"])
        return {
            "seconds": round(seconds, 2),
            "process_count": len(now),
            "processes": found[:most],
            "missing": [] if now else ["processes: this platform has no /proc"],
        }

    def _shown(self, row: processes.Row, before: processes.Row | None, seconds: float) -> dict[str, Any]:
        same = before is not None and before.started == row.started
        used = row.cpu_seconds - before.cpu_seconds if same and before is not None else 0.0
        return {
            "pid": row.pid,
            "name": row.name,
            "observed": row.pid == (self.pid or os.getpid()),
            "state": row.state,
            "cpu_percent": round(used / seconds * 100, 1),
            "rss_mb": row.rss_mb,
            "threads": row.threads,
        }


def _limited(found: Mapping[str, Any] | None) -> bool:
    limits = ("memory_limit_mb", "cpu_limit_cores", "tasks_limit")
    return found is not None and any(found[name] is not None for name in limits)
