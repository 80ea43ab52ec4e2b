"""The event loops of this process, found without registration; their lag, and what blocks them while it lasts.

A loop is found in the stack of the thread that runs it. From then on a heartbeat is sent into it at each tick: a
callback that notes when it ran. One that is overdue says that the loop is blocked, and the thread's stack says where.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median, quantiles
from types import FrameType
from typing import Any, Final

from beamlens.skills.interpreter.places import Place, owner_of, place_of, stack_of
from beamlens.skills.interpreter.starvation import Starvation
from beamlens.skills.interpreter.with_locks import called_name

__all__ = ["BLOCKED_SECONDS", "Block", "LoopWatch", "blocking_place", "loop_of", "standing_at", "usual_place"]

BLOCKED_SECONDS: Final = 0.1
"""How late a heartbeat is before its loop counts as blocked."""

_BLOCKS: Final = 50
_KEPT: Final = 300
_DEPTH: Final = 200
_MOST_THREADS: Final = 100
_FIND_SECONDS: Final = 0.5
_RECENT: Final = 60.0
_RUNNERS: Final = {
    "Runner.run": "_loop",  # the way in for loops of C code, such as uvloop's
    "BaseEventLoop.run_forever": "",
    "BaseEventLoop.run_until_complete": "",
}
_ONE_ROUND: Final = "BaseEventLoop._run_once"
_LOOP_ITSELF: Final = ("Handle._run", _ONE_ROUND, "BaseEventLoop.run_forever", "Runner.run")
_ASYNCIO: Final = f"{os.sep}asyncio{os.sep}"
_NEVER_BLOCK: Final = frozenset({"send", "sendmsg", "sendto", "recv", "recv_into", "recvfrom", "accept"})
_STARTS_THREAD: Final = ("Condition.wait", "Event.wait", "Thread.start")


@dataclass(slots=True)
class Block:
    """Hold one time that a loop was blocked.

    Args:
        began: `time.monotonic()` of the heartbeat that was late.
        seconds: how long so far, or in all.
        over: whether it is over.
        starved: how much of that there was no processor for the thread, or for who held the interpreter lock: no line
            of its own did that.
        places: looks at the stack meanwhile, by the application's innermost line.
        doing: what that line called, as far as it can be told.
    """

    began: float
    seconds: float
    over: bool = False
    starved: float = 0.0
    places: Counter[Place] = field(default_factory=Counter)
    doing: Counter[str] = field(default_factory=Counter)

    @property
    def own(self) -> float:
        """How long it was blocked by what it did itself, in seconds."""
        return max(0.0, self.seconds - self.starved)

    @property
    def counts(self) -> bool:
        """Whether that is long enough to be told of."""
        return self.own >= BLOCKED_SECONDS

    def note(self, place: Place | None, doing: str) -> None:
        """Count one look."""
        if place is not None:
            self.places[place] += 1
            self.doing[doing] += 1

    def to_dict(self, now: float) -> dict[str, Any]:
        """Return it as plain data; `ago_seconds` since it began."""
        place = self.places.most_common(1)[0] if self.places else None
        return {
            "ms": round(self.seconds * 1e3, 1),
            "starved_ms": round(self.starved * 1e3, 1),
            "over": self.over,
            "ago_seconds": round(now - self.began, 1),
            "at": place[0].at if place is not None else None,
            "func": place[0].function if place is not None else None,
            "doing": self.doing.most_common(1)[0][0] if self.doing else None,
            "looks": self.places.total(),
            "looks_at_this_line": place[1] if place is not None else 0,
        }


class _Watched:
    """Hold what is known of one loop; the loop itself only weakly."""

    def __init__(self, loop: Any, ident: int, native_id: int | None) -> None:
        self.loop = weakref.ref(loop)
        self.kind = f"{type(loop).__module__}.{type(loop).__qualname__}"
        self.ident = ident
        self.sent: float | None = None
        self._native_id = native_id
        self._starvation = Starvation(native_id)  # since the heartbeat was sent
        self.lags: deque[tuple[float, float]] = deque(maxlen=_KEPT)
        self.blocks: deque[Block] = deque(maxlen=_BLOCKS)
        self.block: Block | None = None
        self.block_count = 0
        self._arrived: deque[float] = deque(maxlen=8)

    def beat(self, now: float) -> None:
        """Send a heartbeat if none is on its way."""
        loop = self.loop()
        if loop is None or self.sent is not None:
            return
        arrived = self._arrived
        self.sent, self._starvation = now, Starvation(self._native_id)
        try:
            loop.call_soon_threadsafe(lambda: arrived.append(time.monotonic()))
        except RuntimeError:  # it was closed meanwhile
            self.sent = None

    def listen(self, now: float) -> None:
        """Note the heartbeat that arrived, and with it the end of a block."""
        if self.sent is None or not self._arrived:
            return
        lag = max(0.0, self._arrived.popleft() - self.sent)
        self.sent = None
        self.lags.append((now, lag))
        if self.block is not None:
            # A wait is counted by the kernel when it is over, so it may have begun long before the last look.
            self.block.seconds, self.block.starved, self.block.over = lag, self._starvation.seconds(lag), True
            self.block = None

    def look(self, now: float, frame: FrameType | None, native_ids: Iterable[int]) -> None:
        """Note where the loop's thread stands, if its heartbeat is overdue."""
        if self.sent is None or now - self.sent < BLOCKED_SECONDS or frame is None:
            return
        place, doing = standing_at(frame)  # first: the question after it lets go of the interpreter lock
        self._starvation.look(native_ids)
        seconds = now - self.sent
        starved = self._starvation.seconds(seconds)
        if self.block is None:
            if seconds - starved < BLOCKED_SECONDS:
                return
            self.block = Block(self.sent, seconds)
            self.blocks.append(self.block)
            self.block_count += 1
        self.block.seconds, self.block.starved = seconds, starved
        self.block.note(place, doing)

    def snapshot(self, now: float, threads: Mapping[int, threading.Thread]) -> dict[str, Any]:
        """Return how the loop stands, with the lags and blocks of the last minute."""
        lags = [lag * 1e3 for when, lag in list(self.lags) if when >= now - _RECENT]
        blocks = [block for block in list(self.blocks) if block.counts and block.began + block.seconds >= now - _RECENT]
        longest = max(blocks, key=lambda block: block.own, default=None)
        going_on = self.block
        thread = threads.get(self.ident)
        return {
            "kind": self.kind,
            "thread": thread.name[:80] if thread is not None else None,
            "lag_ms": round(lags[-1], 2) if lags else None,
            "lag_ms_p50": round(median(lags), 2) if len(lags) >= 4 else None,
            "lag_ms_p95": round(quantiles(lags, n=20)[-1], 2) if len(lags) >= 4 else None,
            "blocked_ms": round((now - going_on.began - going_on.starved) * 1e3, 1) if going_on is not None else 0.0,
            "blocked_now": going_on.to_dict(now) if going_on is not None else None,
            "blocks": self.block_count,
            "blocks_last_minute": len(blocks),
            "blocked_part": round(min(1.0, sum(block.own for block in blocks) / self._span(now)), 3),
            "longest_block": longest.to_dict(now) if longest is not None else None,
            "usual_place": usual_place(blocks),
        }

    def _span(self, now: float) -> float:
        oldest = self.lags[0][0] if self.lags else self.blocks[0].began if self.blocks else now
        return max(1.0, min(_RECENT, now - oldest))


