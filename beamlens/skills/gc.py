"""The skill `gc`: the garbage collector, how long it stops the application, and the types that keep growing."""

from __future__ import annotations

import gc
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from beamlens.errors import SkillError
from beamlens.skills.checks import Check
from beamlens.skills.gc_checks import CHECKS
from beamlens.skills.gc_docs import DOCS, SYSTEM_PROMPT
from beamlens.skills.heap.background import Background
from beamlens.skills.heap.edges import type_name
from beamlens.skills.heap.keepers import MOST_SAMPLES, keepers_of_type
from beamlens.skills.heap.kinds import find_type
from beamlens.skills.heap.pauses import pauses
from beamlens.skills.heap.type_history import TypeHistory
from beamlens.skills.heap.windows import grown_in_two_windows
from beamlens.skills.limits_given import rows, seconds_given
from beamlens.skills.skill import Skill
from beamlens.skills.work_done import work_done

__all__ = ["Gc"]

_DIGITS: Final = re.compile(r"\d+")
_SHOWN: Final = 5
_LOOK_SECONDS: Final = 2.0
_LONG_MS: Final = 20.0
_PAST_SECONDS: Final = 600.0
_MOST_GARBAGE: Final = 10_000
_LONGEST_MEASURE: Final = 12.0
_LONGEST_NAME: Final = 300


