"""Notice that the application stood still, and find out which thread and line did it."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping
from types import FrameType
from typing import Any, Final

from beamlens.skills.heap.pauses import pauses
from beamlens.skills.interpreter.loops import LoopWatch
from beamlens.skills.interpreter.places import Place, application_place, owner_of, place_of, stack_of
from beamlens.skills.interpreter.procfs import RunDelay, thread_cpu_ns
from beamlens.skills.interpreter.with_locks import called_name
from beamlens.skills.stalls.events import Stall, Stalls
from beamlens.skills.stalls.faults import Faults
from beamlens.skills.waits.ticker import Look

__all__ = ["GC_MS", "HOLD_MS", "LOOP_MS", "MAJOR_FAULTS", "StallWatch"]

HOLD_MS: Final = 50.0
GC_MS: Final = 50.0
LOOP_MS: Final = 100.0
MAJOR_FAULTS: Final = 100
"""Pages that had to be read from disk, in a second."""

_MOST_THREADS: Final = 64
_BUSY_PART: Final = 0.5
_IDLE_PART: Final = 0.2
_MEMORY: Final = 30.0
_SLACK: Final = 0.15
_SECOND: Final = 1.0
_SUSPENDED: Final = "nothing of this process ran: it was stopped, or its machine or container was"
_KEPT_BLOCKS: Final = 50


class StallWatch:
    """Look at each tick. `look` and `close` on one thread; the rest from any."""

    def __init__(self, stalls: Stalls) -> None:
        self.stalls = stalls
        self.faults = Faults()
        self.loops = LoopWatch()
        self._delay: RunDelay | None = None
        self._delayed = 0
        self._used: dict[int, int] = {}
        self._suspect: Stall | None = None
        self._collected_until = time.monotonic()
        self._blocked_until = time.monotonic()
        self._next_second = 0.0

    def look(self, look: Look) -> None:
        """Note what stood still since the last tick."""
        self._note_suspect()
        self._note_collections()
        self._suspect = self._late(look)
        self._used = self._times(look.threads)
        self.loops.look(look.now, look.frames, look.native_ids)
        self._note_blocks(look.now)
        if look.now >= self._next_second:
            self._next_second = look.now + _SECOND
            self._note_faults(look.now)

    def close(self) -> None:
        """Let go of the descriptor that it keeps."""
        delay, self._delay = self._delay, None
        if delay is not None:
            delay.close()

    # -- collections ------------------------------------------------------------------------------

    def _note_collections(self) -> None:
        """Note the long pauses of the collector that ended since the last tick."""
        found = [pause for pause in pauses.long(GC_MS, _MEMORY) if pause.when > self._collected_until]
        for pause in reversed(found):
            self._collected_until = pause.when
            doing = f"a collection of generation {pause.generation}"
            self.stalls.add(Stall("gc_pause", pause.when, pause.ms, None, doing, pause.collected))

    # -- the interpreter lock -----------------------------------------------------------------------

    def _note_suspect(self) -> None:
        """Note what made the last tick late, unless a collection did.

        A tick later: at once the collector's thread may not have come so far as to say how long it took.
        """
        suspect, self._suspect = self._suspect, None
        if suspect is None:
            return
        began = suspect.when - suspect.ms / 1e3 - _SLACK
        collected = sum(pause.ms for pause in pauses.long(0.0, _MEMORY) if began <= pause.when <= suspect.when + _SLACK)
        if collected < _BUSY_PART * suspect.ms:
            self.stalls.add(suspect)

    def _late(self, look: Look) -> Stall | None:
        """Return why this tick came late, as far as the threads' clocks tell; None if it did not."""
        late = look.late * 1e3 - self._waited_for_a_processor()
        if late < HOLD_MS:
            return None
        times = self._times(look.threads)
        used = {ident: (now - self._used.get(ident, now)) / 1e6 for ident, now in times.items()}
        busiest = max(used, key=lambda ident: used[ident], default=None)
        if busiest is None:
            return None
        if used[busiest] < _BUSY_PART * late:
            # Where many threads took turns nobody held the lock for long: they are only many.
            idle = sum(used.values()) < _IDLE_PART * late
            return Stall("suspended", look.now, late, None, _SUSPENDED) if idle else None
        frame = look.frames.get(busiest)
        return Stall("gil_hold", look.now, late, _place(frame), _doing(frame))

    def _waited_for_a_processor(self) -> float:
        """Return the milliseconds that this thread waited for a processor since the last tick."""
        if self._delay is None:
            self._delay = RunDelay()
        total = self._delay.read() or 0
        waited, self._delayed = (total - self._delayed) / 1e6 if self._delayed else 0.0, total
        return waited

    def _times(self, threads: Mapping[int, threading.Thread]) -> dict[int, int]:
        """Return the processor time of each thread but this one; of none where there are too many to ask all."""
        if len(threads) > _MOST_THREADS:
            return {}
        me = threading.get_ident()
        times = {ident: thread_cpu_ns(thread.native_id) for ident, thread in list(threads.items()) if ident != me}
        return {ident: used for ident, used in times.items() if used is not None}

    # -- event loops ------------------------------------------------------------------------------

    def _note_blocks(self, now: float) -> None:
        """Note the blocks of event loops that are over."""
        newest = self._blocked_until
        for block in reversed(self.loops.blocks(_KEPT_BLOCKS)):
            ended = time.monotonic() - block["ago_seconds"] + block["ms"] / 1e3
            if block["over"] and ended > self._blocked_until + 0.1:
                place = Place(*_split(block["at"]), block["func"], "application") if block["at"] else None
                self.stalls.add(
                    Stall("loop_stall", min(ended, now), block["ms"] - block["starved_ms"], place, block["doing"])
                )
                newest = max(newest, ended)
        self._blocked_until = newest

    # -- page faults ------------------------------------------------------------------------------

    def _note_faults(self, now: float) -> None:
        major = self.faults.look(now)
        if major is not None and major >= MAJOR_FAULTS:
            doing = f"{major} pages had to be read from disk"
            self.stalls.add(Stall("page_faults", now, _SECOND * 1e3, None, doing, major))

    def snapshot(self) -> dict[str, Any]:
        """Return the counts of page faults."""
        return self.faults.snapshot()


def supported() -> bool:
    """Say whether this platform tells the processor time of a thread, by which a holder is found."""
    return sys.platform == "linux"


def _split(at: str) -> tuple[str, int]:
    file, _, line = at.rpartition(":")
    return file, int(line)


def _place(frame: FrameType | None) -> Place | None:
    if frame is None:
        return None
    return application_place(frame) or place_of(frame)


def _doing(frame: FrameType | None) -> str | None:
    """Return what the line calls that did it; a thread that gave the lock away stands right after its call."""
    for each in stack_of(frame):
        if owner_of(each.f_code.co_filename) == "application" or each.f_back is None:
            return called_name(each.f_code, each.f_lasti) or each.f_code.co_qualname
    return None
