"""Which lines allocate what stays: traced for a few seconds, by one frame, and stopped as soon as it gets dear.

Tracing makes allocations several times as slow, and reading the traces stops the application for about 2 us for each.
So it is begun only while the application is idle enough, ends when there are some thousands of traces, and is never
left on.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import tracemalloc
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from beamlens.errors import SkillError
from beamlens.skills.interpreter.places import owner_of, shown_file

__all__ = ["SiteTracer"]

_MOST_TRACES: Final = 6_000
_NEVER_READ: Final = 15_000
_BYTES_PER_TRACE: Final = 58  # measured on 3.11: 53 to 59
_LOOK_SECONDS: Final = 0.002
_LOAD_SECONDS: Final = 0.3
_MOST_LOAD: Final = 0.5
_PAUSE_SECONDS: Final = 20.0
_LEAST_BLOCKS: Final = 5
_SHOWN: Final = 15


@dataclass(frozen=True, slots=True)
class _Read:
    """Hold the live blocks and bytes by (file, line), and when and how long they were read."""

    when: float
    blocks: Counter[tuple[str, int]]
    bytes: Counter[tuple[str, int]]
    stop_ms: float


class SiteTracer:
    """Trace allocations for a while. `trace` from one thread at a time; `stop` from any."""

    def __init__(self) -> None:
        self._ours = threading.Event()
        self._ended = threading.Event()
        self._last: tuple[float, dict[str, Any]] | None = None

    def stop(self) -> None:
        """Stop tracing if it was begun here, and do not begin again."""
        self._ended.set()
        self._stop_ours()

    def trace(self, seconds: float) -> dict[str, Any]:
        """Return the lines whose live allocations became more in both halves of a while, and the others.

        Asked again within 20 seconds it returns the same answer, and how old it is.

        Args:
            seconds: at most; it ends sooner where there are many allocations.

        Raises:
            SkillError: `refused`, with the reason.
        """
        if self._last is not None and time.monotonic() - self._last[0] < _PAUSE_SECONDS:
            return {**self._last[1], "ago_seconds": round(time.monotonic() - self._last[0], 1)}
        self._check()
        began = time.monotonic()
        self._ours.set()
        tracemalloc.start(1)
        try:
            reads = self._two_reads(began, seconds)
            taken = time.monotonic() - began
        finally:
            before = time.perf_counter()
            self._stop_ours()
            ended_ms = (time.perf_counter() - before) * 1e3
        answer = _told(reads, taken, ended_ms)
        self._last = (time.monotonic(), answer)
        return answer

    def _stop_ours(self) -> None:
        """Stop tracing, unless somebody else has stopped it meanwhile."""
        if self._ours.is_set():
            self._ours.clear()
            if tracemalloc.is_tracing():
                tracemalloc.stop()

    def _check(self) -> None:
        if tracemalloc.is_tracing():
            raise SkillError("refused", "the application traces its allocations itself; its traces are left alone")
        load = _load()
        if load > _MOST_LOAD:
            raise SkillError(
                "refused",
                f"the application uses {load:.0%} of a core, and tracing would make it several times slower; "
                f"it is done below {_MOST_LOAD:.0%}",
            )

    def _two_reads(self, began: float, seconds: float) -> list[_Read]:
        reads = []
        for half in (1, 2):
            self._wait(began + seconds * half / 2, _MOST_TRACES * half // 2)
            read = _read()
            if read is None:
                break
            reads.append(read)
        return reads

    def _wait(self, until: float, traces: int) -> None:
        while time.monotonic() < until and _traces() < traces and not self._ended.wait(_LOOK_SECONDS):
            pass


def _load() -> float:
    """Return the part of a core that the process uses, or would use if it got a processor, over a moment."""
    began, used = time.monotonic(), _wanted_seconds()
    time.sleep(_LOAD_SECONDS)
    return (_wanted_seconds() - used) / (time.monotonic() - began)


def _wanted_seconds() -> float:
    """Return the processor time that the threads have used, and that for which they waited for a processor."""
    total = 0
    try:
        for task in os.listdir("/proc/self/task"):
            with contextlib.suppress(OSError):  # a thread that ended meanwhile
                ran, waited, *_ = Path(f"/proc/self/task/{task}/schedstat").read_text().split()
                total += int(ran) + int(waited)
    except (OSError, ValueError):
        return time.process_time()
    return total / 1e9 if total else time.process_time()


def _traces() -> int:
    """Return about how many live allocations are traced; the tables that hold them say so for nothing."""
    return tracemalloc.get_tracemalloc_memory() // _BYTES_PER_TRACE


def _read() -> _Read | None:
    """Return what is traced; None where reading it would stop the application too long."""
    if not tracemalloc.is_tracing() or _traces() > _NEVER_READ:
        return None
    before = time.perf_counter()
    # What `tracemalloc.take_snapshot` does, without objects for each trace.
    raw = sys.modules["_tracemalloc"]._get_traces()
    stop_ms = (time.perf_counter() - before) * 1e3
    blocks: Counter[tuple[str, int]] = Counter()
    sizes: Counter[tuple[str, int]] = Counter()
    for _, size, frames, *_ in raw:
        site = frames[0]
        blocks[site] += 1
        sizes[site] += size
    return _Read(time.monotonic(), blocks, sizes, stop_ms)


def _told(reads: list[_Read], seconds: float, ended_ms: float) -> dict[str, Any]:
    stops = [ended_ms, *(read.stop_ms for read in reads)]
    complete = len(reads) == 2
    last = reads[-1] if reads else None
    rows = [_row(site, reads, seconds) for site in last.blocks if _is_others(site[0])] if last is not None else []
    growing = [row for row in rows if complete and min(row["first"], row["second"]) >= _LEAST_BLOCKS]
    return {
        "growing": sorted(growing, key=lambda row: -row["kb"])[:_SHOWN],
        "largest": sorted(rows, key=lambda row: -row["kb"])[:_SHOWN],
        "seconds": round(seconds, 3),
        "ago_seconds": 0.0,
        "traced": sum(last.blocks.values()) if last is not None else None,
        "stop_ms": round(max(stops), 2),
        "missing": [] if complete else ["growing: there were too many allocations at once to read them twice"],
    }


def _row(site: tuple[str, int], reads: list[_Read], seconds: float) -> dict[str, Any]:
    last = reads[-1]
    first = reads[0].blocks[site]
    return {
        "at": f"{shown_file(site[0])}:{site[1]}",
        "owner": owner_of(site[0]),
        "blocks": last.blocks[site],
        "kb": round(last.bytes[site] / 1024, 1),
        "first": first,
        "second": last.blocks[site] - first,
        "kb_per_minute": round(last.bytes[site] / 1024 / max(0.05, seconds) * 60.0, 1),
    }


def _is_others(filename: str) -> bool:
    return owner_of(filename) != "own" and not filename.endswith("tracemalloc.py")
