"""Watch another process' loops by the beats they stamp; ask for its stacks while one is late. Runs outside of it."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from beamlens.skills.eventloop.beats import INTERVAL
from beamlens.skills.eventloop.board import BoardView, Slot
from beamlens.skills.eventloop.dumps import Frame, ask_thread, blocking_frame, caught, read_stack, rests

__all__ = ["Onlooker"]

_POLL: Final = 0.02
_BLOCKED_SECONDS: Final = 0.1
_AGAIN: Final = 0.5
_MOST_DUMPS: Final = 10
_DUMP_SECONDS: Final = 1.0
_RESTS_SECONDS: Final = 0.02  # four times as long as a thread waits for the interpreter lock before it asks again
_LATE_SECONDS: Final = 0.3  # three looks of the process' own looking thread
_OWED_SECONDS: Final = 10.0
_LARGEST_FILE: Final = 1 << 20
_KEPT: Final = 50


@dataclass(slots=True)
class _Blocked:
    name: str
    began: float
    seconds: float
    over: bool = False
    dumps: int = 0
    asked: float = 0.0
    places: Counter[Frame] = field(default_factory=Counter)
    stack: list[Frame] = field(default_factory=list)

    def told(self, now: float) -> dict[str, Any]:
        place = self.places.most_common(1)[0][0] if self.places else None
        return {
            "name": self.name,
            "ms": round(self.seconds * 1e3, 1),
            "over": self.over,
            "ago_seconds": round(now - self.began, 1),
            "at": place.at if place is not None else None,
            "func": place.function if place is not None else None,
            "stack": [f"{frame.at} in {frame.function}" for frame in self.stack[:20]],
            "looks": self.dumps,
        }


@dataclass(frozen=True, slots=True)
class _Owed:
    """Hold which thread has not answered yet, how large the file was when it was asked, and when that was."""

    thread: int
    size: int
    asked: float


class Onlooker:
    """Look at a process' beats 50 times a second from a thread of its own; `snapshot` from any.

    Args:
        pid: of the observed process.
        directory: where it stamps.
    """

    def __init__(self, pid: int, directory: Path) -> None:
        self._pid = pid
        self._directory = directory
        self._view: BoardView | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="beamlens-loop-onlooker", daemon=True)
        self._now: dict[int, _Blocked] = {}
        self._late: dict[int, float] = {}
        self.blocks: deque[_Blocked] = deque(maxlen=_KEPT)
        self.count = 0
        self._owes: _Owed | None = None
        self.missing: str | None = "the observed process has not stamped yet"

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; waits for the thread."""
        self._ended.set()
        self._thread.join(5.0)
        if self._view is not None:
            self._view.close()

    def snapshot(self) -> dict[str, Any]:
        """Return the loops, what blocks them now, and how often that was."""
        view, now = self._view, time.monotonic()
        slots = view.slots() if view is not None else {}
        return {
            "watching": view is not None,
            "stacks": bool(view is not None and view.signal),
            "loops": [self._loop(number, slot, now) for number, slot in slots.items()],
            "blocks": self.count,
            "longest_block": max((each.told(now) for each in list(self.blocks)), key=lambda b: b["ms"], default=None),
            "missing": [self.missing] if self.missing is not None else [],
        }

    def _loop(self, number: int, slot: Slot, now: float) -> dict[str, Any]:
        blocked = self._now.get(number)
        return {
            "name": slot.name,
            "late_ms": round(max(0.0, now - slot.stamp_ns / 1e9 - INTERVAL) * 1e3, 1),
            "blocked_ms": round(blocked.seconds * 1e3, 1) if blocked is not None else 0.0,
            "blocked_now": blocked.told(now) if blocked is not None else None,
        }

    def recent(self, limit: int) -> list[dict[str, Any]]:
        """Return the last blocks, the newest first.

        Args:
            limit: how many at most.
        """
        now = time.monotonic()
        return [each.told(now) for each in reversed(list(self.blocks))][:limit]

    # -- the thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._ended.wait(_POLL if self._view is not None else 0.25):
            if self._view is None:
                self._open()
            else:
                self._look(self._view, time.monotonic())

    def _open(self) -> None:
        try:
            self._view = BoardView(self._pid, self._directory)
            self.missing = None
        except OSError:
            self.missing = f"process {self._pid} does not stamp: it needs the skill asyncio with dump_signal"
        except ValueError as error:
            self.missing = str(error)

    def _look(self, view: BoardView, now: float) -> None:
        slots = view.slots()
        for number, slot in slots.items():
            last = slot.stamp_ns / 1e9
            began, blocked = last + INTERVAL / 2, self._now.get(number)
            if blocked is not None and began > blocked.began + INTERVAL:
                self._over(number, self._ended_at(blocked, last))
            elif now - began >= _BLOCKED_SECONDS:
                self._going_on(view, number, slot, began, now)
        for number in [number for number in self._now if number not in slots]:
            self._over(number, now)

    def _ended_at(self, blocked: _Blocked, last: float) -> float:
        """Return when a block ended: the first beat after it, which may have been followed by others since."""
        beats = max(0, int((last - blocked.began - blocked.seconds) / INTERVAL))
        return last - beats * INTERVAL

    def _going_on(self, view: BoardView, number: int, slot: Slot, began: float, now: float) -> None:
        blocked = self._now.get(number)
        if blocked is None:
            blocked = self._now[number] = _Blocked(slot.name, began, now - began)
            self.blocks.append(blocked)
            self.count += 1
        blocked.seconds = now - began
        if blocked.dumps < _MOST_DUMPS and now - blocked.asked >= _AGAIN and view.signal:
            blocked.asked = now
            stack = read_stack(self._dump(view, slot.thread))
            place = blocking_frame(stack)
            if place is not None:
                blocked.dumps += 1
                blocked.stack = stack
                blocked.places[place] += 1

    def _over(self, number: int, when: float) -> None:
        blocked = self._now.pop(number)
        blocked.seconds, blocked.over = max(blocked.seconds, when - blocked.began), True

    def _dump(self, view: BoardView, thread: int) -> str:
        """Return what the fault handler writes when a thread is asked; empty if nothing came within a second."""
        path = view.stacks_path
        try:
            before = path.stat().st_size
            if not self._may_ask(thread, before) or not self._stands(view, thread):
                return ""
            if before > _LARGEST_FILE:
                os.truncate(path, 0)
                before = 0
            if not self._ask(view.signal, thread):
                return ""
            text = self._written(path, before)
            self._owes = None if text else _Owed(thread, before, time.monotonic())
            return text
        except OSError:  # the process ended meanwhile, and took its file along
            return ""

    def _may_ask(self, thread: int, size: int) -> bool:
        """Tell whether an answer would be this thread's: it may not be while another one owes its own."""
        owed = self._owes
        if owed is not None and (owed.size != size or time.monotonic() - owed.asked > _OWED_SECONDS):
            owed = self._owes = None  # it came late, or will not come
        return owed is None or owed.thread == thread

    def _stands(self, view: BoardView, thread: int) -> bool:
        """Tell whether a thread surely runs no Python code: only then can its frames be read.

        It waits in a call; or the process' own looking thread has not got on, so that C code keeps the interpreter
        lock.
        """
        if view.looked_ns and time.monotonic() - view.looked_ns / 1e9 >= _LATE_SECONDS:
            return True
        before = rests(self._pid, thread)
        return before is not None and not self._ended.wait(_RESTS_SECONDS) and rests(self._pid, thread) == before

    def _ask(self, number: int, thread: int) -> bool:
        # A signal without a handler would end the process: only one that has one right now is sent.
        return number > 0 and caught(self._pid, number) is True and ask_thread(self._pid, thread, number)

    def _written(self, path: Path, before: int) -> str:
        deadline, size = time.monotonic() + _DUMP_SECONDS, before
        while time.monotonic() < deadline and not self._ended.wait(0.005):
            grown = path.stat().st_size
            if grown > before and grown == size:
                break
            size = grown
        with open(path, "rb") as file:
            file.seek(before)
            return file.read(_LARGEST_FILE).decode(errors="replace")
