"""A light thread of a skill's own that looks again and again, for looks that may wait (for a copy of the process)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

from beamlens.skills.interpreter.procfs import thread_cpu_ns

__all__ = ["Background"]

_COST_PART: Final = 400.0  # a look may take this part of the time to the next: 0.25 % of a core
_LONGEST_PAUSE: Final = 60.0
_JOIN_SECONDS: Final = 15.0


class Background:
    """Call a function every few seconds, less often where that is dear. `start` and `stop` from any thread.

    Args:
        name: of the thread.
        look: is given `time.monotonic()`; what it raises is counted and shown, and ends nothing.
        seconds: between two calls.
    """

    def __init__(self, name: str, look: Callable[[float], object], seconds: float) -> None:
        self._name = name
        self._look = look
        self._seconds = seconds
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._began = time.monotonic()
        self.looks = 0
        self.errors = 0
        self.last_error: str | None = None

    def start(self) -> None:
        """Start the thread; once."""
        if self._thread is None:
            self._began = time.monotonic()
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stopped.set()
            thread.join(_JOIN_SECONDS)

    def snapshot(self) -> dict[str, Any]:
        """Return what the looks cost so far."""
        thread = self._thread
        used = thread_cpu_ns(thread.native_id) if thread is not None else None
        lived = max(1e-3, time.monotonic() - self._began)
        return {
            "running": thread is not None and thread.is_alive(),
            "seconds": round(lived, 1),
            "looks": self.looks,
            "core_percent": None if used is None else round(used / 1e9 / lived * 100.0, 3),
            "errors": self.errors,
            "last_error": self.last_error,
        }

    def _run(self) -> None:
        pause = 0.0
        while not self._stopped.wait(pause):
            began = time.thread_time()
            try:
                self._look(time.monotonic())
            except Exception as error:
                self.errors += 1
                self.last_error = f"{type(error).__name__}: {error}"[:200]
            self.looks += 1
            pause = min(_LONGEST_PAUSE, max(self._seconds, (time.thread_time() - began) * _COST_PART))
