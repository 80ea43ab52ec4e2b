"""The skill `allocator`: what the memory allocators hold, in use and free, and which lines allocate what stays."""

from __future__ import annotations

import threading
import time
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from beamlens.skills.allocation.history import AllocatorHistory
from beamlens.skills.allocation.sites import SiteTracer
from beamlens.skills.allocator_checks import CHECKS
from beamlens.skills.allocator_docs import DOCS, SYSTEM_PROMPT
from beamlens.skills.checks import Check
from beamlens.skills.heap.background import Background
from beamlens.skills.interpreter.ledger import Ledger, described, free_bytes, free_part, megabytes, verdict
from beamlens.skills.interpreter.memory import block_sizes
from beamlens.skills.interpreter.procfs import process_memory
from beamlens.skills.limits_given import rows, seconds_given
from beamlens.skills.skill import Skill

__all__ = ["Allocator"]

_LOOK_SECONDS: Final = 5.0
_LONGEST_TRACE: Final = 5.0


class Allocator(Skill):
    """Watch Python's allocator of small objects and the C library's `malloc`.

    A thread of its own (`beamlens-allocator`) asks them every few seconds. Allocations are traced only when somebody
    asks, for seconds, and only while the application is idle enough.
    """

    id: ClassVar[str] = "allocator"
    title: ClassVar[str] = "Memory allocators"
    description: ClassVar[str] = (
        "Memory allocators: what Python's allocator and malloc hold in use and free, fragmentation, block sizes, and "
        "which lines allocate memory that stays"
    )
    system_prompt: ClassVar[str] = SYSTEM_PROMPT
    additive: ClassVar[tuple[str, ...]] = ("rss_mb",)
    callback_seconds: ClassVar[float] = 15.0

    def __init__(self) -> None:
        self._history = AllocatorHistory()
        self._tracer = SiteTracer()
        self._reading = threading.Lock()
        self._background = Background("beamlens-allocator", self._look, _LOOK_SECONDS)

    def start(self) -> None:
        """Start to ask the allocators."""
        self._background.start()

    def stop(self) -> None:
        """End the thread, and tracing if it was begun here."""
        self._tracer.stop()
        self._background.stop()

    def _look(self, now: float) -> None:
        with self._reading:
            self._history.look(now)

    def checks(self) -> Sequence[Check]:
        """Return what is wrong with any Python program of which it holds."""
        return CHECKS

    def callback_docs(self) -> str:
        """Return the callbacks' documentation."""
        return DOCS

    def callbacks(self) -> Mapping[str, Callable[..., Any]]:
        """Return the callbacks; all but the tracing only look, and that puts everything back."""
        return {
            "allocator_state": self.state,
            "allocator_sizes": self.sizes,
            "allocator_history": self.history,
            "allocator_sites": self.sites,
        }

    def snapshot(self) -> dict[str, Any]:
        """Return what the allocators held when they were asked last; below a millisecond."""
        began = time.perf_counter()
        ledgers = self._history.ledgers
        last = ledgers[-1] if ledgers else None
        data: dict[str, Any] = {
            "rss_mb": megabytes(process_memory().rss),
            **_levels(last),
            "fragmented_seconds": self._history.fragmented_seconds() if ledgers else None,
            "used_growth": self._history.growth_of_used() if ledgers else None,
            "tracing": tracemalloc.is_tracing(),
            "collector": self._background.snapshot(),
            "missing": list(last.missing) if last is not None else ["allocators: not asked yet"],
        }
        data["cost_ms"] = round((time.perf_counter() - began) * 1e3, 3)
        return data

    def state(self) -> dict[str, Any]:
        """Return what the memory is made of now, how that changed, and a verdict."""
        self._look(0.0)
        ledgers = self._history.ledgers
        before, after = ledgers[0], ledgers[-1]
        said, why = verdict(before, after)
        old, new = described(before), described(after)
        changes = {name: round(value - (old[name] or 0.0), 2) for name, value in new.items() if value is not None}
        return {
            "rss_mb": megabytes(after.process.rss),
            "entries": new,
            "changes_mb": changes,
            "seconds": round(after.when - before.when, 1),
            "verdict": said,
            "why": why,
            "missing": list(after.missing),
            "cost_ms": after.cost_ms,
        }

    def sizes(self) -> dict[str, Any]:
        """Return Python's small blocks by size."""
        return block_sizes()

    def history(self, limit: int = 20) -> dict[str, Any]:
        """Return what the allocators held lately, newest first."""
        return {"rows": self._history.rows(rows("allocator_history", limit))}

    def sites(self, seconds: float = 2.0) -> dict[str, Any]:
        """Return the lines that allocate what stays, traced for a while."""
        return self._tracer.trace(seconds_given("allocator_sites", "seconds", seconds, _LONGEST_TRACE))


def _levels(ledger: Ledger | None) -> dict[str, Any]:
    pymalloc, malloc = (ledger.pymalloc, ledger.malloc) if ledger is not None else (None, None)
    part = free_part(ledger) if ledger is not None else None
    known = pymalloc is not None or malloc is not None
    return {
        "pymalloc": None
        if pymalloc is None
        else {
            "arenas_mb": megabytes(pymalloc.arenas),
            "used_mb": megabytes(pymalloc.used),
            "free_mb": megabytes(pymalloc.free),
        },
        "malloc": None
        if malloc is None
        else {
            "used_mb": megabytes(malloc.used),
            "free_mb": megabytes(malloc.free),
            "mapped_mb": megabytes(malloc.mapped),
            "free_chunks": malloc.chunks,
        },
        "free_mb": megabytes(free_bytes(ledger)) if ledger is not None and known else None,
        "free_part": None if part is None else round(part, 3),
    }
