"""The limits that a container, or any control group, sets: those of version 2, and of version 1 where it still rules.

Sources: the kernel's Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst, scheduler/sched-bwc.rst.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from beamlens.skills.machine.files import fields_of, number_in, text_of

__all__ = ["ControlGroup"]

_MB: Final = 2**20
_NO_LIMIT: Final = 2**60  # version 1 says "none" with a number near 2**63


@dataclass(frozen=True, slots=True)
class _Levels:
    """Hold a controller's directories, the process' own first, then those above, whose limits hold too."""

    version: int
    directories: tuple[Path, ...]


class ControlGroup:
    """Read the limits of the groups that a process is in.

    Args:
        proc: where /proc is.
        root: where control groups are, as a rule /sys/fs/cgroup.
        pid: of the process.
    """

    def __init__(self, proc: Path, root: Path, pid: int) -> None:
        self._proc = proc
        self._root = root
        self._pid = pid

    def look(self) -> dict[str, Any] | None:
        """Return memory, processor and process limits with what is used of them; None where there are no groups.

        A limit that is not set is None.
        """
        paths = self._paths()
        found = {name: self._levels(name, paths) for name in ("memory", "cpu", "pids")}
        if not any(found.values()):
            return None
        versions = {levels.version for levels in found.values() if levels is not None}
        return {
            "version": min(versions),
            **_memory(found["memory"]),
            **_processor(found["cpu"]),
            **_pids(found["pids"]),
        }

    def _paths(self) -> dict[str, str]:
        """Return the group's path by controller; that of version 2 under the empty name."""
        found: dict[str, str] = {}
        for line in (text_of(self._proc / str(self._pid) / "cgroup") or "").splitlines():
            parts = line.split(":", 2)
            if len(parts) == 3:
                found |= dict.fromkeys(parts[1].split(","), parts[2])
        return found

    def _levels(self, controller: str, paths: dict[str, str]) -> _Levels | None:
        if "" in paths and controller in (text_of(self._root / "cgroup.controllers") or "").split():
            return _Levels(2, tuple(_upward(self._root, paths[""])))
        if controller in paths and (self._root / controller).is_dir():
            return _Levels(1, tuple(_upward(self._root / controller, paths[controller])))
        return None


def _upward(root: Path, path: str) -> Iterator[Path]:
    """Yield the group's directory and those above; inside of a container the path may begin above what is mounted."""
    parts = [part for part in path.split("/") if part and part != ".."]
    for count in range(len(parts), -1, -1):
        directory = root.joinpath(*parts[:count])
        if directory.is_dir():
            yield directory


# -- memory -----------------------------------------------------------------------------------------


def _memory(levels: _Levels | None) -> dict[str, Any]:
    data: dict[str, Any] = dict.fromkeys(
        ("memory_limit_mb", "memory_used_mb", "memory_used_part", "oom_kills_total", "memory_limit_hits_total")
    )
    if levels is None:
        return data
    read = _memory_2 if levels.version == 2 else _memory_1
    tightest: tuple[float, int, int] | None = None
    for directory in levels.directories:
        limit, used = read(directory)
        if limit is not None and used is not None and (tightest is None or used / limit > tightest[0]):
            tightest = (used / limit, limit, used)
    if tightest is not None:
        part, limit, used = tightest
        data |= {
            "memory_limit_mb": round(limit / _MB, 1),
            "memory_used_mb": round(used / _MB, 1),
            "memory_used_part": round(part, 4),
        }
    return data | _memory_events(levels)


def _memory_2(directory: Path) -> tuple[int | None, int | None]:
    limits = [value for name in ("memory.max", "memory.high") if (value := number_in(directory / name)) is not None]
    used = number_in(directory / "memory.current")
    return _positive(min(limits, default=None)), _without_cache(used, fields_of(directory / "memory.stat"), "")


def _memory_1(directory: Path) -> tuple[int | None, int | None]:
    limit, used = number_in(directory / "memory.limit_in_bytes"), number_in(directory / "memory.usage_in_bytes")
    return _positive(limit), _without_cache(used, fields_of(directory / "memory.stat"), "total_")


def _without_cache(used: int | None, told: dict[str, int], prefix: str) -> int | None:
    """Return what cannot be dropped at once: cached file pages that nobody used lately are given up first."""
    return None if used is None else max(0, used - told.get(f"{prefix}inactive_file", 0))


def _positive(limit: int | None) -> int | None:
    return limit if limit is not None and 0 < limit < _NO_LIMIT else None


def _memory_events(levels: _Levels) -> dict[str, Any]:
    own = levels.directories[0]
    if levels.version == 1:
        kills = fields_of(own / "memory.oom_control").get("oom_kill")
        return {"oom_kills_total": kills, "memory_limit_hits_total": number_in(own / "memory.failcnt")}
    events = fields_of(own / "memory.events")
    hits = [events[name] for name in ("max", "high") if name in events]
    return {"oom_kills_total": events.get("oom_kill"), "memory_limit_hits_total": sum(hits) if hits else None}


# -- processor --------------------------------------------------------------------------------------


def _processor(levels: _Levels | None) -> dict[str, Any]:
    data: dict[str, Any] = dict.fromkeys(
        ("cpu_limit_cores", "cpu_seconds_total", "periods_total", "throttled_periods_total", "throttled_seconds_total")
    )
    if levels is None:
        return data
    limits = [(limit, directory) for directory in levels.directories if (limit := _cores(directory, levels.version))]
    if not limits:
        return data
    cores, directory = min(limits, key=lambda each: each[0])
    told = fields_of(directory / "cpu.stat")
    throttled = _seconds(told, "throttled_usec", 1e6) if levels.version == 2 else _seconds(told, "throttled_time", 1e9)
    return {
        "cpu_limit_cores": round(cores, 3),
        "cpu_seconds_total": _seconds(told, "usage_usec", 1e6),
        "periods_total": told.get("nr_periods"),
        "throttled_periods_total": told.get("nr_throttled"),
        "throttled_seconds_total": throttled,
    }


def _cores(directory: Path, version: int) -> float | None:
    if version == 2:
        quota, _, period = (text_of(directory / "cpu.max") or "").partition(" ")
    else:
        quota = (text_of(directory / "cpu.cfs_quota_us") or "").strip()
        period = text_of(directory / "cpu.cfs_period_us") or ""
    if not quota.isdigit() or not period.strip().isdigit() or int(period) == 0:
        return None
    return int(quota) / int(period)


def _seconds(told: dict[str, int], name: str, per_second: float) -> float | None:
    return round(told[name] / per_second, 3) if name in told else None


# -- processes --------------------------------------------------------------------------------------


def _pids(levels: _Levels | None) -> dict[str, Any]:
    for directory in levels.directories if levels is not None else ():
        limit, used = number_in(directory / "pids.max"), number_in(directory / "pids.current")
        if limit and used is not None:
            return {"tasks": used, "tasks_limit": limit, "tasks_used_part": round(used / limit, 4)}
    return {"tasks": None, "tasks_limit": None, "tasks_used_part": None}
