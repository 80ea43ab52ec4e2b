"""Worker processes of multiprocessing and how they ended, read from its own books: nothing is joined or reaped here."""

from __future__ import annotations

import re
import signal
import sys
import time
from dataclasses import dataclass
from typing import Any, Final

from beamlens.skills.interpreter.places import code_place
from beamlens.skills.supervised.deaths import Death, Deaths

__all__ = ["WorkerProcesses"]

_DIGITS: Final = re.compile(r"\d+")
_MOST: Final = 2000


@dataclass(slots=True)
class _Seen:
    """Hold what is known of one worker; the system's part of it (`popen`) has its exit code once it was asked for."""

    popen: Any
    name: str
    pid: int
    since: float


class WorkerProcesses:
    """Watch the processes that `multiprocessing` started. One thread.

    Args:
        deaths: remembers those that end.
    """

    def __init__(self, deaths: Deaths) -> None:
        self._deaths = deaths
        self._seen: dict[int, _Seen] = {}
        self.started = 0

    def look(self, now: float) -> None:
        """See who is there and who has ended; a microsecond or two for each.

        Args:
            now: `time.monotonic()`.
        """
        for process in _known():
            popen = process.__dict__.get("_popen")
            pid = getattr(popen, "pid", None)
            if isinstance(pid, int) and pid not in self._seen and len(self._seen) < _MOST:
                self._seen[pid] = _Seen(popen, _name_of(process), pid, now)
                self.started += 1
        for pid, seen in list(self._seen.items()):
            code = seen.popen.returncode
            if code is not None:
                del self._seen[pid]
                self._deaths.add(Death(now, seen.name, "worker", _reason(code), code == 0, now - seen.since))

    def alive(self) -> list[dict[str, Any]]:
        """Return those that are there, the oldest first."""
        now = time.monotonic()
        return [
            {"pid": seen.pid, "name": seen.name, "kind": "worker", "age_seconds": round(now - seen.since, 1)}
            for seen in list(self._seen.values())
        ]

    def forget(self) -> None:
        """Let go of all that is held."""
        self._seen.clear()


def _known() -> list[Any]:
    """Return the process objects that `multiprocessing` keeps; `active_children()` would reap those that ended."""
    module = sys.modules.get("multiprocessing.process")
    found = getattr(module, "_children", None)
    for _ in range(3):  # another thread may start one meanwhile
        try:
            return list(found) if isinstance(found, set) else []
        except RuntimeError:
            continue
    return []


def _name_of(process: Any) -> str:
    """Name what a worker runs: the code of its class, else its name without numbers; a started one has no function."""
    run = getattr(type(process).run, "__code__", None)
    if run is not None and type(process).__module__.partition(".")[0] != "multiprocessing":
        return str(code_place(run))
    return _DIGITS.sub("#", str(process.__dict__.get("_name", "process")))[:80]


def _reason(code: int) -> str:
    if code == 0:
        return "normal"
    if code > 0:
        return f"exit status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
