"""How full the queues and pools were over time, who takes from them, and where those stand meanwhile."""

from __future__ import annotations

import time
import weakref
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from beamlens.skills.backlog.finding import (
    Seen,
    asyncio_is_loaded,
    executor_backlog,
    executors,
    items_of,
    mailboxes,
    named_by_modules,
    queue_named,
    queues_of_tasks,
    queues_of_threads,
    takers,
)
from beamlens.skills.interpreter.containers import Walker
from beamlens.skills.interpreter.trend import Growth, growth
from beamlens.skills.waits.awaits import awaiting
from beamlens.skills.waits.running import standing
from beamlens.skills.waits.ticker import Look

__all__ = ["Backlog", "BacklogHistory"]

_POINTS: Final = 120
_WINDOW: Final = 60.0
_LEAST_SECONDS: Final = 6.0
_LEAST_CHANGE: Final = 20
_STANDS: Final = 40
_DRAINS: Final = 10
_MOST: Final = 300
_MOST_WORKERS: Final = 64
_WAITING: Final = ("lock", "sleep", "socket", "file", "child", "semaphore", "queue put", "event", "condition",
                   "socket read", "socket write", "future", "futures", "connect", "name resolution")  # fmt: skip


@dataclass(slots=True)
class Backlog:
    """Hold one queue or pool.

    Args:
        kind: `queue`, `asyncio queue`, `thread pool`, `process pool`.
        reference: to the queue or executor, weakly.
        name: how a module calls it, else where it is taken from.
        workers: idents of threads that take from it; tasks in `tasks`.
        points: (seconds, items).
        stands: where the workers stood, in the last looks: (line, function, kind).
    """

    kind: str
    reference: Any
    name: str | None = None
    named: bool = False
    bound: int | None = None
    size: int = 0
    workers: set[int] = field(default_factory=set)
    tasks: weakref.WeakSet[Any] = field(default_factory=weakref.WeakSet)
    points: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=_POINTS))
    stands: deque[tuple[str | None, str | None, str | None]] = field(default_factory=lambda: deque(maxlen=_STANDS))
    saturated_since: float | None = None

    def moved(self) -> Growth | None:
        """Return how it grew within a minute, from the last time on that it was empty."""
        points = [point for point in list(self.points) if point[0] >= self.points[-1][0] - _WINDOW]
        empty = max((at for at, point in enumerate(points) if point[1] == 0), default=0)
        return growth(points[empty:], _LEAST_SECONDS)

    def bottleneck(self) -> dict[str, Any]:
        """Return where those that take from it stand for the most part."""
        stands = list(self.stands)
        if not stands:
            return {"at": None, "func": None, "waits_for": None, "part": None, "looks": 0, "type": "unknown"}
        (at, func, kind), count = Counter(stands).most_common(1)[0]
        return {
            "at": at,
            "func": func,
            "waits_for": kind,
            "part": round(count / len(stands), 2),
            "looks": len(stands),
            "type": _type(Counter(each[2] for each in stands)),
        }


def _drains(levels: list[float]) -> bool:
    """Say whether a backlog is being worked off: nearly each look sees less than the one before."""
    steps = [after < before for before, after in pairwise(levels)]
    return len(steps) >= 4 and sum(steps) >= 0.8 * len(steps)


def _type(kinds: Counter[str | None]) -> str:
    """Return what keeps the workers: `contention`, `downstream`, `computing`, or `unknown`."""
    total = kinds.total()
    if 2 * (kinds["lock"] + kinds["semaphore"]) > total:
        return "contention"
    if 2 * kinds["running"] > total:
        return "computing"
    if 2 * sum(count for kind, count in kinds.items() if kind in _WAITING) > total:
        return "downstream"
    return "unknown"


