"""A program with a large heap, in which every call of every default skill is made while a heartbeat measures stops.

`python -m benchmarks.web.heap OBJECTS` prints how many objects the garbage collector tracks in it; then it answers
lines of JSON: `rest` (nothing is asked), `start` (before it, nothing of BeamLens works), `measure` (one skill), `stop`.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.programs import answer_lines, say
from benchmarks.stats import summarize

__all__ = ["main"]

_BEAT_SECONDS: Final = 0.001
_LOOK_CLOSER_SECONDS: Final = 0.005
_APART_SECONDS: Final = 0.02


class Item:
    """One of the objects: with slots, as large programs have them."""

    __slots__ = ("key", "parts")

    def __init__(self, key: int) -> None:
        self.key = key
        self.parts = [key, str(key)]


REGISTRY: dict[int, Item] = {}


class Heartbeat:
    """Measure for how long a thread of the application cannot run: it sleeps a millisecond, again and again.

    What it waits for a processor is taken off: that is the machine's doing. A stop is what the interpreter's lock, or a
    fork, keeps it from.
    """

    def __init__(self) -> None:
        self.longest = 0.0
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    def take(self) -> float:
        """Return the longest stop since the last time, in seconds."""
        longest, self.longest = self.longest, 0.0
        return longest

    def _beat(self) -> None:
        queued = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
        waited, before = _waited(queued), time.perf_counter()
        while True:
            time.sleep(_BEAT_SECONDS)
            now = time.perf_counter()
            stop = now - before - _BEAT_SECONDS
            if stop > _LOOK_CLOSER_SECONDS:
                total = _waited(queued)
                stop, waited = stop - (total - waited), total
                now = time.perf_counter()
            self.longest = max(self.longest, stop)
            before = now


def _waited(schedstat: Path) -> float:
    """Return how long the thread has been ready to run without a processor, in seconds; see proc(5), schedstat."""
    try:
        return int(schedstat.read_text().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0  # this kernel does not tell


class Skills:
    """All default skills in this process, each run as the probe does."""

    def __init__(self, heart: Heartbeat) -> None:
        self._heart = heart
        self._access: dict[str, Any] = {}

    def rest(self, seconds: float) -> Mapping[str, Any]:
        """Let nothing happen; return the longest stop: what the machine and the heap do by themselves."""
        self._heart.take()
        time.sleep(seconds)
        return {"longest": self._heart.take()}

    def start(self) -> Mapping[str, Any]:
        """Start all skills that need no configuration and run in the application."""
        from beamlens.probe.remote import LocalSkill
        from beamlens.probe.specs import skill_spec
        from beamlens.skills.catalog import default_names

        stops = {}
        for name in default_names():
            self._heart.take()
            access = LocalSkill(skill_spec(name))
            access.start()
            self._access[name] = access
            stops[name] = self._heart.take()
        return {"skills": list(self._access), "stops": stops}

    def measure(self, skill: str, snapshots: int, repeats: int) -> Mapping[str, Any]:
        """Take snapshots, then make each call that needs no arguments; return times and stops."""
        access = self._access[skill]
        wall, processor = [], []
        self._heart.take()
        for _ in range(snapshots):
            answer = access.ask("snapshot")
            wall.append(answer.seconds)
            processor.append(answer.cpu_seconds)
            time.sleep(_APART_SECONDS)
        sums, used = summarize(wall, 1e3), summarize(processor, 1e3)
        stops, refused = {"snapshot": self._heart.take()}, dict[str, str]()
        for name in (each for each in access.names() if each.startswith(f"{skill}_")):
            stop, why = self._call(access, name, repeats)
            stops[name] = stop
            if why:
                refused[name] = why
        return {
            "wall_p50": sums.p50,
            "wall_p99": sums.p99,
            "cpu_p50": used.p50,
            "cpu_p99": used.p99,
            "stops": stops,
            "refused": refused,
        }

    def _call(self, access: Any, name: str, repeats: int) -> tuple[float, str]:
        from beamlens.errors import SkillError

        why = ""
        self._heart.take()
        for _ in range(repeats):
            try:
                access.ask(name, _arguments(name))
            except SkillError as error:
                why = f"{error.kind}: {error.text}"
            time.sleep(_APART_SECONDS)
        return self._heart.take(), why

    def stop(self) -> Mapping[str, Any]:
        """Stop all of them."""
        for access in self._access.values():
            access.close(10.0)
        return {}


def _arguments(name: str) -> Sequence[Any]:
    """Return what a call needs that cannot do without arguments."""
    item = "benchmarks.web.heap.Item"
    return {
        "caches_info": ("benchmarks.web.heap.REGISTRY",),
        "caches_who_keeps": (item,),
        "exception_by_type": ("Error",),
        "gc_holders": (item,),
        "locks_in_code": ("benchmarks.web.heap",),
    }.get(name, ())


def main() -> None:
    """Build the heap, then answer until the input ends."""
    wanted = int(sys.argv[1])
    gc.disable()  # or building it takes minutes of full collections
    for key in range(wanted // 2):
        REGISTRY[key] = Item(key)
    gc.enable()
    gc.collect()  # so that no collection of the heap's own is due
    skills = Skills(Heartbeat())
    say({"tracked": len(gc.get_objects())})
    answer_lines({name: getattr(skills, name) for name in ("rest", "start", "measure", "stop")})


if __name__ == "__main__":
    sys.modules.setdefault("benchmarks.web.heap", sys.modules["__main__"])
    main()
