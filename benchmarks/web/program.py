"""The application on uvicorn in a process of its own, in which BeamLens is started and stopped on demand.

`python -m benchmarks.web.program` prints its port; then it answers lines of JSON: `start`, `stop`, `investigate`,
`clocks`. Without a `start` nothing of BeamLens is imported.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uvicorn

from benchmarks.programs import answer_lines, say
from benchmarks.web.app import build

__all__ = ["main"]


class Observer:
    """Start and stop BeamLens in this process, and read what its threads have used. The talking thread."""

    def __init__(self) -> None:
        self._lens: Any = None

    def start(self, operators: list[str] | None = None) -> Mapping[str, Any]:
        """Start it with the skills of a plain `Beamlens.start()`."""
        from beamlens.supervisor import Beamlens

        begun = time.perf_counter()
        self._lens = Beamlens.start(operators=operators, provider="rules", transcripts=False, control=False)
        return {"seconds": time.perf_counter() - begun, "operators": self._lens.operator_names()}

    def stop(self) -> Mapping[str, Any]:
        """Stop it, and the runtime below it."""
        from supervision.process import application

        self._lens.stop(timeout=30.0)
        self._lens = None
        application.shutdown()
        return {"left": _threads()}

    def investigate(self, seconds: float) -> Mapping[str, Any]:
        """Have all operators look, one investigation after another, until the time is over."""
        deadline, runs, found = time.monotonic() + seconds, 0, list[str]()
        while (left := deadline - time.monotonic()) > 0:
            outcome = self._lens.run("is all well?", deadline=left + 20.0)
            found += [note.anomaly_type for note in outcome.notifications]
            runs += 1
        return {"runs": runs, "found": found}

    def clocks(self) -> Mapping[str, Any]:
        """Return the processor seconds of this process, of BeamLens' threads in it, and of its other processes."""
        return {
            "process": time.process_time(),
            "threads": _threads(),
            "children": sum(_children(os.getpid()).values()),
        }


def _threads() -> dict[str, float]:
    """Return the processor seconds of the threads that are not the application's, by name."""
    used: dict[str, float] = {}
    for thread in threading.enumerate():
        if thread.native_id is not None and thread.name.lower().startswith(("beamlens", "supervision", "pykka")):
            used[thread.name] = used.get(thread.name, 0.0) + _scheduled(thread.native_id)
    return used


def _scheduled(native_id: int) -> float:
    try:
        return int(Path(f"/proc/self/task/{native_id}/schedstat").read_text().split()[0]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0  # it ended just now


def _children(pid: int) -> dict[int, float]:
    """Return the processor seconds of all processes below this one."""
    parents: dict[int, list[tuple[int, float]]] = {}
    tick = os.sysconf("SC_CLK_TCK")
    for name in os.listdir("/proc"):
        try:
            fields = Path(f"/proc/{int(name)}/stat").read_text().rpartition(") ")[2].split()
        except (OSError, ValueError):
            continue  # no process, or one that ended just now
        parents.setdefault(int(fields[1]), []).append((int(name), (int(fields[11]) + int(fields[12])) / tick))
    found: dict[int, float] = {}
    waiting = [pid]
    while waiting:
        for child, seconds in parents.get(waiting.pop(), ()):
            found[child] = seconds
            waiting.append(child)
    return found


def main() -> None:
    """Serve until the input ends."""
    # With the protocol said: asyncio sends small packets at once only where it sees that it is TCP.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(build(), log_level="warning", access_log=False, lifespan="off"))
    observer = Observer()

    def talk() -> None:
        say({"port": listener.getsockname()[1]})
        answer_lines({name: getattr(observer, name) for name in ("start", "stop", "investigate", "clocks")})
        server.should_exit = True

    threading.Thread(target=talk, name="talk", daemon=True).start()
    server.run(sockets=[listener])
    if observer._lens is not None:
        observer.stop()


if __name__ == "__main__":
    main()
