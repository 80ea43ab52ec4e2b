"""The one light thread that looks at the process ten times a second, and less often where looking is dear."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from beamlens.skills.interpreter.births import births
from beamlens.skills.interpreter.container_history import ContainerHistory
from beamlens.skills.interpreter.cpu import CpuHistory
from beamlens.skills.interpreter.gil import GilGauge
from beamlens.skills.interpreter.locks import LockHistory
from beamlens.skills.interpreter.loops import LoopWatch
from beamlens.skills.interpreter.memory import MemoryHistory
from beamlens.skills.interpreter.procfs import RunDelay, thread_cpu_ns
from beamlens.skills.interpreter.threads import ThreadHistory

__all__ = ["Sampler"]

_TICK: Final = 0.1
_SECOND: Final = 1.0
_WALK: Final = 3.0
# One look may take this part of the time to its next: 0.25 % of a core and twice 0.1 %, so that there is room for the
# collectors of all other skills below one per cent.
_TICK_PART: Final = 400.0
_WALK_PART: Final = 1000.0
_LONGEST_TICK: Final = 2.0


class Sampler:
    """Collect what needs a past: levels, slopes, waits, blocks. `start` and `stop` from any thread.

    What a look costs decides when the next one is, so that all looks together take below one per cent of a core
    whatever the number of threads and modules. A look that raises is counted, shown, and does not end the thread.
    """

    def __init__(self) -> None:
        self.memory = MemoryHistory()
        self.threads = ThreadHistory()
        self.containers = ContainerHistory()
        self.locks = LockHistory()
        self.loops = LoopWatch()
        self.gil = GilGauge()
        self.cpu = CpuHistory()
        self._walking = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._next_second = self._next_walk = 0.0
        self._began = time.monotonic()
        self.ticks = 0
        self.errors = 0
        self.last_error: str | None = None

    def start(self) -> None:
        """Start the thread, and remember births of threads from now on; once."""
        if self._thread is not None:
            return
        births.begin()
        self._stopped.clear()
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="beamlens-vm-sampler", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and put everything back as it was; waits for it."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._stopped.set()
        thread.join(timeout=5.0)
        births.end()

    def walk(self) -> None:
        """Walk the modules now, on the calling thread, unless that is being done."""
        if self._walking.acquire(blocking=False):
            try:
                self.containers.look(time.monotonic())
            finally:
                self._walking.release()

    def snapshot(self) -> dict[str, Any]:
        """Return what collecting cost so far."""
        thread = self._thread
        used = _thread_seconds(thread)
        lived = max(1e-3, time.monotonic() - self._began)
        return {
            "running": thread is not None and thread.is_alive(),
            "seconds": round(lived, 1),
            "ticks": self.ticks,
            "core_percent": None if used is None else round(used / lived * 100.0, 3),
            "walk_ms": self.containers.last.cost_ms,
            "errors": self.errors,
            "last_error": self.last_error,
        }

    def _run(self) -> None:
        delay = RunDelay()
        try:
            pause = 0.0
            while not self._pause(pause, delay):
                self._seldom(time.monotonic())
                began = time.thread_time()
                self._guarded(self._tick)
                self.ticks += 1
                pause = min(_LONGEST_TICK, max(_TICK, (time.thread_time() - began) * _TICK_PART))
        finally:
            delay.close()

    def _pause(self, seconds: float, delay: RunDelay) -> bool:
        """Sleep, and note how late it went on; return whether it is time to end."""
        before, delayed = time.perf_counter(), delay.read()
        if self._stopped.wait(seconds):
            return True
        slept, delayed_after = time.perf_counter() - before, delay.read()
        self.gil.measure(seconds, slept, None if delayed is None or delayed_after is None else delayed_after - delayed)
        return False

    def _seldom(self, now: float) -> None:
        if now >= self._next_second:
            began = time.thread_time()
            self._guarded(lambda: self.threads.look(now))
            self._guarded(lambda: self.cpu.look(now))
            self._guarded(lambda: self.memory.look(now))
            self._next_second = now + max(_SECOND, (time.thread_time() - began) * _WALK_PART)
        if now >= self._next_walk:
            self._guarded(self.walk)
            self._next_walk = now + max(_WALK, self.containers.last.cost_ms / 1e3 * _WALK_PART)

    def _tick(self) -> None:
        now = time.monotonic()
        frames = sys._current_frames()
        for ident in (threading.get_ident(), *self.threads.own):
            frames.pop(ident, None)
        try:
            self.loops.look(now, frames, self.threads.native_ids)
            self.locks.look(now, frames, self.threads.native_ids)
        finally:
            frames.clear()

    def _guarded(self, look: Callable[[], object]) -> None:
        try:
            look()
        except Exception as error:
            self.errors += 1
            self.last_error = f"{type(error).__name__}: {error}"[:200]


def _thread_seconds(thread: threading.Thread | None) -> float | None:
    used = thread_cpu_ns(thread.native_id) if thread is not None else None
    return None if used is None else used / 1e9
