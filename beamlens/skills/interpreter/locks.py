"""Threads that wait for a lock, who holds it meanwhile and what the holder does, found in the stacks alone."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from statistics import mean
from types import CodeType, FrameType
from typing import Any, Final, Literal

from beamlens.skills.interpreter.places import Place, application_place, owner_of, place_of, stack_of
from beamlens.skills.interpreter.procfs import thread_cpu_ns, thread_syscall
from beamlens.skills.interpreter.threads import threads_by_ident
from beamlens.skills.interpreter.with_locks import Block, called_name, entering, supported, within

__all__ = ["Lock", "LockHistory", "asked_for", "lock_of", "may_wait"]

_WINDOW: Final = 15.0
_TICKS: Final = 400
_STILL_NS: Final = 500_000
_DEPTH: Final = 60
_MOST_THREADS: Final = 300
_SLEEPS: Final = ("nanosleep", "clock_nanosleep")
_INSIDE: Final = ("Condition.__enter__", "Handler.acquire")  # of threading and logging; who called them asks
_ITSELF: Final = ("Handler.handle", "StreamHandler.flush")  # of logging, where they take the lock from Python 3.13 on

HolderState = Literal["io", "sleep", "lock", "running", "unknown"]


@dataclass(frozen=True, slots=True)
class Lock:
    """Tell locks apart without having them: by expression, and whose `self` it is or which module's name."""

    expression: str
    scope: str


@dataclass(slots=True)
class _Point:
    """Hold where a thread stood at the last look; `since` when it was first seen waiting there."""

    code: CodeType
    at: int
    cpu: int | None = None
    since: float | None = None


@dataclass(frozen=True, slots=True)
class _Holder:
    ident: int
    thread: str
    place: Place
    state: HolderState
    doing: str | None


@dataclass(frozen=True, slots=True)
class _Seen:
    lock: Lock
    waiting: int
    longest: float
    waits_at: Place
    holder: _Holder | None


class LockHistory:
    """Look at the threads' tops at each tick of the sampler; keep what was seen for a quarter of a minute.

    A thread counts as waiting once it stood on the same instruction at two looks, this instruction takes a lock, and
    its processor clock stood still in between. So waits shorter than a tick are not seen, nor is anything taken for a
    wait that is none. Locks are told apart by expression and class or module: two instances of one class count as one.
    """

    def __init__(self) -> None:
        self._points: dict[int, _Point] = {}
        self._ticks: deque[tuple[float, tuple[_Seen, ...]]] = deque(maxlen=_TICKS)

    def look(self, now: float, frames: Mapping[int, FrameType], native_ids: Mapping[int, int]) -> None:
        """Look once.

        Args:
            now: `time.monotonic()`.
            frames: the innermost frame of each thread that is to be looked at.
            native_ids: the kernel's ids of the threads, by ident, as far as known.
        """
        if not supported():
            return
        waiting: dict[Lock, list[tuple[int, float, Place]]] = {}
        points: dict[int, _Point] = {}
        for ident, frame in frames.items():
            point = points[ident] = self._point(self._points.get(ident), frame, native_ids.get(ident), now)
            if point.since is not None:
                found = _waits_for(frame)
                if found is not None:
                    waiting.setdefault(found[0], []).append((ident, now - point.since, found[1]))
        self._points = points
        seen = tuple(_seen(lock, waiters, frames) for lock, waiters in waiting.items())
        self._ticks.append((now, seen))

    @staticmethod
    def _point(before: _Point | None, frame: FrameType, native_id: int | None, now: float) -> _Point:
        code, at = frame.f_code, frame.f_lasti
        if before is None or before.code is not code or before.at != at:
            return _Point(code, at)
        if not may_wait(code) or asked_for(frame) is None:
            return before
        cpu = thread_cpu_ns(native_id)
        still = before.cpu is None or cpu is None or cpu - before.cpu < _STILL_NS
        since = before.since if still else None
        return _Point(code, at, cpu, since if since is not None else now)

    def snapshot(self) -> dict[str, Any]:
        """Return how many threads wait now, and the lock that is waited for the most."""
        rows = self.contended(1)
        last = self._ticks[-1][1] if self._ticks else ()
        return {
            "waiting": sum(each.waiting for each in last) if supported() else None,
            "worst": rows[0] if rows else None,
        }

    def contended(self, limit: int) -> list[dict[str, Any]]:
        """Return the locks that were waited for in the last quarter of a minute, the most waited for first.

        Args:
            limit: how many at most.
        """
        ticks = list(self._ticks)
        ticks = [tick for tick in ticks if tick[0] >= ticks[-1][0] - _WINDOW]
        by_lock: dict[Lock, list[_Seen]] = {}
        for _, seen in ticks:
            for each in seen:
                by_lock.setdefault(each.lock, []).append(each)
        rows = [_row(lock, seen, len(ticks)) for lock, seen in by_lock.items()]
        return sorted(rows, key=lambda row: -(row["contended_part"] * row["waiting_mean"]))[:limit]


