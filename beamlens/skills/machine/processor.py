"""How busy the machine's processors are, and how much one process gets of them."""

from __future__ import annotations

import os
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from beamlens.skills.machine.files import text_of

__all__ = ["Processor", "Times", "times"]

_NAMES: Final = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_LEAST_SECONDS: Final = 0.2
_KEPT_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Times:
    """Hold processor times since the boot, in seconds, by what they were spent for; `at` is monotonic."""

    at: float
    spent: dict[str, float]

    @property
    def total(self) -> float:
        """All of it, idle time too."""
        return sum(self.spent.values())


def times(proc: Path) -> Times | None:
    """Return the processors' times, from /proc/stat (proc(5)); None where there is none."""
    text = text_of(proc / "stat")
    first = text.splitlines()[0].split() if text else []
    if len(first) < len(_NAMES) + 1 or first[0] != "cpu":
        return None
    ticks = os.sysconf("SC_CLK_TCK")
    return Times(time.monotonic(), {name: int(first[at + 1]) / ticks for at, name in enumerate(_NAMES)})


class Processor:
    """Tell how busy the processors were in the last seconds. One thread.

    Args:
        proc: where /proc is.
    """

    def __init__(self, proc: Path) -> None:
        self._proc = proc
        self._past: deque[Times] = deque(maxlen=64)

    def look(self) -> dict[str, Any]:
        """Return load and use; the use is that of the last seconds, None if it was never asked for before."""
        now = times(self._proc)
        before = self._before(now)
        load = _load()
        cores = os.cpu_count() or 1
        data: dict[str, Any] = {
            "cores": cores,
            "load_1m": load[0],
            "load_5m": load[1],
            "load_15m": load[2],
            "load_per_core_1m": None if load[0] is None else round(load[0] / cores, 2),
            "busy_percent": None,
            "iowait_percent": None,
            "steal_percent": None,
            "seconds": None,
        }
        if now is not None and before is not None and now.total > before.total:
            data |= _use(before, now)
        return data

    def _before(self, now: Times | None) -> Times | None:
        if now is None:
            return None
        past = self._past
        while len(past) > 1 and now.at - past[1].at >= _KEPT_SECONDS:
            past.popleft()
        found = past[0] if past and now.at - past[0].at >= _LEAST_SECONDS else None
        if not past or now.at - past[-1].at >= _LEAST_SECONDS:
            past.append(now)
        return found


def _use(before: Times, now: Times) -> dict[str, Any]:
    total = now.total - before.total

    def part(*names: str) -> float:
        spent = sum(now.spent[name] - before.spent[name] for name in names)
        return round(max(0.0, spent / total * 100.0), 1)

    return {
        "busy_percent": round(max(0.0, 100.0 - part("idle", "iowait")), 1),
        "iowait_percent": part("iowait"),
        "steal_percent": part("steal"),
        "seconds": round(now.at - before.at, 1),
    }


def _load() -> tuple[float | None, float | None, float | None]:
    try:
        one, five, fifteen = os.getloadavg()
    except (OSError, AttributeError):
        return None, None, None
    return round(one, 2), round(five, 2), round(fifteen, 2)
