"""Which loops there are, how late they are, and what blocks them: while it lasts, and for how long it did."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median, quantiles
from types import FrameType
from typing import Any, Final

from beamlens.skills.eventloop.beats import INTERVAL, Beat
from beamlens.skills.interpreter.loops import Block, loop_of, standing_at, usual_place
from beamlens.skills.interpreter.places import Place
from beamlens.skills.interpreter.starvation import Starvation
from beamlens.skills.waits.ticker import Look

__all__ = ["LoopsWatch", "StampFor"]

BLOCKED_SECONDS: Final = 0.1

_BLOCKS: Final = 50
_MOST_LOOPS: Final = 64
_MOST_THREADS: Final = 100
_FIND_SECONDS: Final = 0.5
_RECENT: Final = 60.0

StampFor = Callable[[int, threading.Thread | None], tuple[Callable[[int], None], Callable[[], None]] | None]
"""Given a thread, returns what stamps a loop's beats for other processes and what ends that, or None."""


@dataclass(slots=True)
class _LoopBlock(Block):
    held: float = 0.0  # seconds in which no other thread of Python's got on either

    def told(self, now: float) -> dict[str, Any]:
        return {**self.to_dict(now), "whole_process": self.held >= 0.5 * self.seconds and self.held >= BLOCKED_SECONDS}


@dataclass(frozen=True, slots=True)
class _Sight:
    """Hold what was seen of one loop before anything let go of the interpreter lock, and so let the loop go on.

    Args:
        gaps: between the beats that have come.
        last: the last beat.
        running: whether the loop is.
        stands: where its thread stands and what is called there; None if no beat is overdue.
    """

    gaps: list[tuple[float, float]]
    last: float
    running: bool
    stands: tuple[Place | None, str] | None


class _Watched:
    """Hold what is known of one loop."""

    def __init__(
        self,
        loop: Any,
        ident: int,
        native_id: int | None,
        stamp: Callable[[int], None] | None,
        free: Callable[[], None],
    ) -> None:
        self.beat = Beat(loop, stamp)
        self.kind = f"{type(loop).__module__}.{type(loop).__qualname__}"
        self.ident = ident
        self.blocks: deque[_LoopBlock] = deque(maxlen=_BLOCKS)
        self.block: _LoopBlock | None = None
        self.block_count = 0
        self.free = free
        self._native_id = native_id
        self._starvation = self._latest = Starvation(native_id)
        self._beaten: float | None = None
        self.beat.begin()

    def end(self) -> None:
        self.beat.end()
        self.free()

    def see(self, now: float, frame: FrameType) -> _Sight | None:
        """Return where the thread stands if the beat is overdue, and what came; None if the loop is not running."""
        beat, loop = self.beat, self.beat.loop
        if beat.last is None or beat.paused or loop is None:
            return None
        gaps = [beat.gaps.popleft() for _ in range(len(beat.gaps))]
        overdue = now - beat.last >= BLOCKED_SECONDS + INTERVAL / 2
        return _Sight(gaps, beat.last, loop.is_running(), standing_at(frame) if overdue else None)

    def look(self, look: Look, sight: _Sight | None) -> None:
        """Note the block that goes on, and those that ended."""
        before, self._latest = self._latest, Starvation(self._native_id)
        if sight is None:
            return
        for gap in sight.gaps:
            self._ended(*gap, look.late)
        if sight.last != self._beaten:
            self._beaten, self._starvation = sight.last, before  # the beat came between the two looks
        if not sight.running:
            self.beat.paused, self.block = True, None
        elif sight.stands is not None:
            self._going_on(look, sight.last, *sight.stands)

    def _going_on(self, look: Look, last: float, place: Place | None, doing: str) -> None:
        self._starvation.look(look.native_ids.values())
        block, seconds = self.block, look.now - last - INTERVAL / 2
        if block is None:
            if seconds - self._starvation.seconds(seconds) < BLOCKED_SECONDS:
                return
            block = self.block = self._new(last, look.now)
        block.seconds, block.starved = look.now - block.began, self._starvation.seconds(seconds)
        block.held += min(look.late, block.seconds) if look.late >= BLOCKED_SECONDS else 0.0
        block.note(place, doing)

    def _ended(self, last: float, now: float, late: float) -> None:
        block = self.block
        self.block = None
        if block is None:
            seconds = now - last - INTERVAL / 2
            if seconds - self._starvation.seconds(seconds) < BLOCKED_SECONDS:
                return
            block = self._new(last, now)
            block.held = late if late >= BLOCKED_SECONDS else 0.0
        block.seconds, block.over = now - block.began, True
        block.starved = self._starvation.seconds(block.seconds)

    def _new(self, last: float, now: float) -> _LoopBlock:
        began = last + INTERVAL / 2
        block = _LoopBlock(began, now - began)
        self.blocks.append(block)
        self.block_count += 1
        return block

    def snapshot(self, now: float, threads: Mapping[int, threading.Thread]) -> dict[str, Any]:
        """Return how the loop stands, with the lags and blocks of the last minute."""
        lags = [lag * 1e3 for when, lag in list(self.beat.lags) if when >= now - _RECENT]
        blocks = [block for block in list(self.blocks) if block.counts and block.began + block.seconds >= now - _RECENT]
        longest = max(blocks, key=lambda block: block.own, default=None)
        going_on, thread, loop = self.block, threads.get(self.ident), self.beat.loop
        span = max(1.0, min(_RECENT, now - self.beat.lags[0][0])) if self.beat.lags else _RECENT
        return {
            "name": thread.name[:80] if thread is not None else f"thread {self.ident}",
            "kind": self.kind,
            "running": not self.beat.paused,
            "lag_ms": round(lags[-1], 2) if lags else None,
            "lag_ms_p50": round(median(lags), 2) if len(lags) >= 4 else None,
            "lag_ms_p95": round(quantiles(lags, n=20)[-1], 2) if len(lags) >= 4 else None,
            "blocked_ms": round((now - going_on.began - going_on.starved) * 1e3, 1) if going_on is not None else 0.0,
            "blocked_now": going_on.told(now) if going_on is not None else None,
            "blocks": self.block_count,
            "blocks_last_minute": len(blocks),
            "blocked_part": round(min(1.0, sum(block.own for block in blocks) / span), 3),
            "longest_block": longest.told(now) if longest is not None else None,
            "usual_place": usual_place(blocks),
            "ready": _length(loop, "_ready"),
            "timers": _length(loop, "_scheduled"),
        }