class BacklogHistory:
    """Look at queues and pools. Looked at by the ticker's thread, read from any."""

    def __init__(self) -> None:
        self._backlogs: dict[int, Backlog] = {}
        self._walker = Walker(budget_ms=3.0)

    # -- looks --------------------------------------------------------------------------------------

    def find(self, look: Look) -> None:
        """See who stands in which queue, and which pools there are; several times a second."""
        for seen in queues_of_threads(look.frames):
            self._note(seen)
        for actor, inbox, ident in mailboxes(look):
            backlog = self._of(inbox, "queue")
            if backlog is not None:
                backlog.name, backlog.named = f"mailbox of {actor}"[:80], True
                backlog.workers.add(ident)
        for executor, kind, ident in executors(look):
            backlog = self._of(executor, kind)
            if backlog is not None:
                backlog.workers.add(ident)
                backlog.bound = None

    def find_tasks(self, _look: Look) -> None:
        """See which tasks stand in which queues."""
        if asyncio_is_loaded():
            for seen in queues_of_tasks():
                self._note(seen)

    def find_names(self, look: Look) -> None:
        """Learn how modules call the queues, and of those that nobody was seen at."""
        by_items = {id(items_of(each.reference())): each for each in self._backlogs.values()}
        for ident, (name, _) in named_by_modules(self._walker).items():
            known = by_items.get(ident) or self._of(queue_named(name), "queue")
            if known is not None:
                known.name, known.named = name, True
        for backlog in self._backlogs.values():
            if backlog.size and backlog.named and backlog.kind == "queue" and not backlog.workers:
                backlog.workers |= takers(str(backlog.name), look.frames)

    def measure(self, look: Look) -> None:
        """Take the sizes, and see where the workers stand; once a second."""
        for key, backlog in list(self._backlogs.items()):
            owner = backlog.reference()
            if owner is None:
                del self._backlogs[key]
            else:
                self._measured(look, backlog, owner)

    def _measured(self, look: Look, backlog: Backlog, owner: Any) -> None:
        size = executor_backlog(owner) if backlog.kind.endswith("pool") else len(items_of(owner) or ())
        if size is None:
            return
        backlog.size = size
        backlog.points.append((look.now, float(size)))
        backlog.workers &= look.threads.keys()
        if not size:
            backlog.saturated_since = None
            backlog.stands.clear()
            return
        busy = self._look_at_workers(look, backlog)
        if backlog.kind == "thread pool":
            full = busy >= int(owner._max_workers) and size >= 2 * int(owner._max_workers)
            keep = full and not _drains([level for _, level in list(backlog.points)[-_DRAINS:]])
            backlog.saturated_since = (backlog.saturated_since or look.now) if keep else None

    def _look_at_workers(self, look: Look, backlog: Backlog) -> int:
        busy = 0
        for ident in list(backlog.workers)[:_MOST_WORKERS]:
            frame = look.frames.get(ident)
            if frame is not None:
                busy += 1
                stands = standing(frame, look.native_ids.get(ident))
                at, func = (stands.at.at, stands.at.function) if stands.at is not None else (None, None)
                backlog.stands.append((at, func, stands.kind))
        for task in list(backlog.tasks)[:_MOST_WORKERS]:
            if not task.done():
                waits = awaiting(task)
                at, func = (waits.at.at, waits.at.function) if waits.at is not None else (None, None)
                backlog.stands.append((at, func, waits.kind))
        return busy

    def _note(self, seen: Seen) -> None:
        backlog = self._of(seen.queue, seen.kind)
        if backlog is None:
            return
        bound = getattr(seen.queue, "maxsize", getattr(seen.queue, "_maxsize", 0))
        backlog.bound = bound if isinstance(bound, int) and bound > 0 else None
        if seen.method == "Queue.get":
            backlog.name = backlog.name if backlog.named else f"queue taken from at {seen.at}"
            if seen.task is None:
                backlog.workers.add(seen.ident)
            else:
                backlog.tasks.add(seen.task)
        elif backlog.name is None:
            backlog.name = f"queue filled at {seen.at}"

    def _of(self, owner: Any, kind: str) -> Backlog | None:
        found = self._backlogs.get(id(owner))
        if found is not None and found.reference() is owner:
            return found
        if owner is None or len(self._backlogs) >= _MOST:
            return None
        try:
            reference = weakref.ref(owner)
        except TypeError:
            return None
        found = self._backlogs[id(owner)] = Backlog(kind, reference)
        if kind.endswith("pool"):
            prefix = str(getattr(owner, "_thread_name_prefix", "") or kind)
            found.name, found.named = f"{kind} {prefix}"[:80], True
        return found

    # -- reading ------------------------------------------------------------------------------------

    def rows(self, limit: int) -> list[dict[str, Any]]:
        """Return the queues and pools, the fullest first.

        Args:
            limit: how many at most.
        """
        backlogs = sorted(self._backlogs.values(), key=lambda each: -each.size)
        return _unique([self._row(each) for each in backlogs[:limit] if each.points])

    @staticmethod
    def _row(backlog: Backlog) -> dict[str, Any]:
        moved = backlog.moved()
        owner = backlog.reference()
        growing = moved is not None and moved.steady and moved.change >= _LEAST_CHANGE
        since = backlog.saturated_since
        return {
            "name": backlog.name or f"{backlog.kind} of an unknown place",
            "kind": backlog.kind,
            "size": backlog.size,
            "bound": backlog.bound,
            "change": int(moved.change) if moved is not None else None,
            "per_minute": round(moved.per_minute, 1) if moved is not None else None,
            "seconds": round(moved.seconds, 1) if moved is not None else None,
            "growing": growing,
            "workers": len(backlog.workers) + len(backlog.tasks),
            "most_workers": getattr(owner, "_max_workers", None),
            "saturated_seconds": round(time.monotonic() - since, 1) if since is not None else 0.0,
            "bottleneck": backlog.bottleneck(),
        }

    def onsets(self) -> list[dict[str, Any]]:
        """Return the queues that are not empty by when they last began to fill, the first one first."""
        now = time.monotonic()
        found = []
        for backlog in list(self._backlogs.values()):
            points = list(backlog.points)
            filled = [at for at, point in enumerate(points) if point[1] == 0]
            began = points[filled[-1] + 1][0] if filled and filled[-1] + 1 < len(points) else None
            if backlog.size and points:
                found.append((began if began is not None else points[0][0], began is None, backlog))
        found.sort(key=lambda each: each[0])
        return [
            {
                "name": backlog.name,
                "size": backlog.size,
                "since_seconds": round(now - began, 1),
                "at_least": unseen,
                "growing": self._row(backlog)["growing"],
            }
            for began, unseen, backlog in found
        ]


def _unique(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give rows of one name numbers, so that each can be asked for."""
    names: Counter[str] = Counter()
    found = []
    for row in rows:
        names[row["name"]] += 1
        number = names[row["name"]]
        found.append(row if number == 1 else {**row, "name": f"{row['name']} ({number})"})
    return found
