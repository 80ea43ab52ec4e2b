"""One trace: what it may record and when it ends. The hook that calls it is put in elsewhere."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final

from beamlens.skills.interpreter.places import application_place, place_of
from beamlens.skills.interpreter.threads import threads_by_ident
from beamlens.skills.tracing.target import Target

__all__ = ["Call", "Session"]

_MOST_CALLERS: Final = 50


@dataclass(frozen=True, slots=True)
class Call:
    """Hold what is known of a call when it begins.

    Args:
        began: seconds of the session's clock.
        arguments: their types, by parameter.
    """

    began: float
    arguments: dict[str, str]


class Session:
    """Record calls within limits of number, time and rate; beyond any of them it ends by itself. Any thread.

    Of arguments and results only types are kept, of exceptions the type.

    Args:
        target: what is traced.
        seconds: how long at most.
        calls: how many at most.
        per_second: a function that is called oftener is too hot to be traced.
        over: called once, at the end, on whatever thread ends it; must be quick.
        clock: seconds.
    """

    def __init__(
        self,
        target: Target,
        seconds: float,
        calls: int,
        per_second: float,
        over: Callable[[], object],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.target = target
        self.ended: str | None = None
        self.count = 0
        self.records: deque[dict[str, Any]] = deque(maxlen=calls)
        self.callers: Counter[str] = Counter()
        self.sees_raised = True
        self._seconds = seconds
        self._most = calls
        self._per_second = per_second
        self._over = over
        self._clock = clock
        self._lock = threading.RLock()  # a finalizer or a signal handler may call what is traced meanwhile
        self.began = clock()
        self._window = [self.began, 0.0]
        self._stopped_at: float | None = None

    @property
    def active(self) -> bool:
        """Whether calls are recorded."""
        return self.ended is None

    @property
    def elapsed(self) -> float:
        """How long it has run, in seconds, or ran."""
        return (self._stopped_at or self._clock()) - self.began

    def enter(self, caller: FrameType | None, types: Callable[[], dict[str, str]]) -> Call | None:
        """Note that a call begins; return it, or None where it is not to be recorded. Raises nothing.

        Args:
            caller: who calls; None where C code does, on a thread of its own.
            types: returns the types of the arguments; asked only of calls that are recorded.
        """
        try:
            now = self._clock()
            if not self._allowed(now):
                return None
            self._note_caller(caller)
            return Call(now, types())
        except Exception as error:
            # It runs inside of the application's call, which must not see it: a stack that is nearly full, no memory.
            self.end(f"tracing failed: {type(error).__name__}")
            return None

    def leave(self, call: Call, result: str, raised: bool) -> None:
        """Note that it ended. Raises nothing.

        Args:
            call: what `enter` returned.
            result: the type of what it returned or raised.
            raised: which of the two.
        """
        try:
            self._record(call, result, raised)
        except Exception as error:
            self.end(f"tracing failed: {type(error).__name__}")

    def _record(self, call: Call, result: str, raised: bool) -> None:
        # Not `current_thread`, which makes an entry, for good, for a thread that C code has started.
        thread = threads_by_ident().get(threading.get_ident())
        record = {
            "at_ms": round((call.began - self.began) * 1e3, 3),
            "ms": round((self._clock() - call.began) * 1e3, 3),
            "arguments": call.arguments,
            "returned": None if raised else result,
            "raised": result if raised else None,
            "thread": thread.name[:80] if thread is not None else "?",
        }
        with self._lock:
            if self.ended is not None:
                return
            self.records.append(record)
            full = len(self.records) >= self._most
        if full:
            self.end("enough calls were recorded")

    def end(self, why: str) -> bool:
        """End it; return whether it had not ended before."""
        with self._lock:
            if self.ended is not None:
                return False
            self.ended = why
            self._stopped_at = self._clock()
        self._over()
        return True

    def _allowed(self, now: float) -> bool:
        if self.ended is not None:
            return False
        if now - self.began >= self._seconds:
            self.end("the time was over")
            return False
        with self._lock:
            self.count += 1
            if now - self._window[0] >= 1.0:
                self._window = [now, 0.0]
            self._window[1] += 1
            hot = self._window[1] > self._per_second
        if hot:
            self.end(f"it is called more than {self._per_second:g} times a second, too often to be traced")
        return not hot

    def _note_caller(self, frame: FrameType | None) -> None:
        name = str(application_place(frame) or place_of(frame)) if frame is not None else "no Python code"
        if name in self.callers or len(self.callers) < _MOST_CALLERS:
            self.callers[name] += 1