def _length(loop: Any, name: str) -> int | None:
    found = getattr(loop, name, None)
    return len(found) if found is not None and hasattr(found, "__len__") else None


class LoopsWatch:
    """Find loops in the stacks of the threads that run them, and watch them from then on.

    Args:
        stamp_for: where the beats are stamped for other processes; None where they are not.
    """

    def __init__(self, stamp_for: StampFor | None = None) -> None:
        self._stamp_for = stamp_for
        self._watched: dict[int, _Watched] = {}
        self._looked_for = 0.0
        self._offset = 0

    def look(self, look: Look) -> None:
        """Do one tick. The ticker's thread."""
        if look.now - self._looked_for >= _FIND_SECONDS:
            self._looked_for = look.now
            self._find(look)
        for key, watched in list(self._watched.items()):
            loop = watched.beat.loop
            if loop is None or loop.is_closed() or watched.ident not in look.frames:
                self._watched.pop(key).end()
        sights = [(each, each.see(look.now, look.frames[each.ident])) for each in self._watched.values()]
        for watched, sight in sights:
            watched.look(look, sight)

    def end(self) -> None:
        """Take all timers out of the loops. After the last look."""
        for watched in self._watched.values():
            watched.end()
        self._watched.clear()

    def _find(self, look: Look) -> None:
        idents = list(look.frames)
        known = {watched.ident for watched in self._watched.values() if not watched.beat.paused}
        first = self._offset % max(1, len(idents))
        chosen = (idents[first:] + idents[:first])[:_MOST_THREADS]
        self._offset = first + len(chosen)
        for ident in chosen:
            loop = None if ident in known or len(self._watched) >= _MOST_LOOPS else loop_of(look.frames[ident])
            if loop is not None and id(loop) not in self._watched:
                stamping = self._stamp_for(ident, look.threads.get(ident)) if self._stamp_for is not None else None
                stamp, free = stamping if stamping is not None else (None, _nothing)
                self._watched[id(loop)] = _Watched(loop, ident, look.native_ids.get(ident), stamp, free)

    def loops(self) -> list[Any]:
        """Return the loops that are watched."""
        return [loop for each in list(self._watched.values()) if (loop := each.beat.loop) is not None]

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
        return [block.told(now) for block in sorted(found, key=lambda block: -block.began)[:limit]]


def _nothing() -> None:
    pass
