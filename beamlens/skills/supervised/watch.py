"""The light thread that follows worker processes and children, and hears what supervisors tell."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from beamlens.skills.supervised.children import Children
from beamlens.skills.supervised.deaths import Deaths, death_told
from beamlens.skills.supervised.pools import Pools
from beamlens.skills.supervised.workers import WorkerProcesses
from supervision import telemetry

__all__ = ["Watch"]

_TICK: Final = 0.5
_CHILDREN: Final = 5.0
_PART: Final = 500.0  # a look at the children may take this part of the time to the next: 0.2 %
_DOWN: Final = ("supervision", "child", "down")
_STARTED: Final = ("supervision", "child", "started")


class Watch:
    """Follow what lives beside this process. `start` and `stop` from any thread."""

    def __init__(self) -> None:
        self.deaths = Deaths()
        self.workers = WorkerProcesses(self.deaths)
        self.children = Children()
        self.pools = Pools()
        self.errors = 0
        self.last_error: str | None = None
        self._handler = f"beamlens-sup-{id(self)}"
        self._stopped = threading.Event()
        self._looking = threading.Lock()
        self._thread: threading.Thread | None = None
        self._began = time.monotonic()
        self._used = 0.0
        self._next_children = 0.0

    def start(self) -> None:
        """Begin; once."""
        if self._thread is not None:
            return
        telemetry.attach_many(self._handler, [_DOWN, _STARTED], self._told, None)
        self._stopped.clear()
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="beamlens-sup-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, listen no more; waits for it."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        telemetry.detach(self._handler)
        self._stopped.set()
        thread.join(timeout=5.0)
        self.workers.forget()

    def look(self) -> None:
        """Look at once, on the calling thread."""
        with self._looking:
            now = time.monotonic()
            self.workers.look(now)
            self.children.look(now)

    def snapshot(self) -> dict[str, Any]:
        """Return what following cost so far."""
        thread = self._thread
        lived = max(1e-3, time.monotonic() - self._began)
        return {
            "running": thread is not None and thread.is_alive(),
            "seconds": round(lived, 1),
            "core_percent": round(self._used / lived * 100.0, 3),
            "errors": self.errors,
            "last_error": self.last_error,
        }

    def _run(self) -> None:
        while not self._stopped.wait(_TICK):
            with self._looking:
                self._guarded(self._look_often)
                if time.monotonic() >= self._next_children:
                    self._guarded(self._look_at_children)
            self._used = time.thread_time()

    def _look_often(self) -> None:
        self.workers.look(time.monotonic())
        self.pools.look()

    def _look_at_children(self) -> None:
        now = time.monotonic()
        self.children.look(now)
        self._next_children = now + max(_CHILDREN, self.children.cost_ms / 1e3 * _PART)

    def _told(
        self, name: tuple[str, ...], measurements: Mapping[str, Any], metadata: Mapping[str, Any], _: object
    ) -> None:
        if name == _DOWN:
            self.deaths.add(death_told(measurements, metadata))
        elif (metadata.get("incarnation") or 1) > 1:
            self.deaths.restarted()

    def _guarded(self, look: Callable[[], object]) -> None:
        try:
            look()
        except Exception as error:
            self.errors += 1
            self.last_error = f"{type(error).__name__}: {error}"[:200]
