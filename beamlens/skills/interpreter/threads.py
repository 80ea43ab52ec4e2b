"""The threads of this process, grouped by what they run and who started them: never by name."""

from __future__ import annotations

import re
import sys
import threading
import time
import weakref
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import FrameType, FunctionType, MethodType
from typing import Any, Final

from beamlens.skills.interpreter.births import births
from beamlens.skills.interpreter.places import Place, application_place, code_place, owner_of, place_of, stack_of
from beamlens.skills.interpreter.trend import growth

__all__ = ["ThreadHistory", "ThreadKind", "kind_of", "thread_groups", "threads_by_ident"]

_DIGITS: Final = re.compile(r"\d+")
_NAMES: Final = 3
_WINDOW: Final = 120
_JUDGED: Final = 60.0
_LEAST_SECONDS: Final = 6.0
_LEAST_CHANGE: Final = 8
_MOST_KINDS: Final = 500
_POOL: Final = "concurrent/futures/thread.py"
_LOOPS_POOL: Final = "anyio/_backends/_asyncio.py"


@dataclass(frozen=True, slots=True)
class ThreadKind:
    """Say what kind of thread one is: threads of one kind have the same birth and run the same function.

    Args:
        born: the line that started it; None where that was not seen.
        runs: the function that it runs, at its first line.
        own: it is one of this package's.
    """

    born: Place | None
    runs: Place | None
    own: bool = False

    @property
    def key(self) -> str:
        """Name the kind for people: its birthplace, or else what it runs."""
        place = self.born or self.runs
        return place.at if place is not None else "unknown"


def threads_by_ident() -> dict[int, threading.Thread]:
    """Return the threads that `threading` knows, by ident, daemon ones too."""
    return {thread.ident: thread for thread in threading.enumerate() if thread.ident is not None}


def kind_of(thread: threading.Thread) -> ThreadKind:
    """Return the kind of a thread, without reading its stack."""
    runs = _runs(thread)
    own = thread.name.startswith("beamlens-") or (runs is not None and runs.owner == "own")
    return ThreadKind(births.place(thread), runs, own)


def _runs(thread: threading.Thread) -> Place | None:
    target = thread.__dict__.get("_target")
    if target is None:
        target = type(thread).run
        if target is threading.Thread.run:
            return None
    while True:
        inner = getattr(target, "func", None) if type(target).__name__ == "partial" else None
        if inner is None:
            break
        target = inner
    function = target.__func__ if isinstance(target, MethodType) else target
    return code_place(function.__code__) if isinstance(function, FunctionType) else None


def _pool_size(thread: threading.Thread, file: str) -> tuple[int, int] | None:
    """Return the identity of what owns a pool's thread, and how many threads that may have; None: it is no pool's.

    Args:
        thread: to look at.
        file: of the function that it runs.
    """
    if file.endswith(_LOOPS_POOL):
        # Its event loop's, where limiters, which are not to be seen from here, bound the number: 40 unless told.
        loop = thread.__dict__.get("loop")
        return None if loop is None else (id(loop), sys.maxsize)
    if not file.endswith(_POOL):
        return None
    args = thread.__dict__.get("_args") or ()
    executor = args[0]() if args and isinstance(args[0], weakref.ref) else None
    most = getattr(executor, "_max_workers", None)
    return (id(executor), most) if isinstance(most, int) else None


@dataclass(slots=True)
class _Series:
    points: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=_WINDOW))
    bound: int | None = None