class Gc(Skill):
    """Watch the garbage collector of the application's process, and what it has to look after.

    Pauses are measured by the collector's own callbacks (a microsecond for each collection). Objects are counted by
    type on a thread of its own (`beamlens-gc`): in place while the heap is small, else in a copy of the process.
    """

    id: ClassVar[str] = "gc"
    title: ClassVar[str] = "Garbage collector"
    description: ClassVar[str] = (
        "Garbage collector: how long its pauses stop the application, what it cannot free, and the types whose objects "
        "keep becoming more, with who keeps them alive"
    )
    system_prompt: ClassVar[str] = SYSTEM_PROMPT
    additive: ClassVar[tuple[str, ...]] = ("garbage", "pauses.collections", "pauses.total_ms", "types.objects")
    callback_seconds: ClassVar[float] = 20.0

    def __init__(self) -> None:
        self._types = TypeHistory(work_done.total)
        self._background = Background("beamlens-gc", self._types.look, _LOOK_SECONDS)

    def start(self) -> None:
        """Begin to time collections and to count types."""
        pauses.begin()
        self._background.start()

    def stop(self) -> None:
        """Take the callback off the collector and end the thread."""
        self._background.stop()
        pauses.end()

    def checks(self) -> Sequence[Check]:
        """Return what is wrong with any Python program of which it holds."""
        return CHECKS

    def callback_docs(self) -> str:
        """Return the callbacks' documentation."""
        return DOCS

    def callbacks(self) -> Mapping[str, Callable[..., Any]]:
        """Return the callbacks; all of them only look, none of them collects."""
        return {
            "gc_stats": self.stats,
            "gc_pauses": self.long_pauses,
            "gc_growing_types": self.growing_types,
            "gc_types": self.types,
            "gc_measure": self.measure,
            "gc_holders": self.holders,
            "gc_garbage": self.garbage,
        }

    def snapshot(self) -> dict[str, Any]:
        """Return how the collector stands; about a millisecond."""
        began = time.perf_counter()
        growing = self._types.growing(_SHOWN)
        last = self._types.last
        data: dict[str, Any] = {
            **_collector(),
            "pauses": pauses.summary(),
            "types": {
                "objects": last.total if last is not None else None,
                "seconds": round(self._types.seconds, 1),
                "growing_count": len(growing),
                "growing": growing,
            },
            "collector": {
                **self._background.snapshot(),
                "counts": self._types.looks,
                "counting_ms": round(self._types.cost_ms, 1),
                "longest_stop_ms": round(self._types.longest_stop_ms, 2),
            },
            "missing": self._missing(),
        }
        data["cost_ms"] = round((time.perf_counter() - began) * 1e3, 3)
        return data

    def _missing(self) -> list[str]:
        if not self._background.snapshot()["running"]:
            return ["collector: it does not run, so nothing that needs a past is known"]
        if self._types.refusal is not None:
            return [f"types: {self._types.refusal}"]
        return ["types: not counted yet"] if self._types.last is None else []

    def stats(self) -> dict[str, Any]:
        """Return what the collector has done so far, and its pauses in the last 10 minutes."""
        return {**_collector(), "last_minute": pauses.summary(), "last_10_minutes": pauses.summary(_PAST_SECONDS)}

    def long_pauses(self, limit: int = 20) -> dict[str, Any]:
        """Return the pauses of 20 ms and more within the last 10 minutes, newest first."""
        most, now = rows("gc_pauses", limit), time.monotonic()
        names = {thread.ident: _DIGITS.sub("#", thread.name)[:80] for thread in threading.enumerate()}
        found = [
            {
                "ago_seconds": round(now - pause.when, 1),
                "generation": pause.generation,
                "ms": round(pause.ms, 1),
                "collected": pause.collected,
                "uncollectable": pause.uncollectable,
                "thread": names.get(pause.thread),
            }
            for pause in pauses.long(_LONG_MS, _PAST_SECONDS)
        ]
        return {"pauses": found[:most], "count": len(found)}

    def growing_types(self, limit: int = 10) -> dict[str, Any]:
        """Return the types that keep growing."""
        return {"growing": self._types.growing(rows("gc_growing_types", limit)), **self._counted()}

    def types(self, limit: int = 20) -> dict[str, Any]:
        """Return the most frequent types."""
        return {"types": self._types.largest(rows("gc_types", limit)), **self._counted()}

    def measure(self, seconds: float = 6.0) -> dict[str, Any]:
        """Return the types that became more in both halves of a while; counts three times and waits in between."""
        return grown_in_two_windows(seconds_given("gc_measure", "seconds", seconds, _LONGEST_MEASURE))

    def _counted(self) -> dict[str, Any]:
        last = self._types.last
        return {
            "objects": last.total if last is not None else None,
            "seconds": round(self._types.seconds, 1),
            "counted": last.where if last is not None else None,
            "stop_ms": last.stop_ms if last is not None else None,
            "missing": self._missing(),
        }

    def holders(self, type: str, samples: int = 5) -> dict[str, Any]:
        """Return who keeps objects of a type alive."""
        if isinstance(samples, bool) or not isinstance(samples, int) or not 1 <= samples <= MOST_SAMPLES:
            expected = f"a whole number from 1 to {MOST_SAMPLES} is expected"
            raise SkillError("bad_arguments", f"gc_holders: samples is {samples!r:.80}; {expected}")
        kind = find_type(type) if type and len(type) <= _LONGEST_NAME else None
        if kind is None:
            raise SkillError(
                "bad_arguments",
                f"gc_holders: there is no class {type[:80]!r}, or several end so; expected is a name as in gc_types()",
            )
        return {"type": type_name(kind), **keepers_of_type(kind, samples)}

    def garbage(self, limit: int = 10) -> dict[str, Any]:
        """Return what the collector found and could not free, by type."""
        most = rows("gc_garbage", limit)
        found = list(gc.garbage[:_MOST_GARBAGE])
        counts = Counter(type_name(kind) for kind in map(type, found))
        return {
            "objects": len(gc.garbage),
            "types": [{"type": name, "count": count} for name, count in counts.most_common(most)],
            "uncollectable": sum(each["uncollectable"] for each in gc.get_stats()),
            "saves_all": bool(gc.get_debug() & gc.DEBUG_SAVEALL),
        }


def _collector() -> dict[str, Any]:
    stats = gc.get_stats()
    return {
        "enabled": gc.isenabled(),
        "thresholds": list(gc.get_threshold()),
        "counts": list(gc.get_count()),
        "generations": {str(number): dict(each) for number, each in enumerate(stats)},
        "garbage": len(gc.garbage),
        "saves_all": bool(gc.get_debug() & gc.DEBUG_SAVEALL),
    }