@lru_cache(maxsize=8192)
def may_wait(code: CodeType) -> bool:
    """Say whether a thread that stands in this code may wait for a lock; idle ones stand in the standard library."""
    # Waiting inside of the standard library is what idle threads do: for a condition, a queue, the end of a thread.
    return code.co_qualname in _INSIDE + _ITSELF or owner_of(code.co_filename) != "standard"


def asked_for(frame: FrameType) -> tuple[FrameType, Block] | None:
    """Return the frame that asks for a lock, and the block that it is about to enter; None if it asks for none."""
    asked = frame.f_back if frame.f_code.co_qualname in _INSIDE else frame
    block = entering(asked) if asked is not None else None
    return (asked, block) if asked is not None and block is not None else None


def _waits_for(frame: FrameType) -> tuple[Lock, Place] | None:
    """Return the lock that a thread stands before, and the application's line."""
    found = asked_for(frame) if may_wait(frame.f_code) else None
    return (lock_of(*found), application_place(found[0]) or place_of(found[0])) if found is not None else None


def lock_of(frame: FrameType, block: Block) -> Lock:
    """Return what names the lock of a block: its expression, and whose it is."""
    first = block.expression.split(".", 1)[0]
    module = str(frame.f_globals.get("__name__", "?"))
    if first in ("self", "cls"):
        return Lock(block.expression, f"{module}.{frame.f_code.co_qualname.rpartition('.')[0]}")
    if "." in block.expression:
        return Lock(block.expression.rpartition(".")[2], "")
    return Lock(block.expression, module if block.expression != "?" else frame.f_code.co_qualname)


def _seen(
    lock: Lock,
    waiters: list[tuple[int, float, Place]],
    frames: Mapping[int, FrameType],
) -> _Seen:
    places = Counter(place for _, _, place in waiters)
    holder = _holder(lock, {ident for ident, _, _ in waiters}, frames)
    return _Seen(lock, len(waiters), max(longest for _, longest, _ in waiters), places.most_common(1)[0][0], holder)


def _holder(lock: Lock, waiters: set[int], frames: Mapping[int, FrameType]) -> _Holder | None:
    for ident, top in frames.items():
        if ident in waiters:
            continue
        for frame in _frames_that_know(lock, top):
            if any(lock_of(frame, block) == lock for block in within(frame)):
                return _described(ident, top, threads_by_ident().get(ident))
    return None


def _frames_that_know(lock: Lock, top: FrameType) -> Iterator[FrameType]:
    name = lock.expression.rpartition(".")[2]
    for frame in stack_of(top, _DEPTH):
        code = frame.f_code
        # Only code that has the lock's name can stand inside of its block: the others need not be read.
        if name in code.co_names or name in code.co_varnames or name in code.co_freevars:
            yield frame


def _described(ident: int, top: FrameType, thread: threading.Thread | None) -> _Holder:
    place = application_place(top) or place_of(top)
    doing = called_name(top.f_code, top.f_lasti) or top.f_code.co_qualname
    name = thread.name[:80] if thread is not None else "?"
    return _Holder(ident, name, place, _state(top, thread), doing)


def _state(top: FrameType, thread: threading.Thread | None) -> HolderState:
    if _waits_for(top) is not None:
        return "lock"
    call = thread_syscall(thread.native_id if thread is not None else None)
    if call is None:
        return "unknown"
    if call in ("running", "futex"):  # a futex is also how a thread waits for the interpreter lock
        return "running"
    return "sleep" if call in _SLEEPS else "io"


def _row(lock: Lock, seen: list[_Seen], ticks: int) -> dict[str, Any]:
    holders = [each.holder for each in seen if each.holder is not None]
    stands = Counter(holder.place for holder in holders)
    states = Counter(holder.state for holder in holders)
    doing = Counter(holder.doing for holder in holders if holder.place == stands.most_common(1)[0][0])
    last = next((each for each in reversed(seen) if each.holder is not None), None)
    place = stands.most_common(1)[0][0] if stands else None
    return {
        "lock": f"{lock.scope}: {lock.expression}" if lock.scope else lock.expression,
        "waiting": seen[-1].waiting,
        "waiting_mean": round(mean(each.waiting for each in seen), 2),
        "waiting_max": max(each.waiting for each in seen),
        "longest_wait_ms": round(max(each.longest for each in seen) * 1e3, 1),
        "contended_part": round(len(seen) / max(1, ticks), 3),
        "looks": ticks,
        "waits_at": Counter(each.waits_at.at for each in seen).most_common(1)[0][0],
        "holder_at": place.at if place is not None else None,
        "holder_function": place.function if place is not None else None,
        "holder_thread": last.holder.thread if last is not None and last.holder is not None else None,
        "holder_doing": doing.most_common(1)[0][0] if doing else None,
        "holder_states": dict(states),
        "holder_waits_part": round((states["io"] + states["sleep"]) / len(holders), 3) if holders else None,
    }