class ThreadHistory:
    """Count the threads of each kind over time. One thread only (the sampler's); `growing` from any.

    Attributes:
        native_ids: the kernel's ids of the threads at the last look, by ident.
        own: the idents of this package's threads at the last look.
    """

    def __init__(self) -> None:
        self._kinds: dict[int, tuple[int, ThreadKind]] = {}
        self.native_ids: dict[int, int] = {}
        self.own: frozenset[int] = frozenset()
        self._series: dict[ThreadKind, _Series] = {}

    def look(self, now: float) -> None:
        """Count; call it about once a second.

        Args:
            now: `time.monotonic()`.
        """
        threads = threads_by_ident()
        births.forget(set(threads))
        known = self._kinds
        self._kinds = {ident: self._known(known.get(ident), thread) for ident, thread in threads.items()}
        self.native_ids = {ident: thread.native_id for ident, thread in threads.items() if thread.native_id is not None}
        self.own = frozenset(ident for ident, (_, kind) in self._kinds.items() if kind.own)
        counts = Counter(kind for _, kind in self._kinds.values() if not kind.own)
        bounds = _bounds(threads, self._kinds)
        for kind in list(counts.keys() | self._series.keys()):
            series = self._series.get(kind)
            if series is None:
                if len(self._series) >= _MOST_KINDS:
                    continue
                series = self._series[kind] = _Series()
            series.points.append((now, float(counts[kind])))
            series.bound = bounds.get(kind, series.bound)  # an executor can be gone before its threads are
        for kind in [k for k, s in self._series.items() if not any(level for _, level in s.points)]:
            del self._series[kind]

    @staticmethod
    def _known(before: tuple[int, ThreadKind] | None, thread: threading.Thread) -> tuple[int, ThreadKind]:
        # A thread can be seen running a moment before its birth is written down.
        if before is not None and before[0] == id(thread) and (before[1].born or births.place(thread) is None):
            return before
        return id(thread), kind_of(thread)

    def growing(self) -> list[dict[str, Any]]:
        """Return the kinds whose number keeps growing, the fastest first; a pool below its bound is not one."""
        found = []
        for kind, series in list(self._series.items()):
            points = _recent(list(series.points))
            moved = growth(points, _LEAST_SECONDS)
            if moved is None or not moved.steady or moved.change < _LEAST_CHANGE:
                continue
            if series.bound is not None and points[-1][1] <= series.bound:
                continue
            found.append(
                {
                    **_described(kind),
                    "count": int(points[-1][1]),
                    "change": int(moved.change),
                    "per_minute": round(moved.per_minute, 1),
                    "seconds": round(moved.seconds, 1),
                }
            )
        return sorted(found, key=lambda each: -each["per_minute"])

    def change(self, kind: ThreadKind) -> float | None:
        """Return by how many threads a minute a kind grows, negative if it sinks; None if not known yet."""
        series = self._series.get(kind)
        moved = None if series is None else growth(_recent(list(series.points)), _LEAST_SECONDS)
        return None if moved is None else round(moved.per_minute, 1)


def _recent(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points of the judged window, from the last one before the first change on."""
    points = [point for point in points if point[0] >= points[-1][0] - _JUDGED]
    # Seconds in which nothing had begun yet say nothing about whether it goes on.
    first = next((at for at, point in enumerate(points) if point[1] != points[0][1]), 1)
    return points[max(0, first - 1) :]


def _bounds(
    threads: Mapping[int, threading.Thread], kinds: Mapping[int, tuple[int, ThreadKind]]
) -> dict[ThreadKind, int | None]:
    """Return for each kind of pools' threads how many there may be: None if there are several pools of a kind."""
    pools: dict[ThreadKind, dict[int, int]] = {}
    for ident, thread in threads.items():
        kind = kinds[ident][1]
        size = None if kind.runs is None else _pool_size(thread, kind.runs.file)
        if size is not None:
            pools.setdefault(kind, {})[size[0]] = size[1]
    return {kind: sum(sizes.values()) if len(sizes) == 1 else None for kind, sizes in pools.items()}


def _described(kind: ThreadKind) -> dict[str, Any]:
    return {
        "born": kind.born.at if kind.born is not None else None,
        "born_in": kind.born.function if kind.born is not None else None,
        "runs": str(kind.runs) if kind.runs is not None else None,
        "key": kind.key,
    }


def thread_groups(history: ThreadHistory, limit: int) -> dict[str, Any]:
    """Return the threads grouped by kind, the largest group first.

    Args:
        history: for the slopes.
        limit: groups at most.
    """
    began = time.perf_counter()
    threads, frames = threads_by_ident(), sys._current_frames()
    groups: dict[ThreadKind, list[threading.Thread]] = {}
    for thread in threads.values():
        groups.setdefault(kind_of(thread), []).append(thread)
    ordered = sorted(groups.items(), key=lambda item: -len(item[1]))
    shown = [_group(history, kind, members, frames) for kind, members in ordered[:limit]]
    unknown = len(frames.keys() - threads.keys())
    del frames
    return {
        "total": len(threads),
        "daemon": sum(thread.daemon for thread in threads.values()),
        "unknown_to_threading": unknown,
        "groups": shown,
        "groups_not_shown": max(0, len(ordered) - limit),
        "cost_ms": round((time.perf_counter() - began) * 1e3, 2),
    }


def _group(
    history: ThreadHistory, kind: ThreadKind, members: list[threading.Thread], frames: Mapping[int, FrameType]
) -> dict[str, Any]:
    stands = Counter(
        str(place) for thread in members[:200] if (place := _stands(frames.get(thread.ident or 0))) is not None
    )
    return {
        **_described(kind),
        "own": kind.own,
        "count": len(members),
        "daemon": sum(thread.daemon for thread in members),
        "names": _name_patterns(members),
        "per_minute": None if kind.own else history.change(kind),
        "stands_at": [{"at": at, "threads": count} for at, count in stands.most_common(3)],
    }


def _stands(frame: FrameType | None) -> Place | None:
    if frame is None:
        return None
    outer = [each for each in stack_of(frame) if owner_of(each.f_code.co_filename) != "standard"]
    return application_place(frame) or place_of(outer[0] if outer else frame)


def _name_patterns(members: Iterable[threading.Thread]) -> list[str]:
    patterns = Counter(_DIGITS.sub("#", thread.name)[:80] for thread in members)
    return [name for name, _ in patterns.most_common(_NAMES)]
