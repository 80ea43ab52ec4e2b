"""One statement sent again for each row of another: runs of equal statements within one piece of work."""

from __future__ import annotations

import dis
import threading
import time
from asyncio import _get_running_loop, current_task
from collections import OrderedDict, deque
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from types import CodeType, FrameType
from typing import Any, Final

from beamlens.skills.interpreter.places import Place, owner_of, place_of, stack_of

__all__ = ["LEAST_RUN", "Repeats"]

LEAST_RUN: Final = 8
"""How often a statement is sent again before that is a run."""

_WATCHED_FROM: Final = 3  # of a run: before, nobody looks at stacks
_LONGEST_PAUSE: Final = 0.05  # seconds between two of a run: a loop makes no longer ones beside the statement itself
_WINDOW: Final = 60.0
_MOST_UNITS: Final = 500
_MOST_KINDS: Final = 100
_DEPTH: Final = 60
_JUMPS: Final = frozenset(
    ["JUMP_BACKWARD", *(f"POP_JUMP_BACKWARD_IF_{when}" for when in ("TRUE", "FALSE", "NONE", "NOT_NONE"))]
)
_MARK: ContextVar[object | None] = ContextVar("beamlens_sql_unit", default=None)

Frames = frozenset[tuple[int, int]]


@dataclass(slots=True)
class _Unit:
    """What one thread, task or request sent lately. `mark` keeps the context's identity from being used again."""

    mark: object
    before: str | None = None
    text: str | None = None
    length: int = 0
    seconds: float = 0.0
    ended: float = 0.0
    frames: Frames = frozenset()


@dataclass(slots=True)
class _Kind:
    text: str
    before: str
    place: Place | None
    runs: deque[tuple[float, int, float]] = field(default_factory=lambda: deque(maxlen=200))


class Repeats:
    """Find statements that are sent one after the other by a loop of the application, after another statement.

    A run is judged only if one call of a function, which stands in a loop, sends all of it, without a pause, within one
    task, thread or context, and after a statement of another kind. Any thread; below a microsecond outside of runs.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._units: OrderedDict[tuple[int, int], _Unit] = OrderedDict()
        self._kinds: dict[tuple[str, str], _Kind] = {}

    def note(self, text: str, taken: float, frame: FrameType | None) -> None:
        """Note one statement, which ended now.

        Args:
            text: its fingerprint.
            taken: seconds.
            frame: of who sent it, or any that it called.
        """
        now = time.monotonic()
        with self._lock:
            unit = self._unit()
            if unit.text == text and now - taken - unit.ended <= _LONGEST_PAUSE:
                self._again(unit, taken, frame)
            else:
                unit.before, unit.text = unit.text, text
                unit.length, unit.seconds, unit.frames = 1, taken, frozenset()
            unit.ended = now

    def rows(self, limit: int) -> list[dict[str, Any]]:
        """Return the statements that were repeated within the last minute, those with the most time first."""
        with self._lock:
            found = [row for kind in self._kinds.values() if (row := _row(kind, time.monotonic())) is not None]
        return sorted(found, key=lambda row: -row["total_ms"])[:limit]

    def _unit(self) -> _Unit:
        mark = _MARK.get()
        if mark is None:
            mark = object()
            _MARK.set(mark)
        task = current_task() if _get_running_loop() is not None else None
        key = (threading.get_ident() if task is None else id(task), id(mark))
        unit = self._units.get(key)
        if unit is None:
            if len(self._units) >= _MOST_UNITS:
                self._units.popitem(last=False)
            unit = self._units[key] = _Unit(mark)
        self._units.move_to_end(key)
        return unit

    def _again(self, unit: _Unit, taken: float, frame: FrameType | None) -> None:
        unit.length += 1
        unit.seconds += taken
        if unit.length == _WATCHED_FROM:
            unit.frames = _frames(frame)
        elif unit.length > _WATCHED_FROM and unit.length <= LEAST_RUN:
            unit.frames &= _frames(frame)
        if unit.length >= LEAST_RUN and unit.before is not None and unit.frames:
            self._keep(unit, frame)

    def _keep(self, unit: _Unit, frame: FrameType | None) -> None:
        assert unit.text is not None
        assert unit.before is not None
        now, key = time.monotonic(), (unit.text, unit.before)
        kind = self._kinds.get(key)
        if kind is None:
            if len(self._kinds) >= _MOST_KINDS:
                del self._kinds[next(iter(self._kinds))]
            kind = self._kinds[key] = _Kind(unit.text, unit.before, None)
        if unit.length > LEAST_RUN and kind.runs:
            kind.runs[-1] = (now, max(kind.runs[-1][1], unit.length), unit.seconds)
            return
        kind.place = _looping(frame, unit.frames)
        kind.runs.append((now, unit.length, unit.seconds))


def _row(kind: _Kind, now: float) -> dict[str, Any] | None:
    recent = [run for run in kind.runs if run[0] >= now - _WINDOW]
    if not recent:
        return None
    lengths = [length for _, length, _ in recent]
    return {
        "key": f"{kind.text[:80]} after {kind.before[:40]}",
        "statement": kind.text,
        "after": kind.before,
        "at": kind.place.at if kind.place is not None else None,
        "func": kind.place.function if kind.place is not None else None,
        "runs": len(recent),
        "mean_length": round(sum(lengths) / len(lengths), 1),
        "max_length": max(lengths),
        "total_ms": round(sum(seconds for _, _, seconds in recent) * 1e3, 1),
    }


def _frames(frame: FrameType | None) -> Frames:
    """Return which calls of the application's functions on a stack stand in a loop."""
    return frozenset(
        (id(each), id(each.f_code))
        for each in stack_of(frame, _DEPTH)
        if owner_of(each.f_code.co_filename) == "application" and _in_loop(each.f_code, each.f_lasti)
    )


@lru_cache(maxsize=4096)
def _in_loop(code: CodeType, at: int) -> bool:
    """Tell whether an instruction is within a loop: one behind it jumps back to it or before it.

    What waits in an `await` jumps back too, by an instruction of another name (JUMP_BACKWARD_NO_INTERRUPT).
    """
    return any(
        each.opname in _JUMPS and isinstance(each.argval, int) and each.argval <= at <= each.offset
        for each in dis.get_instructions(code)
    )


def _looping(frame: FrameType | None, frames: Frames) -> Place | None:
    """Return where the innermost call stands that sent all of a run: the loop."""
    for each in stack_of(frame, _DEPTH):
        if (id(each), id(each.f_code)) in frames:
            return place_of(each)
    return None
