"""The one thread on which several skills look at the process again and again, each at its own pace and price."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final

from beamlens.skills.interpreter.procfs import thread_cpu_ns
from beamlens.skills.interpreter.threads import kind_of, threads_by_ident

__all__ = ["Look", "Pace", "Ticker", "actor_of", "ticker"]

_TICK: Final = 0.1
_SECOND: Final = 1.0
_PART: Final = 400.0  # a look may take this part of the time to its next: 0.25 % of a core
_JOIN_SECONDS: Final = 5.0
_OWN: Final = ("beamlens.", "supervision.")
_DEMO: Final = ("beamlens.demo.", "supervision.demo.")


@dataclass(frozen=True, slots=True)
class Look:
    """Hold what is seen at one tick; nothing of it may be kept.

    Args:
        now: `time.monotonic()`.
        late: by how many seconds the tick came later than meant: the thread did not get the interpreter lock.
        frames: the innermost frame of each thread that is not this package's own, by ident.
        threads: the threads by ident, all of them, as of a second ago at most.
        native_ids: the kernel's ids of the threads, by ident.
    """

    now: float
    late: float
    frames: Mapping[int, FrameType]
    threads: Mapping[int, threading.Thread]
    native_ids: Mapping[int, int]


class Pace:
    """Hold how often one look is taken and what it cost so far. Made by `Ticker.add`.

    Args:
        take: the look.
        seconds: between two looks; more where they are dear.
    """

    def __init__(self, take: Callable[[Look], object], seconds: float) -> None:
        self._take = take
        self._seconds = seconds
        self._next = 0.0
        self._began = time.monotonic()
        self._used = 0.0
        self.looks = 0
        self.errors = 0
        self.last_error: str | None = None

    def due(self, now: float) -> bool:
        """Say whether it is time for the next look."""
        return now >= self._next

    def take(self, look: Look) -> None:
        """Look once; what is raised is counted and shown, and ends nothing. The ticker's thread."""
        began = time.thread_time()
        try:
            self._take(look)
        except Exception as error:
            self.errors += 1
            self.last_error = f"{type(error).__name__}: {error}"[:200]
        cost = time.thread_time() - began
        self._used += cost
        self.looks += 1
        self._next = look.now + max(self._seconds - _TICK / 2, cost * _PART)

    def snapshot(self) -> dict[str, Any]:
        """Return what the looks cost so far."""
        lived = max(1e-3, time.monotonic() - self._began)
        return {
            "seconds": round(lived, 1),
            "looks": self.looks,
            "core_percent": round(self._used / lived * 100.0, 3),
            "errors": self.errors,
            "last_error": self.last_error,
        }


class Ticker:
    """Take looks on one light thread, which there is only while there are any. Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._paces: tuple[Pace, ...] = ()
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        self._threads: dict[int, threading.Thread] = {}
        self._native_ids: dict[int, int] = {}
        self._unknown: set[int] = set()
        self._kinds: dict[int, tuple[int, bool]] = {}
        self._own: list[int] = []
        self._refreshed = 0.0

    def add(self, take: Callable[[Look], object], seconds: float) -> Pace:
        """Take a look again and again from now on, until `remove`.

        Args:
            take: the look; called on the ticker's thread.
            seconds: between two looks, 0.1 at least.
        """
        pace = Pace(take, seconds)
        with self._lock:
            self._paces = (*self._paces, pace)
            if self._thread is None:
                self._ended = threading.Event()
                self._thread = threading.Thread(
                    target=self._run, args=(self._ended,), name="beamlens-ticker", daemon=True
                )
                self._thread.start()
        return pace

    def remove(self, pace: Pace) -> None:
        """Take that look no more; when this returns none is being taken any more, unless called by the look itself."""
        with self._lock:
            self._paces = tuple(each for each in self._paces if each is not pace)
            thread, ended = self._thread, self._ended
            if self._paces or thread is None:
                return
            self._thread = None
        ended.set()
        if thread is not threading.current_thread():
            thread.join(_JOIN_SECONDS)

    def cpu_seconds(self) -> float | None:
        """Return the processor time that the thread has used; None if there is none, or the platform does not say."""
        thread = self._thread
        used = thread_cpu_ns(thread.native_id) if thread is not None else None
        return None if used is None else used / 1e9

    def _run(self, ended: threading.Event) -> None:
        while True:
            before = time.monotonic()
            if ended.wait(_TICK):
                return
            now = time.monotonic()
            self._tick(now, max(0.0, now - before - _TICK))

    def _tick(self, now: float, late: float) -> None:
        due = [pace for pace in self._paces if pace.due(now)]
        if not due:
            return
        frames = sys._current_frames()
        self._refresh(now, frames)
        for ident in (threading.get_ident(), *self._own):
            frames.pop(ident, None)
        try:
            look = Look(now, late, frames, self._threads, self._native_ids)
            for pace in due:
                pace.take(look)
        finally:
            frames.clear()

    def _refresh(self, now: float, frames: Mapping[int, FrameType]) -> None:
        """Read the list of threads again, once a second, or when one is seen that is not in it."""
        strange = frames.keys() - self._threads.keys()
        if now < self._refreshed + _SECOND and strange == self._unknown:
            return
        self._refreshed = now
        self._threads = threads_by_ident()
        self._unknown = frames.keys() - self._threads.keys()
        self._kinds = {ident: self._owned(ident, thread) for ident, thread in self._threads.items()}
        self._own = [ident for ident, (_, own) in self._kinds.items() if own]
        self._native_ids = {
            ident: thread.native_id for ident, thread in self._threads.items() if thread.native_id is not None
        }

    def _owned(self, ident: int, thread: threading.Thread) -> tuple[int, bool]:
        known = self._kinds.get(ident)
        if known is not None and known[0] == id(thread):
            return known
        return id(thread), kind_of(thread).own and actor_of(thread) is None


def actor_of(thread: threading.Thread) -> Any:
    """Return the application's actor of Pykka that a thread runs; None if it runs none, or one of this package's."""
    actor = getattr(thread.__dict__.get("_target"), "__self__", None)
    if "actor_inbox" not in getattr(actor, "__dict__", ()):
        return None
    module = type(actor).__module__
    return None if module.startswith(_OWN) and not module.startswith(_DEMO) else actor


ticker: Final = Ticker()
"""The one of this process, which the skills share."""
