"""How long the garbage collector stops the application, by its own callbacks, while somebody wants to know."""

from __future__ import annotations

import gc
import threading
import time
from collections import deque
from dataclasses import dataclass
from statistics import quantiles
from typing import Any, Final

__all__ = ["Pause", "PauseRecorder", "pauses"]

_KEPT: Final = 4096
_LONG_KEPT: Final = 200
_LONG_MS: Final = 20.0
_YOUNG_MS: Final = 1e-3
"""The most for each new object: a collection of generation 0 looks at no others. Measured: below 0.2 us."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Hold one collection.

    Args:
        when: `time.monotonic()` at its end.
        generation: 0 to 2.
        ms: how long it took on a processor; what other processes took in between is not the collector's doing.
        collected, uncollectable: objects.
        thread: the ident of the thread in which it ran.
    """

    when: float
    generation: int
    ms: float
    collected: int
    uncollectable: int
    thread: int


class PauseRecorder:
    """Time the collections, from the first `begin` to the last `end`. Any thread.

    The callback runs in whatever thread collects, at any allocation; so it takes no lock and allocates next to
    nothing. It costs about a microsecond for each collection.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._began = 0
        self._used = 0
        self._pauses: deque[tuple[float, int, float, int, int, int]] = deque(maxlen=_KEPT)
        self._long: deque[tuple[float, int, float, int, int, int]] = deque(maxlen=_LONG_KEPT)
        self._callback = self._note
        self.since = time.monotonic()
        self.total_ms = 0.0
        self.count = 0

    def begin(self) -> None:
        """Time collections from now on, until as many calls of `end`."""
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._pauses.clear()
                self._long.clear()
                self.since, self.total_ms, self.count, self._began = time.monotonic(), 0.0, 0, 0
                gc.callbacks.append(self._callback)

    def end(self) -> None:
        """Stop, and take the callback off again."""
        with self._lock:
            self._users = max(0, self._users - 1)
            if self._users == 0 and self._callback in gc.callbacks:
                gc.callbacks.remove(self._callback)

    def _note(self, phase: str, info: dict[str, int]) -> None:
        now = time.perf_counter_ns()
        if phase == "start":
            self._began = now
            self._used = time.thread_time_ns() if info["generation"] else 0
            return
        if not self._began:
            return
        ms, self._began = (now - self._began) / 1e6, 0
        if info["generation"]:
            ms = min(ms, (time.thread_time_ns() - self._used) / 1e6)
        elif ms >= _LONG_MS:
            # These come too often to ask for the thread's clock each time; so what they can have done bounds them.
            ms = min(ms, gc.get_threshold()[0] * _YOUNG_MS)
        self.total_ms += ms
        self.count += 1
        row = (
            time.monotonic(), info["generation"], ms, info["collected"], info["uncollectable"], threading.get_ident()
        )  # fmt: skip
        self._pauses.append(row)
        if ms >= _LONG_MS:
            self._long.append(row)

    def long(self, least_ms: float, seconds: float) -> list[Pause]:
        """Return the long pauses of a while, newest first.

        Args:
            least_ms: 20 at least: shorter ones are not kept for long.
            seconds: how far back.
        """
        since = time.monotonic() - seconds
        return [Pause(*row) for row in reversed(list(self._long)) if row[0] >= since and row[2] >= least_ms]

    def summary(self, seconds: float = 60.0) -> dict[str, Any]:
        """Return what the collections of a while cost.

        Args:
            seconds: how far back; less where fewer are known.
        """
        now = time.monotonic()
        kept = list(self._pauses)
        since = max(now - seconds, self.since, kept[0][0] if len(kept) == _KEPT else 0.0)
        rows = [row for row in kept if row[0] >= since]
        span = max(1e-3, now - since)
        times = sorted(row[2] for row in rows)
        return {
            "seconds": round(span, 1),
            "collections": len(rows),
            "full": sum(row[1] == 2 for row in rows),
            "total_ms": round(sum(times), 2),
            "part": round(sum(times) / 1e3 / span, 4),
            "longest_ms": round(times[-1], 2) if times else 0.0,
            "p95_ms": round(quantiles(times, n=20)[-1], 2) if len(times) >= 20 else None,
            "long": sum(ms >= 200.0 for ms in times),
            "collected": sum(row[3] for row in rows),
        }


pauses: Final = PauseRecorder()
"""The one recorder of this process."""
