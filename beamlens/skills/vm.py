"""The skill `vm`: the interpreter itself, its memory, threads, locks, event loops and processor time."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from beamlens.errors import SkillError
from beamlens.skills.checks import Check
from beamlens.skills.interpreter.memory import block_sizes
from beamlens.skills.interpreter.modules import loaded_modules
from beamlens.skills.interpreter.procfs import process_start_time
from beamlens.skills.interpreter.sampler import Sampler
from beamlens.skills.interpreter.stacks import Profile, sample_profile, thread_stacks
from beamlens.skills.interpreter.threads import thread_groups, threads_by_ident
from beamlens.skills.interpreter.with_locks import supported
from beamlens.skills.skill import Skill
from beamlens.skills.vm_checks import CHECKS
from beamlens.skills.vm_docs import DOCS, SYSTEM_PROMPT

__all__ = ["Vm"]

_MOST_ROWS: Final = 50
_LONGEST_SAMPLE: Final = 5.0
_MOST_HERTZ: Final = 100.0
_SHOWN_GROWING: Final = 5


class Vm(Skill):
    """Watch the Python interpreter of the application's process.

    It runs where the state is: a light thread of its own (`beamlens-vm-sampler`) keeps a short past, so that each
    answer can say how things move. All that it costs is in the snapshot, under `collector` and `cost_ms`.
    """

    id: ClassVar[str] = "vm"
    title: ClassVar[str] = "Python interpreter"
    description: ClassVar[str] = (
        "Python interpreter: memory and what grows in it, threads and where they are born, locks and who holds them, "
        "event loop lag and what blocks it, processor time by function, the interpreter lock"
    )
    system_prompt: ClassVar[str] = SYSTEM_PROMPT
    additive: ClassVar[tuple[str, ...]] = ("memory.rss_mb", "memory.anonymous_mb", "threads.count", "cpu.seconds")

    def __init__(self) -> None:
        self._sampler = Sampler()

    def start(self) -> None:
        """Start the sampler."""
        self._sampler.start()

    def stop(self) -> None:
        """Stop the sampler and put `threading.Thread.start` back as it was."""
        self._sampler.stop()

    def checks(self) -> Sequence[Check]:
        """Return what is wrong with any Python program of which it holds."""
        return CHECKS

    def callback_docs(self) -> str:
        """Return the callbacks' documentation."""
        return DOCS

    def callbacks(self) -> Mapping[str, Callable[..., Any]]:
        """Return the callbacks; all of them only look."""
        return {
            "vm_memory": self.memory,
            "vm_blocks": self.blocks,
            "vm_growing_containers": self.growing_containers,
            "vm_threads": self.threads,
            "vm_thread_stacks": self.thread_stacks,
            "vm_stacks_merged": self.stacks_merged,
            "vm_hot_functions": self.hot_functions,
            "vm_loops": self.loops,
            "vm_locks": self.locks,
            "vm_gil": self.gil,
            "vm_modules": self.modules,
        }

    def snapshot(self) -> dict[str, Any]:
        """Return how the interpreter stands; about a millisecond."""
        began = time.perf_counter()
        sampler = self._sampler
        growing = sampler.containers.growing(_SHOWN_GROWING)
        memory, gil = sampler.memory.snapshot(), sampler.gil.snapshot()
        data: dict[str, Any] = {
            "python": _python(),
            "memory": memory,
            "containers": {
                "watched": len(sampler.containers.last.found),
                "growing_count": len(growing),
                "growing": growing,
            },
            "threads": self._threads(),
            "locks": sampler.locks.snapshot(),
            "loops": sampler.loops.snapshot(threads_by_ident()),
            "cpu": sampler.cpu.snapshot(),
            "gil": gil,
            "collector": sampler.snapshot(),
            "missing": _missing(memory, gil, sampler.snapshot()),
        }
        data["cost_ms"] = round((time.perf_counter() - began) * 1e3, 3)
        return data

    def _threads(self) -> dict[str, Any]:
        threads = list(threads_by_ident().values())
        return {
            "count": len(threads),
            "daemon": sum(thread.daemon for thread in threads),
            "growing": self._sampler.threads.growing()[:_SHOWN_GROWING],
        }

    def memory(self) -> dict[str, Any]:
        """Return what resident memory is made of, what grew, and a verdict."""
        growing = self._sampler.containers.growing(1)
        return self._sampler.memory.ledger(growing[0]["path"] if growing else None)

    def blocks(self) -> dict[str, Any]:
        """Return Python's small blocks by size."""
        return block_sizes()

    def growing_containers(self, limit: int = 10) -> dict[str, Any]:
        """Return the named containers that grow, and the largest; walks the modules once more first."""
        rows = _rows("vm_growing_containers", limit)
        self._sampler.walk()
        history = self._sampler.containers
        last = history.last
        return {
            "growing": history.growing(rows),
            "largest": history.largest(rows),
            "visited": last.visited,
            "complete": last.complete,
            "cost_ms": last.cost_ms,
        }

    def threads(self, limit: int = 20) -> dict[str, Any]:
        """Return the threads grouped by what started them and what they run."""
        return thread_groups(self._sampler.threads, _rows("vm_threads", limit))

    def thread_stacks(self, limit: int = 20) -> dict[str, Any]:
        """Return the stacks of all threads, equal ones once."""
        return thread_stacks(_rows("vm_thread_stacks", limit))

    def stacks_merged(self, seconds: float = 1.0, hertz: float = 50.0) -> dict[str, Any]:
        """Return the stacks of all threads, waiting ones too, merged over a while."""
        profile = _sampled("vm_stacks_merged", seconds, hertz, waiting_too=True)
        total = profile.stacks.total()
        return {
            **_sampling(profile),
            "stacks": [
                {"part": round(count / total, 3), "samples": count, "stack": list(stack)}
                for stack, count in profile.stacks.most_common(20)
            ],
        }

    def hot_functions(self, seconds: float = 2.0, hertz: float = 50.0) -> dict[str, Any]:
        """Return which functions use the processor, sampled over all threads for a while."""
        profile = _sampled("vm_hot_functions", seconds, hertz, waiting_too=False)
        busy = max(1, profile.busy)
        return {
            **_sampling(profile),
            "functions": [
                {"at": place.at, "func": place.function, "part": round(count / busy, 3), "owner": place.owner}
                for place, count in profile.own.most_common(15)
            ],
            "with_callees": [
                {"func": f"{file}:{name}", "part": round(count / busy, 3)}
                for (file, name), count in profile.total.most_common(15)
            ],
            "entries": [
                {"func": f"{file}:{name}", "part": round(count / busy, 3)}
                for (file, name), count in profile.entries.most_common(10)
            ],
        }

    def loops(self) -> dict[str, Any]:
        """Return the event loops, their lag and what blocked them."""
        return {
            "loops": self._sampler.loops.snapshot(threads_by_ident()),
            "recent_blocks": self._sampler.loops.blocks(20),
        }

    def locks(self, limit: int = 10) -> dict[str, Any]:
        """Return the locks that are waited for, with who holds them and what the holder does."""
        rows = _rows("vm_locks", limit)
        missing = [] if supported() else ["locks: the bytecode of this Python's with statements is not known"]
        return {"locks": self._sampler.locks.contended(rows), "missing": missing}

    def gil(self) -> dict[str, Any]:
        """Return how long a thread waits for the interpreter lock."""
        return self._sampler.gil.snapshot()

    def modules(self, limit: int = 20) -> dict[str, Any]:
        """Return the loaded modules by whose they are, and the newest."""
        return loaded_modules(_rows("vm_modules", limit))


