"""The skill `vm_events`: what stops the application for a moment, and which line did it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from beamlens.skills.checks import Check
from beamlens.skills.heap.pauses import pauses
from beamlens.skills.limits_given import choice, rows
from beamlens.skills.skill import Skill
from beamlens.skills.stalls.events import KINDS, Stalls
from beamlens.skills.stalls.faults import killed_for_memory
from beamlens.skills.stalls.watch import GC_MS, HOLD_MS, LOOP_MS, StallWatch, supported
from beamlens.skills.vm_events_checks import CHECKS
from beamlens.skills.vm_events_docs import DOCS, SYSTEM_PROMPT
from beamlens.skills.waits.ticker import Pace, ticker

__all__ = ["VmEvents"]

_TICK: Final = 0.1


class VmEvents(Skill):
    """Watch for the moments in which the application stands still.

    The ticker that several skills share (`beamlens-ticker`) notices that it came late, and which thread computed
    meanwhile; the garbage collector's callbacks and the event loops' heartbeats tell the rest.
    """

    id: ClassVar[str] = "vm_events"
    title: ClassVar[str] = "Stalls"
    description: ClassVar[str] = (
        "Stalls: moments in which the application stands still, and the line that did it: long holds of the "
        "interpreter lock, pauses of the garbage collector, blocked event loops, page faults, suspension"
    )
    system_prompt: ClassVar[str] = SYSTEM_PROMPT

    def __init__(self) -> None:
        self._stalls = Stalls()
        self._watch = StallWatch(self._stalls)
        self._pace: Pace | None = None

    def start(self) -> None:
        """Begin to watch."""
        pauses.begin()
        self._pace = ticker.add(self._watch.look, _TICK)

    def stop(self) -> None:
        """Watch no more, and take the callback off the collector."""
        pace, self._pace = self._pace, None
        if pace is not None:
            ticker.remove(pace)
            pauses.end()
        self._watch.close()

    def checks(self) -> Sequence[Check]:
        """Return what is wrong with any Python program of which it holds."""
        return CHECKS

    def callback_docs(self) -> str:
        """Return the callbacks' documentation."""
        return DOCS

    def callbacks(self) -> Mapping[str, Callable[..., Any]]:
        """Return the callbacks; all of them only look."""
        return {
            "vm_events_stats": self.stats,
            "vm_events_list": self.list_events,
            "vm_events_faults": self.faults,
        }

    def snapshot(self) -> dict[str, Any]:
        """Return what stood still lately; below a millisecond."""
        began = time.perf_counter()
        data: dict[str, Any] = {
            **self._summaries(),
            "faults": self._watch.snapshot(),
            "collector": self._collector(),
            "missing": self._missing(),
        }
        data["cost_ms"] = round((time.perf_counter() - began) * 1e3, 3)
        return data

    def _summaries(self) -> dict[str, Any]:
        return {
            "gil_holds": self._stalls.summary("gil_hold", HOLD_MS),
            "gc_pauses": self._stalls.summary("gc_pause", GC_MS),
            "loop_stalls": self._stalls.summary("loop_stall", LOOP_MS),
            "page_faults": self._stalls.summary("page_faults", None),
            "suspensions": self._stalls.summary("suspended", HOLD_MS),
        }

    def _collector(self) -> dict[str, Any]:
        pace = self._pace
        return {"running": pace is not None, **(pace.snapshot() if pace is not None else {})}

    def _missing(self) -> list[str]:
        missing = [] if supported() else ["gil_holds: this platform does not tell the processor time of a thread"]
        if killed_for_memory() is None:
            missing.append("faults.killed_for_memory: there is no control group (version 2) that tells")
        if self._pace is None:
            missing.append("collector: it does not run, so nothing is known")
        return missing

    def stats(self) -> dict[str, Any]:
        """Return how often and how long the application stood still within 5 minutes, by kind."""
        return self._summaries()

    def list_events(self, kind: str = "all", limit: int = 20) -> dict[str, Any]:
        """Return the last stalls, newest first."""
        wanted = choice("vm_events_list", "kind", kind, ("all", *KINDS))
        most = rows("vm_events_list", limit)
        return {"events": self._stalls.last(None if wanted == "all" else wanted, most)}

    def faults(self) -> dict[str, Any]:
        """Return page faults and switches, and how many processes of the container were killed for memory."""
        return {**self._watch.snapshot(), "killed_for_memory": killed_for_memory()}