def usual_place(blocks: Iterable[Block]) -> dict[str, Any] | None:
    """Return the line at which the loop was blocked for the most of the time, of all recent blocks."""
    time_at: Counter[Place] = Counter()
    doing: dict[Place, Counter[str]] = {}
    total = 0.0
    for block in blocks:
        total += block.own
        for place, looks in block.places.items():
            time_at[place] += round(block.own * 1e3 * looks / block.places.total())
            doing.setdefault(place, Counter()).update(block.doing)
    if not time_at or not total:
        return None
    place, milliseconds = time_at.most_common(1)[0]
    return {
        "at": place.at,
        "func": place.function,
        "doing": doing[place].most_common(1)[0][0] if doing[place] else None,
        "part": round(min(1.0, milliseconds / 1e3 / total), 3),
        "ms": milliseconds,
    }


def _waits_for_a_processor(frame: FrameType) -> bool:
    """Say whether a thread stands where it can only wait for a processor, or for the interpreter lock.

    That is asyncio's own use of its sockets, which never block, and the start of a thread, until that one runs.
    """
    if owner_of(frame.f_code.co_filename) != "standard":
        return False
    if _ASYNCIO in frame.f_code.co_filename:
        return (called_name(frame.f_code, frame.f_lasti) or "").rpartition(".")[2] in _NEVER_BLOCK
    callers = zip(_STARTS_THREAD, stack_of(frame, len(_STARTS_THREAD)), strict=False)
    return all(
        each.f_code.co_qualname == name and each.f_code.co_filename == threading.__file__ for name, each in callers
    )


