"""What all threads do: stacks grouped by where they stand, and sampled over a while by who uses the processor."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Final

from beamlens.skills.interpreter.places import Place, application_place, place_of, stack_of
from beamlens.skills.interpreter.procfs import thread_cpu_ns
from beamlens.skills.interpreter.threads import kind_of, threads_by_ident

__all__ = ["Profile", "own_idents", "sample_profile", "thread_stacks"]

_DEPTH: Final = 40
_MOST_THREADS: Final = 200
_BUSY_PART: Final = 0.2
_LONGEST_STEP: Final = 0.2
_LOOP_CALLS: Final = ("Handle._run", "BaseEventLoop._run_once", "BaseEventLoop.run_forever", "Runner.run")


def own_idents() -> set[int]:
    """Return the idents of this package's threads, which are left out of what is shown."""
    return {ident for ident, thread in threads_by_ident().items() if kind_of(thread).own} | {threading.get_ident()}


def thread_stacks(limit: int) -> dict[str, Any]:
    """Return the stacks of all threads now, equal ones once, the most frequent first; without values of variables.

    Args:
        limit: stacks at most.
    """
    began = time.perf_counter()
    own = own_idents()
    threads = threads_by_ident()
    frames = {ident: frame for ident, frame in sys._current_frames().items() if ident not in own}
    groups: dict[tuple[Place, ...], list[int]] = defaultdict(list)
    for ident, frame in list(frames.items())[:_MOST_THREADS]:
        groups[tuple(place_of(each) for each in stack_of(frame, _DEPTH))].append(ident)
    stands = {ident: application_place(frame) for ident, frame in frames.items()}
    count = len(frames)
    frames.clear()
    ordered = sorted(groups.items(), key=lambda item: -len(item[1]))
    return {
        "threads": count,
        "not_looked_at": max(0, count - _MOST_THREADS),
        "stacks": [_stack(places, idents, threads, stands) for places, idents in ordered[:limit]],
        "stacks_not_shown": max(0, len(ordered) - limit),
        "cost_ms": round((time.perf_counter() - began) * 1e3, 2),
    }


def _stack(
    places: tuple[Place, ...],
    idents: list[int],
    threads: Mapping[int, threading.Thread],
    stands: Mapping[int, Place | None],
) -> dict[str, Any]:
    at = stands[idents[0]]
    return {
        "threads": len(idents),
        "names": sorted({threads[ident].name[:80] for ident in idents if ident in threads})[:3],
        "at": at.at if at is not None else None,
        "frames": [str(place) for place in places],
    }


@dataclass(slots=True)
class Profile:
    """Hold what was sampled.

    Args:
        samples: times that all threads were looked at.
        busy: samples of threads that used the processor since the look before.
        seconds: how long it took.
        own, total, entries: busy samples by innermost function, by any function of the stack, by outermost function of
            the application's (a request handler, a worker's function).
        stacks: samples by whole stack, outermost first; of busy threads, or of all.
    """

    samples: int = 0
    busy: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    own: Counter[Place] = field(default_factory=Counter)
    total: Counter[tuple[str, str]] = field(default_factory=Counter)
    entries: Counter[tuple[str, str]] = field(default_factory=Counter)
    stacks: Counter[tuple[str, ...]] = field(default_factory=Counter)
    weighed: bool = True


def sample_profile(seconds: float, hertz: float, *, waiting_too: bool = False) -> Profile:
    """Look at all threads again and again and return what was seen. Takes `seconds`; blocks the calling thread.

    A thread counts where its own processor clock went on since the look before, so that waiting threads do not; on
    platforms without such clocks all count, and `weighed` is False.

    Args:
        seconds: how long.
        hertz: looks a second; fewer where a look is slow, so that sampling takes at most a twentieth of a core.
        waiting_too: keep the stacks of waiting threads as well.
    """
    profile = Profile()
    own, natives, clocks = own_idents(), _native_ids(), dict[int, int]()
    began, cpu_began = time.perf_counter(), time.process_time()
    before = began
    _look(profile, own, natives, clocks, 0.0, waiting_too)
    profile = Profile(weighed=profile.weighed)
    while (now := time.perf_counter()) - began < seconds:
        cost = _timed_look(profile, own, natives, clocks, now - before, waiting_too)
        before = now
        time.sleep(min(_LONGEST_STEP, max(1.0 / hertz, cost * 20)))
        if profile.samples % 20 == 0:
            own, natives = own_idents(), _native_ids()
    profile.seconds = time.perf_counter() - began
    profile.cpu_seconds = time.process_time() - cpu_began
    return profile


def _native_ids() -> dict[int, int]:
    return {ident: thread.native_id for ident, thread in threads_by_ident().items() if thread.native_id is not None}


def _timed_look(
    profile: Profile, own: set[int], natives: Mapping[int, int], clocks: dict[int, int], step: float, all_too: bool
) -> float:
    began = time.thread_time()
    _look(profile, own, natives, clocks, step, all_too)
    return time.thread_time() - began


def _look(
    profile: Profile, own: set[int], natives: Mapping[int, int], clocks: dict[int, int], step: float, all_too: bool
) -> None:
    profile.samples += 1
    for ident, frame in list(sys._current_frames().items())[: _MOST_THREADS + len(own)]:
        if ident in own:
            continue
        busy = _busy(profile, ident, natives.get(ident), clocks, step)
        if busy:
            _count(profile, frame)
        if busy or all_too:
            profile.stacks[_folded(frame)] += 1


def _busy(profile: Profile, ident: int, native: int | None, clocks: dict[int, int], step: float) -> bool:
    used = thread_cpu_ns(native)
    if used is None:
        # Only where this platform has no such clocks at all; else the thread has just begun or ended.
        profile.weighed = profile.weighed and thread_cpu_ns(threading.get_native_id()) is not None
        return not profile.weighed
    before = clocks.get(ident)
    clocks[ident] = used
    return before is not None and used - before > step * 1e9 * _BUSY_PART


def _count(profile: Profile, frame: FrameType) -> None:
    profile.busy += 1
    places = [place_of(each) for each in stack_of(frame, _DEPTH)]
    profile.own[places[0]] += 1
    for each in {(place.file, place.function) for place in places}:
        profile.total[each] += 1
    entry = _entry(places)
    if entry is not None:
        profile.entries[(entry.file, entry.function)] += 1


def _entry(places: Sequence[Place]) -> Place | None:
    """Return the outermost function of the application's within a thread, or within an event loop's callback."""
    entry = None
    for place in places:
        if place.function in _LOOP_CALLS and place.owner == "standard":
            break
        entry = place if place.owner == "application" else entry
    return entry


def _folded(frame: FrameType) -> tuple[str, ...]:
    places: Iterable[Place] = (place_of(each) for each in stack_of(frame, _DEPTH))
    return tuple(f"{place.file}:{place.function}" for place in places)[::-1]
