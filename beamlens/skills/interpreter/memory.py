"""Resident memory and live blocks over time, and what the memory is made of when somebody asks."""

from __future__ import annotations

import sys
from collections import Counter, deque
from typing import Any, Final

from beamlens.skills.interpreter.allocators import MallocGauge, pymalloc_state
from beamlens.skills.interpreter.census import take_census
from beamlens.skills.interpreter.ledger import Ledger, described, free_bytes, free_part, megabytes, read_ledger, verdict
from beamlens.skills.interpreter.procfs import process_memory
from beamlens.skills.interpreter.trend import Growth, growth

__all__ = ["MemoryHistory", "block_sizes"]

_WINDOW: Final = 60.0
_LEAST_SECONDS: Final = 8.0
_POINTS: Final = 120
_MIB: Final = 1 << 20
_LEDGERS: Final = 10
_FRAGMENTED: Final = 0.5
_LEDGER_SECONDS: Final = 30.0


class MemoryHistory:
    """Keep a minute of levels by the second, and a ledger each half minute. Written by one thread (the sampler's)."""

    def __init__(self) -> None:
        self._gauge = MallocGauge()
        self._rss: deque[tuple[float, float]] = deque(maxlen=_POINTS)
        self._blocks: deque[tuple[float, float]] = deque(maxlen=_POINTS)
        self._ledgers: deque[Ledger] = deque(maxlen=_LEDGERS)

    def look(self, now: float) -> None:
        """Take one point; call it about once a second.

        Args:
            now: `time.monotonic()`.
        """
        rss = process_memory().rss
        if rss is not None:
            self._rss.append((now, float(rss)))
        self._blocks.append((now, float(sys.getallocatedblocks())))
        if not self._ledgers or now - self._ledgers[-1].when >= _LEDGER_SECONDS:
            self._ledgers.append(read_ledger(self._gauge))

    def snapshot(self) -> dict[str, Any]:
        """Return the levels now and how they moved within the last minute."""
        process = process_memory()
        rss, blocks = _recent(self._rss), _recent(self._blocks)
        return {
            "rss_mb": megabytes(process.rss),
            "peak_mb": megabytes(process.peak),
            "anonymous_mb": megabytes(process.anonymous),
            "files_mb": megabytes(process.files),
            "shared_mb": megabytes(process.shared),
            "swap_mb": megabytes(process.swap),
            "blocks": sys.getallocatedblocks(),
            **self._free(),
            **_moved("rss_growth", rss, _MIB, "mb"),
            **_moved("blocks_growth", blocks, 1, "count"),
        }

    def _free(self) -> dict[str, Any]:
        """Return what the allocators held free at the last ledger, and since when that has been most of the memory."""
        kept = list(self._ledgers)
        parts = [(each.when, free_part(each)) for each in kept]
        if not parts or parts[-1][1] is None:
            return {"allocator_free_mb": None, "allocator_free_part": None, "fragmented_seconds": None}
        mostly = [part is not None and part >= _FRAGMENTED for _, part in parts]
        since = next((when for at, (when, _) in enumerate(parts) if all(mostly[at:])), parts[-1][0])
        return {
            "allocator_free_mb": megabytes(free_bytes(kept[-1])),
            "allocator_free_part": round(parts[-1][1], 3),
            "fragmented_seconds": round(parts[-1][0] - since, 1),
        }

    def ledger(self, growing: str | None = None) -> dict[str, Any]:
        """Return what the memory is made of, what grew since the oldest ledger kept, and the verdict.

        Args:
            growing: a container that keeps growing, if one is known: then large objects are kept, too, not only small.
        """
        after = read_ledger(self._gauge)
        kept = list(self._ledgers)
        before = kept[0] if kept else after
        census, refusal = take_census()
        said, why = verdict(before, after, growing)
        old, new = described(before), described(after)
        return {
            "rss_mb": megabytes(after.process.rss),
            "entries": new,
            "since_seconds": round(after.when - before.when, 1),
            "growth_mb": {
                name: round(value - old[name], 2)
                for name, value in new.items()
                if value is not None and old[name] is not None
            },
            "blocks": after.blocks,
            "blocks_growth": after.blocks - before.blocks,
            "verdict": said,
            "why": why,
            "tracked_objects": census.objects if census is not None else None,
            "tracked_mb": megabytes(census.bytes) if census is not None else None,
            "untracked_mb": _untracked(after, census.bytes if census is not None else None),
            "missing": [*after.missing, *([refusal] if refusal is not None else [])],
            "cost_ms": round(after.cost_ms + (census.cost_ms if census is not None else 0.0), 2),
        }


def _untracked(ledger: Ledger, tracked: int | None) -> float | None:
    """Return live memory beside the tracked objects: texts, numbers, bytes, buffers, native code's."""
    if tracked is None or ledger.pymalloc is None or ledger.malloc is None:
        return None
    return megabytes(max(0, ledger.pymalloc.used + ledger.malloc.used - tracked))


def _recent(points: deque[tuple[float, float]]) -> Growth | None:
    kept = list(points)
    return growth([point for point in kept if point[0] >= kept[-1][0] - _WINDOW], _LEAST_SECONDS)


def _moved(name: str, moved: Growth | None, unit: int, suffix: str) -> dict[str, Any]:
    if moved is None:
        return {name: None}
    return {
        name: {
            suffix: round(moved.change / unit, 2),
            "per_minute": round(moved.per_minute / unit, 2),
            "seconds": round(moved.seconds, 1),
            "steady": moved.steady,
        }
    }


def block_sizes() -> dict[str, Any]:
    """Return how many live and free blocks Python's allocator has, by block size."""
    state = pymalloc_state()
    if state is None:
        return {
            "blocks": sys.getallocatedblocks(),
            "sizes": None,
            "missing": ["pymalloc: this interpreter does not tell the state of its allocator"],
        }
    live: Counter[int] = Counter({size: count for size, count, _ in state.sizes})
    free = {size: count for size, _, count in state.sizes}
    return {
        "blocks": sys.getallocatedblocks(),
        "arenas_mb": megabytes(state.arenas),
        "used_mb": megabytes(state.used),
        "free_mb": megabytes(state.free),
        "usage_ratio": round(state.used / state.arenas, 3) if state.arenas else None,
        "sizes": [
            {"size": size, "live": count, "free": free[size], "live_mb": megabytes(size * count)}
            for size, count in live.most_common(12)
        ],
        "missing": [],
    }