def blocking_place(frame: FrameType) -> Place | None:
    """Return the application's innermost line, or the innermost of a library; None while the loop itself is at work."""
    outside = None
    if _waits_for_a_processor(frame):
        return None
    for each in stack_of(frame, _DEPTH):
        owner = owner_of(each.f_code.co_filename)
        if owner == "standard" and each.f_code.co_qualname in _LOOP_ITSELF:
            # Without a callback in between it is the loop that looks for events, and nothing keeps it from that.
            return None if each.f_code.co_qualname == _ONE_ROUND else outside
        if owner == "application":
            return place_of(each)
        if outside is None or (outside.owner == "standard" and owner == "library"):
            outside = place_of(each)
    return outside


def standing_at(frame: FrameType) -> tuple[Place | None, str]:
    """Return what blocks a loop, and what is called there."""
    return blocking_place(frame), called_name(frame.f_code, frame.f_lasti) or frame.f_code.co_qualname


class LoopWatch:
    """Find loops, send heartbeats, and look at the threads of those that do not answer. One thread; reads from any."""

    def __init__(self) -> None:
        self._watched: dict[int, _Watched] = {}
        self._looked_for = 0.0
        self._offset = 0

    def look(self, now: float, frames: Mapping[int, FrameType], native_ids: Mapping[int, int]) -> None:
        """Do one tick.

        Args:
            now: `time.monotonic()`.
            frames: the innermost frame of each thread that may run a loop.
            native_ids: the kernel's ids of the threads, by ident.
        """
        if now - self._looked_for >= _FIND_SECONDS:
            self._looked_for = now
            self._find(frames, native_ids)
        for key, watched in list(self._watched.items()):
            loop = watched.loop()
            if loop is None or loop.is_closed() or watched.ident not in frames:
                del self._watched[key]
                continue
            watched.listen(now)
            watched.look(now, frames.get(watched.ident), native_ids.values())
            watched.beat(now)

    def _find(self, frames: Mapping[int, FrameType], native_ids: Mapping[int, int]) -> None:
        idents = list(frames)
        known = {watched.ident for watched in self._watched.values()}
        first = self._offset % max(1, len(idents))
        chosen = (idents[first:] + idents[:first])[:_MOST_THREADS]
        self._offset = first + len(chosen)
        for ident in chosen:
            loop = None if ident in known else loop_of(frames[ident])
            if loop is not None and id(loop) not in self._watched:
                self._watched[id(loop)] = _Watched(loop, ident, native_ids.get(ident))

    def snapshot(self, threads: Mapping[int, threading.Thread]) -> list[dict[str, Any]]:
        """Return how each loop stands.

        Args:
            threads: by ident.
        """
        now = time.monotonic()
        return [watched.snapshot(now, threads) for watched in list(self._watched.values())]

    def blocks(self, limit: int) -> list[dict[str, Any]]:
        """Return the last blocks of all loops, the newest first.

        Args:
            limit: how many at most.
        """
        now = time.monotonic()
        blocks = (block for watched in list(self._watched.values()) for block in list(watched.blocks))
        found = [block for block in blocks if block.counts]
        return [block.to_dict(now) for block in sorted(found, key=lambda block: -block.began)[:limit]]


def loop_of(top: FrameType) -> Any:
    """Return the loop that a thread runs now, or None. Only frames of asyncio's own are asked for their `self`."""
    for frame in stack_of(top, _DEPTH):
        attribute = _RUNNERS.get(frame.f_code.co_qualname)
        if attribute is None or owner_of(frame.f_code.co_filename) != "standard":
            continue
        runner = frame.f_locals.get("self")
        loop = getattr(runner, attribute, None) if attribute else runner
        if loop is not None and hasattr(loop, "call_soon_threadsafe"):
            return loop
    return None
