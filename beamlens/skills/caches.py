"""The skill `caches`: containers in memory that grow, and who keeps an object alive."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence, Sized
from typing import Any, ClassVar, Final

from beamlens.errors import SkillError
from beamlens.skills.caches_checks import CHECKS
from beamlens.skills.caches_docs import DOCS, SYSTEM_PROMPT
from beamlens.skills.checks import Check
from beamlens.skills.heap.background import Background
from beamlens.skills.heap.edges import type_name
from beamlens.skills.heap.everywhere import growing_anywhere
from beamlens.skills.heap.function_caches import function_caches
from beamlens.skills.heap.keepers import keepers, keepers_of_type
from beamlens.skills.heap.kinds import find_type
from beamlens.skills.heap.members import about_bytes
from beamlens.skills.heap.registered import RegisteredCaches
from beamlens.skills.interpreter.container_history import ContainerHistory
from beamlens.skills.interpreter.containers import LARGE
from beamlens.skills.interpreter.trend import growth
from beamlens.skills.limits_given import rows, seconds_given
from beamlens.skills.skill import Skill

__all__ = ["Caches"]

_LOOK_SECONDS: Final = 4.0
_SHOWN: Final = 5
_SAMPLES: Final = 5
_WALKS: Final = 8
_LONGEST_NAME: Final = 300
_WINDOW: Final = 120.0
_LEAST_SECONDS: Final = 12.0
_MIB: Final = 1 << 20


class Caches(Skill):
    """Watch the containers of the application: dictionaries, lists, sets, queues, function caches.

    A thread of its own (`beamlens-caches`) walks the modules' names every few seconds, so that each answer can say how
    things move. Who keeps an object alive is looked for in a copy of the process.

    Args:
        watched: caches to be named besides those that are found: anything with a length, by name.
    """

    id: ClassVar[str] = "caches"
    title: ClassVar[str] = "Caches and containers"
    description: ClassVar[str] = (
        "In-memory caches and containers: which of them grow without a bound, function caches, what they hold and how "
        "much memory that takes, and who keeps an object alive"
    )
    system_prompt: ClassVar[str] = SYSTEM_PROMPT
    additive: ClassVar[tuple[str, ...]] = ("containers.growing_count", "heap.blocks")
    callback_seconds: ClassVar[float] = 30.0

    def __init__(self, watched: Mapping[str, Sized] | None = None) -> None:
        self._history = ContainerHistory()
        self._registered = RegisteredCaches(watched or {})
        self._blocks: deque[tuple[float, float]] = deque(maxlen=60)
        self._walking = threading.Lock()
        self._background = Background("beamlens-caches", self._look, _LOOK_SECONDS)

    def start(self) -> None:
        """Start to walk."""
        self._background.start()

    def stop(self) -> None:
        """End the thread; nothing else was changed."""
        self._background.stop()

    def checks(self) -> Sequence[Check]:
        """Return what is wrong with any Python program of which it holds."""
        return CHECKS

    def callback_docs(self) -> str:
        """Return the callbacks' documentation."""
        return DOCS

    def callbacks(self) -> Mapping[str, Callable[..., Any]]:
        """Return the callbacks; all of them only look."""
        return {
            "caches_list": self.largest,
            "caches_growing": self.growing,
            "caches_info": self.info,
            "caches_functions": self.functions,
            "caches_who_keeps": self.who_keeps,
            "caches_anywhere": self.anywhere,
        }

    def _look(self, now: float) -> None:
        with self._walking:
            self._history.look(now)
        self._registered.look(now)
        self._blocks.append((now, float(sys.getallocatedblocks())))

    def snapshot(self) -> dict[str, Any]:
        """Return which containers grow; about a millisecond."""
        began = time.perf_counter()
        growing = [*self._registered.growing(), *self._history.growing(_SHOWN)][:_SHOWN]
        last = self._history.last
        data: dict[str, Any] = {
            "containers": {
                "watched": len(last.found),
                "growing_count": len(growing),
                "growing": growing,
                "largest": self._history.largest(_SHOWN),
            },
            "registered": self._registered.rows()[:50],
            "heap": self._heap(),
            "collector": {**self._background.snapshot(), "walk_ms": last.cost_ms, "walk_complete": last.complete},
            "missing": self._missing(),
        }
        data["cost_ms"] = round((time.perf_counter() - began) * 1e3, 3)
        return data

    def _heap(self) -> dict[str, Any]:
        points = list(self._blocks)
        moved = growth([point for point in points if point[0] >= points[-1][0] - _WINDOW], _LEAST_SECONDS)
        return {
            "blocks": sys.getallocatedblocks(),
            "change": None if moved is None else int(moved.change),
            "per_minute": None if moved is None else round(moved.per_minute),
            "seconds": None if moved is None else round(moved.seconds, 1),
            "steady": None if moved is None else moved.steady,
        }

    def _missing(self) -> list[str]:
        if not self._background.snapshot()["running"]:
            return ["collector: it does not run, so nothing that needs a past is known"]
        return [] if len(self._blocks) >= _SHOWN else ["growth: too little of the past is known yet"]

    def largest(self, limit: int = 20) -> dict[str, Any]:
        """Return the largest containers that modules lead to; walks once more first."""
        most = rows("caches_list", limit)
        self._look(time.monotonic())
        return {"containers": self._history.largest(most), **self._walked()}

    def growing(self, limit: int = 10) -> dict[str, Any]:
        """Return the containers that grow without a bound; walks once more first."""
        most = rows("caches_growing", limit)
        self._look(time.monotonic())
        return {"growing": [*self._registered.growing(), *self._history.growing(most)][:most], **self._walked()}

    def _walked(self) -> dict[str, Any]:
        last = self._history.last
        return {"visited": last.visited, "complete": last.complete, "cost_ms": last.cost_ms}

    def info(self, path: str) -> dict[str, Any]:
        """Return what one container is and holds."""
        container = self._container("caches_info", path)
        row = next(row for row in self._history.largest(1_000_000) if row["path"] == path)
        size, kinds = about_bytes(container)
        return {
            **row,
            "growing": any(each["path"] == path for each in self._history.growing(1000)),
            "about_mb": round(size / _MIB, 2),
            "newest": [{"type": name, "count": count} for name, count in kinds.items()],
        }

    def functions(self, limit: int = 20) -> dict[str, Any]:
        """Return the function caches, the largest first."""
        found = function_caches()
        return {"caches": found[: rows("caches_functions", limit)], "count": len(found)}

    def who_keeps(self, name: str) -> dict[str, Any]:
        """Return who keeps a container, or objects of a class, alive."""
        kind = find_type(name) if 0 < len(name) <= _LONGEST_NAME else None
        if kind is not None:
            return {"name": type_name(kind), **keepers_of_type(kind, _SAMPLES)}
        return {"name": name, **keepers([self._container("caches_who_keeps", name)])}

    def anywhere(self, seconds: float = 3.0, limit: int = 5) -> dict[str, Any]:
        """Return the containers that grow anywhere on the heap, also those that no module leads to."""
        return growing_anywhere(
            seconds_given("caches_anywhere", "seconds", seconds, 10.0), min(rows("caches_anywhere", limit), 10)
        )

    def _container(self, callback: str, path: str) -> Any:
        """Return the container of a path; only what was found by a walk can be named."""
        if any(row["path"] == path for row in self._history.largest(1_000_000)):
            for _ in range(_WALKS):
                caught: list[Any] = []
                with self._walking:
                    self._history.look(time.monotonic(), path, caught)
                if caught:
                    return caught.pop()
        raise SkillError(
            "bad_arguments",
            f"{callback}: {path[:80]!r} is no container of {LARGE} items and more that was found; a path as in "
            "caches_list() is expected",
        )
