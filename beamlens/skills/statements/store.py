"""What is kept of statements: times by fingerprint, the last minute apart, and those that run now."""

from __future__ import annotations

import threading
import time
import zlib
from collections import deque
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Final

from beamlens.skills.interpreter.places import Place
from beamlens.skills.statements.fingerprint import fingerprint
from beamlens.skills.statements.repeats import Repeats

__all__ = ["SLOW_SECONDS", "StatementStore"]

SLOW_SECONDS: Final = 0.1
"""From which mean on a statement counts as slow."""

_MOST: Final = 300
_TIMES: Final = 200
_WINDOW: Final = 60.0


@dataclass(slots=True)
class _Statement:
    text: str
    key: str
    count: int = 0
    errors: int = 0
    seconds: float = 0.0
    times: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=_TIMES))
    place: Place | None = None
    last: float = 0.0

    def row(self, now: float) -> dict[str, Any]:
        recent = [taken for when, taken in list(self.times) if when >= now - _WINDOW]
        ordered = sorted(recent)
        oldest = self.times[0][0] if self.times else now
        return {
            "key": self.key,
            "statement": self.text,
            "at": self.place.at if self.place is not None else None,
            "func": self.place.function if self.place is not None else None,
            "count": self.count,
            "errors": self.errors,
            "recent": len(recent),
            "recent_seconds": round(min(_WINDOW, now - oldest), 1),
            "mean_ms": round(sum(recent) / len(recent) * 1e3, 2) if recent else None,
            "p95_ms": round(ordered[int(0.95 * (len(ordered) - 1))] * 1e3, 2) if recent else None,
            "max_ms": round(ordered[-1] * 1e3, 2) if recent else None,
        }


class StatementStore:
    """Keep times, within bounds. Any thread; `done` takes a few microseconds."""

    def __init__(self) -> None:
        self.on = True
        self._lock = threading.RLock()  # a finalizer may run a statement while its thread is in here
        self._known: dict[str, _Statement] = {}
        self._running: dict[int, tuple[str, float]] = {}
        self.total = self.errors = 0
        self.seconds = 0.0
        self.connections = 0
        self.repeats = Repeats()

    def begun(self, sql: str, key: int | None = None) -> float:
        """Note that a statement runs now; return when it began. `key` knows it; None: this thread, which runs one."""
        began = time.perf_counter()
        self._running[threading.get_ident() if key is None else key] = (sql, began)
        return began

    def done(
        self,
        sql: str,
        began: float,
        place: Place | None,
        failed: bool,
        *,
        again: bool = False,
        key: int | None = None,
        frame: FrameType | None = None,
    ) -> None:
        """Note that a statement is done.

        Args:
            sql: its text.
            began: what `begun` returned.
            place: the application's line, where it was looked for.
            failed: whether it raised.
            again: whether this is a later part of one that was counted: rows being fetched.
            key: as was given to `begun`.
            frame: of who sent it, or any that it called; for repeats.
        """
        self._running.pop(threading.get_ident() if key is None else key, None)
        taken = time.perf_counter() - began
        now = time.monotonic()
        text = fingerprint(sql)
        with self._lock:
            self.seconds += taken
            known = self._known.get(text)
            if known is None:
                if len(self._known) >= _MOST:
                    del self._known[min(self._known, key=lambda name: self._known[name].last)]
                known = self._known[text] = _Statement(text, f"{zlib.crc32(text.encode()):08x}")
            known.last, known.seconds = now, known.seconds + taken
            known.place = place or known.place
            if again and known.times:
                when, before = known.times[-1]
                known.times[-1] = (when, before + taken)
                return
            self.total, known.count = self.total + 1, known.count + 1
            self.errors, known.errors = self.errors + failed, known.errors + failed
            known.times.append((now, taken))
        if not failed:
            self.repeats.note(text, taken, frame)

    def statements(self, limit: int) -> list[dict[str, Any]]:
        """Return the statements, those that took the most time within the last minute first."""
        now = time.monotonic()
        with self._lock:
            rows = [known.row(now) for known in self._known.values()]
        return sorted(rows, key=lambda row: -(row["mean_ms"] or 0.0) * row["recent"])[:limit]

    def slow(self, limit: int) -> list[dict[str, Any]]:
        """Return the statements that are slow on average within the last minute, the slowest first."""
        rows = [row for row in self.statements(_MOST) if (row["mean_ms"] or 0.0) >= SLOW_SECONDS * 1e3]
        return sorted(rows, key=lambda row: -row["mean_ms"])[:limit]

    def running(self, least_seconds: float, limit: int) -> list[dict[str, Any]]:
        """Return the statements that run now, the longest first."""
        now = time.perf_counter()
        rows = [
            {"statement": fingerprint(sql), "ms": round((now - began) * 1e3, 1)}
            for sql, began in list(self._running.values())
            if now - began >= least_seconds
        ]
        return sorted(rows, key=lambda row: -float(str(row["ms"])))[:limit]
