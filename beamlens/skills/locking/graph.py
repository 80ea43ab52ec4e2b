"""Who waits for whom: threads that stand before a lock, who holds it, and the circles in which none can go on."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any, Final

from beamlens.skills.interpreter.locks import Lock, asked_for, lock_of, may_wait
from beamlens.skills.interpreter.places import Place, application_place, place_of, stack_of
from beamlens.skills.interpreter.procfs import thread_cpu_ns
from beamlens.skills.interpreter.with_locks import Block, within
from beamlens.skills.locking.resolve import is_with, locked, owner_ident, resolve
from beamlens.skills.waits.ticker import Look

__all__ = ["Deadlock", "WaitGraph"]

_STUCK_SECONDS: Final = 1.0
_UNCERTAIN_SECONDS: Final = 10.0
_STILL_NS: Final = 1_000_000
_MOST_STUCK: Final = 100
_DEPTH: Final = 60
_WAITED: Final = 0.25


@dataclass(frozen=True, slots=True)
class _Standing:
    code: CodeType
    offset: int
    frame_id: int
    cpu: int | None
    since: float


@dataclass(frozen=True, slots=True)
class Waiter:
    """Say who waits for what.

    Args:
        ident, thread: of the thread that waits.
        lock: which, by name.
        at: the application's line.
        since: `time.monotonic()` when it was first seen there.
        holder: ident of the thread that holds the lock, where that is known for certain.
        holder_at: where that thread stands.
    """

    ident: int
    thread: str
    lock: Lock
    at: Place
    since: float
    holder: int | None = None
    holder_thread: str | None = None
    holder_at: Place | None = None

    def told(self, now: float) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "thread": self.thread,
            "lock": name_of(self.lock),
            "at": self.at.at,
            "func": self.at.function,
            "seconds": round(now - self.since, 1),
            "holder_thread": self.holder_thread,
            "holder_at": self.holder_at.at if self.holder_at is not None else None,
            "holder_func": self.holder_at.function if self.holder_at is not None else None,
        }


@dataclass(frozen=True, slots=True)
class Deadlock:
    """Hold one circle: each waits for what the next holds."""

    waiters: tuple[Waiter, ...]
    since: float

    @property
    def key(self) -> str:
        """Name it by its lines."""
        return " -> ".join(waiter.at.at for waiter in self.waiters)

    def told(self, now: float) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "key": self.key,
            "seconds": round(now - self.since, 1),
            "threads": [waiter.told(now) for waiter in self.waiters],
        }


@dataclass(slots=True)
class _Stuck:
    waiter: Waiter
    lock: Any
    top: FrameType
    asked: FrameType


def name_of(lock: Lock) -> str:
    """Return `shop.stock.Stock: self._lock`."""
    return f"{lock.scope}: {lock.expression}" if lock.scope else lock.expression


class WaitGraph:
    """Look at the threads' tops; keep what waits and the circles. Looked at by the ticker's thread, read from any.

    Whom a thread waits for is known for certain only of the lock itself, which is looked up once a thread has stood
    still before it for a second. A reentrant lock knows its owner; the holder of another one is found among threads
    that stand still too, inside a `with` block of the very lock: so no two locks of one name are mixed up.
    """

    def __init__(self) -> None:
        self._standing: dict[int, _Standing] = {}
        self._circles: dict[frozenset[int], float] = {}
        self.waiters: tuple[Waiter, ...] = ()
        self.deadlocks: tuple[Deadlock, ...] = ()

    def look(self, look: Look) -> None:
        """Look once; about twice a second.

        Args:
            look: the tick.
        """
        self._standing = self._now_standing(look)
        stuck: dict[int, _Stuck] = {}
        waiters: list[Waiter] = []
        for ident, standing in self._standing.items():
            top = look.frames[ident]
            found = asked_for(top)
            if found is None or look.now - standing.since < _WAITED:
                continue
            asked, block = found
            waiter = Waiter(ident, _name(look.threads, ident), lock_of(asked, block), _line(asked), standing.since)
            waiters.append(waiter)
            if look.now - standing.since >= _STUCK_SECONDS and len(stuck) < _MOST_STUCK:
                lock = resolve(asked, block.expression)
                if lock is not None and locked(lock):
                    stuck[ident] = _Stuck(waiter, lock, top, asked)
        self._judge(look, waiters, stuck)

    def _now_standing(self, look: Look) -> dict[int, _Standing]:
        return {
            ident: standing
            for ident, frame in look.frames.items()
            if may_wait(frame.f_code) and asked_for(frame) is not None
            for standing in [self._stands(look, ident, frame)]
        }

    def _stands(self, look: Look, ident: int, frame: FrameType) -> _Standing:
        cpu = thread_cpu_ns(look.native_ids.get(ident))
        before = self._standing.get(ident)
        same = before is not None and (before.code, before.offset, before.frame_id) == (
            frame.f_code, frame.f_lasti, id(frame),
        )  # fmt: skip
        still = same and before is not None and (before.cpu is None or cpu is None or cpu - before.cpu < _STILL_NS)
        since = before.since if before is not None and still else look.now
        return _Standing(frame.f_code, frame.f_lasti, id(frame), cpu, since)

    def _judge(self, look: Look, waiters: list[Waiter], stuck: dict[int, _Stuck]) -> None:
        holders = {ident: _holder(each, stuck) for ident, each in stuck.items()}
        self.waiters = tuple(
            _with_holder(look, waiter, holders.get(waiter.ident)) for waiter in sorted(waiters, key=lambda w: w.since)
        )
        by_ident = {waiter.ident: waiter for waiter in self.waiters}
        circles = _circles({ident: found[0] for ident, found in holders.items() if found is not None})
        self._circles = {frozenset(circle): self._circles.get(frozenset(circle), look.now) for circle in circles}
        self.deadlocks = tuple(
            Deadlock(tuple(by_ident[ident] for ident in circle), max(by_ident[ident].since for ident in circle))
            for circle in circles
            if all((found := holders[ident]) is not None and found[1] for ident in circle)
            or look.now - self._circles[frozenset(circle)] >= _UNCERTAIN_SECONDS
        )


def _holder(one: _Stuck, stuck: Mapping[int, _Stuck]) -> tuple[int, bool] | None:
    """Return who holds the lock that one waits for, and whether that is certain; None if it is not known."""
    owner = owner_ident(one.lock)
    if owner is not None:
        return owner, True
    for ident, other in stuck.items():
        for frame in stack_of(other.top, _DEPTH):
            for block in within(frame):
                if _may_hold(frame, block, other) and resolve(frame, block.expression) is one.lock:
                    return ident, is_with(frame, block)
    return None


def _may_hold(frame: FrameType, block: Block, other: _Stuck) -> bool:
    """Say whether standing in a block means to hold its lock: not so after an `acquire` without its `release`."""
    if block.expression == "?":
        return False
    return is_with(frame, block) or (frame is not other.asked and block.last < len(frame.f_code.co_code))


def _circles(waits: Mapping[int, int]) -> list[tuple[int, ...]]:
    """Return the circles of a graph in which each has one successor at most."""
    found: list[tuple[int, ...]] = []
    done: set[int] = set()
    for start in waits:
        path: list[int] = []
        each = start
        while each in waits and each not in done and each not in path:
            path.append(each)
            each = waits[each]
        if each in path:
            found.append(tuple(path[path.index(each) :]))
        done.update(path)
    return found


def _with_holder(look: Look, waiter: Waiter, found: tuple[int, bool] | None) -> Waiter:
    if found is None:
        return waiter
    frame = look.frames.get(found[0])
    return Waiter(
        waiter.ident,
        waiter.thread,
        waiter.lock,
        waiter.at,
        waiter.since,
        holder=found[0],
        holder_thread=_name(look.threads, found[0]),
        holder_at=_line(frame) if frame is not None else None,
    )


def _line(frame: FrameType) -> Place:
    return application_place(frame) or place_of(frame)


def _name(threads: Mapping[int, threading.Thread], ident: int) -> str:
    thread = threads.get(ident)
    return thread.name[:80] if thread is not None else f"thread {ident}"