def _rows(name: str, limit: int) -> int:
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise SkillError(
            "bad_arguments", f"{name}: limit is {limit!r}; a whole number from 1 to {_MOST_ROWS} is expected"
        )
    return min(limit, _MOST_ROWS)


def _sampled(name: str, seconds: float, hertz: float, *, waiting_too: bool) -> Profile:
    for what, value, most in (("seconds", seconds, _LONGEST_SAMPLE), ("hertz", hertz, _MOST_HERTZ)):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
            raise SkillError(
                "bad_arguments", f"{name}: {what} is {value!r}; a number above 0, at most {most:g} is expected"
            )
    return sample_profile(float(seconds), float(hertz), waiting_too=waiting_too)


def _sampling(profile: Profile) -> dict[str, Any]:
    return {
        "seconds": round(profile.seconds, 2),
        "samples": profile.samples,
        "busy_threads": round(profile.busy / max(1, profile.samples), 2) if profile.weighed else None,
        "cpu_percent": round(profile.cpu_seconds / max(1e-3, profile.seconds) * 100.0, 1),
        "missing": [] if profile.weighed else ["thread clocks: waiting threads count as busy on this platform"],
    }


def _python() -> dict[str, Any]:
    started = process_start_time()
    return {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "uptime_seconds": None if started is None else round(max(0.0, time.time() - started), 1),
        "modules": len(sys.modules),
    }


def _missing(memory: Mapping[str, Any], gil: Mapping[str, Any], collector: Mapping[str, Any]) -> list[str]:
    """Return what could not be told, and why."""
    missing = []
    if memory["rss_growth"] is None:
        missing.append("memory.rss_growth: the collector has no 8 seconds of past yet")
    if memory["anonymous_mb"] is None:
        missing.append("memory: this platform tells the resident size only")
    if memory["allocator_free_part"] is None:
        missing.append("memory.allocator_free_part: not known yet, or this platform's allocators do not tell")
    if gil["wait_ms_p50"] is None:
        missing.append("gil: too few samples yet")
    if not supported():
        missing.append("locks: the bytecode of this Python's with statements is not known")
    if not collector["running"]:
        missing.append("collector: it does not run, so nothing that needs a past is known")
    return missing
