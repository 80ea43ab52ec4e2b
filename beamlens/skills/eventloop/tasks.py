"""The tasks of all loops: how old, where they wait, who created them, which kinds only ever become more."""

from __future__ import annotations

import sys
import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, Final

from beamlens.skills.eventloop.births import task_births
from beamlens.skills.interpreter.places import Place, code_place
from beamlens.skills.interpreter.trend import growth
from beamlens.skills.waits.awaits import Awaiting, awaiting, coroutine_code, coroutine_place, waited_tasks
from beamlens.skills.waits.ticker import Look

__all__ = ["TaskHistory", "alive_tasks", "task_cycles", "task_waits", "unretrieved"]

OLD_SECONDS: Final = 3.0
"""From which age on a task counts as one that may have been left behind."""

_POINTS: Final = 120
_WINDOW: Final = 60.0
_LEAST_SECONDS: Final = 8.0
_LEAST_CHANGE: Final = 10
_MOST_KINDS: Final = 300
_MOST_LOOKED_AT: Final = 5000
_ENDED_PART: Final = 0.1


def _references() -> list[Any]:
    """Return weak references to all tasks, done ones too; taken at once, whatever the loops do meanwhile."""
    asyncio = sys.modules.get("asyncio.tasks")
    found: list[Any] = []
    for name in ("_all_tasks", "_scheduled_tasks", "_eager_tasks"):
        tasks = getattr(asyncio, name, None)
        data = getattr(tasks, "data", tasks)
        found.extend(list(data) if isinstance(data, set) else ())
    return found


def alive_tasks(loops: Iterable[Any] = ()) -> list[Any]:
    """Return all tasks that are not done, of all loops and threads.

    Args:
        loops: those that are known; asked one by one where asyncio keeps its tasks in C (from 3.14 on).
    """
    found: dict[int, Any] = {}
    for reference in _references():
        task = reference() if callable(reference) else reference
        if task is not None and not task.done():
            found[id(task)] = task
    all_tasks = getattr(sys.modules.get("asyncio"), "all_tasks", None)
    if sys.version_info >= (3, 14) and all_tasks is not None:
        found.update((id(task), task) for loop in loops for task in all_tasks(loop))
    return list(found.values())


def unretrieved(limit: int) -> tuple[int, list[str]]:
    """Return how many tasks ended with an exception that nobody asked for, and some of their functions.

    Args:
        limit: functions at most.
    """
    kinds: Counter[str] = Counter()
    for reference in _references():
        task = reference() if callable(reference) else None
        if task is not None and task.done() and getattr(task, "_log_traceback", False):
            place = coroutine_place(task)
            kinds[str(place) if place is not None else "?"] += 1
    return kinds.total(), [name for name, _ in kinds.most_common(limit)]


@dataclass(slots=True)
class _Kind:
    points: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=_POINTS))
    ended: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=_POINTS))


class TaskHistory:
    """Count the old tasks of each kind over time. Looked at by the ticker's thread, read from any."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[float, CodeType | None]] = {}
        self._kinds: dict[CodeType, _Kind] = {}
        self.count = 0
        self.oldest_seconds: float | None = None
        self.cost_ms = 0.0

    def look(self, look: Look, loops: Iterable[Any] = ()) -> None:
        """Count; about once a second.

        Args:
            look: the tick.
            loops: those that are known.
        """
        began, known = time.thread_time(), self._known
        alive: dict[int, tuple[float, CodeType | None]] = {}
        for task in alive_tasks(loops):
            key, code = id(task), coroutine_code(task)
            before = known.get(key)
            # An id is used again once a task is gone; then it is another kind, or a task no older than one look.
            alive[key] = before if before is not None and before[1] is code else (look.now, code)
        old = Counter(code for seen, code in alive.values() if code is not None and look.now - seen >= OLD_SECONDS)
        gone = (each for key, each in known.items() if key not in alive)
        ended = Counter(code for seen, code in gone if code is not None and look.now - seen >= OLD_SECONDS)
        self._known = alive
        self.count = len(alive)
        self.oldest_seconds = max((look.now - seen for seen, _ in alive.values()), default=None)
        self._note(look.now, old, ended)
        self.cost_ms = round((time.thread_time() - began) * 1e3, 2)

    def _note(self, now: float, old: Counter[CodeType], ended: Counter[CodeType]) -> None:
        for code in old.keys() | self._kinds.keys():
            kind = self._kinds.get(code)
            if kind is None:
                if len(self._kinds) >= _MOST_KINDS:
                    continue
                kind = self._kinds[code] = _Kind()
                kind.points.append((now - 1.0, 0.0))
            kind.points.append((now, float(old[code])))
            if ended[code]:
                kind.ended.append((now, ended[code]))
        for code in [code for code, kind in self._kinds.items() if not any(level for _, level in kind.points)]:
            del self._kinds[code]

    def age(self, task: Any) -> float | None:
        """Return a task's age in seconds, as far as it was seen; None if it never was."""
        born, seen = task_births.of(task), self._known.get(id(task))
        times = [*([born.when] if born is not None else []), *([seen[0]] if seen is not None else [])]
        return time.monotonic() - min(times) if times else None

    def growing(self) -> list[dict[str, Any]]:
        """Return the kinds of tasks that only become more: none of the old ones ends. The fastest first."""
        found = []
        for code, kind in list(self._kinds.items()):
            points = [point for point in list(kind.points) if point[0] >= kind.points[-1][0] - _WINDOW]
            moved = growth(points, _LEAST_SECONDS)
            if moved is None or not moved.steady or moved.change < _LEAST_CHANGE:
                continue
            ended = sum(count for when, count in list(kind.ended) if when >= points[0][0])
            if ended > _ENDED_PART * moved.change:
                continue
            place = code_place(code)
            found.append(
                {
                    "key": f"{place.function} ({place.at})",
                    "count": int(points[-1][1]),
                    "change": int(moved.change),
                    "per_minute": round(moved.per_minute, 1),
                    "seconds": round(moved.seconds, 1),
                    "ended": ended,
                }
            )
        return sorted(found, key=lambda each: -float(each["per_minute"]))

    # -- closer looks -----------------------------------------------------------------------------

    def groups(self, limit: int, loops: Iterable[Any] = ()) -> dict[str, Any]:
        """Return the tasks grouped by what they run and where they wait, the largest group first.

        Args:
            limit: groups at most.
            loops: those that are known.
        """
        began = time.perf_counter()
        tasks = alive_tasks(loops)
        groups: dict[tuple[Place | None, Place | None, str], list[tuple[Any, Awaiting]]] = {}
        for task in tasks[:_MOST_LOOKED_AT]:
            waits = awaiting(task)
            groups.setdefault((coroutine_place(task), waits.at, waits.kind), []).append((task, waits))
        ordered = sorted(groups.values(), key=lambda members: -len(members))
        shown = [self._group(members) for members in ordered[:limit]]
        total = len(tasks)
        tasks.clear()
        return {
            "total": total,
            "not_looked_at": max(0, total - _MOST_LOOKED_AT),
            "groups": shown,
            "groups_not_shown": max(0, len(ordered) - limit),
            "cost_ms": round((time.perf_counter() - began) * 1e3, 2),
        }

    def _group(self, members: list[tuple[Any, Awaiting]]) -> dict[str, Any]:
        task, waits = members[0]
        place = coroutine_place(task)
        births = Counter(known.place for each, _ in members if (known := task_births.of(each)) is not None)
        born = births.most_common(1)[0][0] if births else None
        return {
            "key": _key(place),
            "runs": place.function if place is not None else None,
            "count": len(members),
            "oldest_seconds": _rounded(max((self.age(each) or 0.0 for each, _ in members), default=None)),
            **_told(waits),
            "born_at": born.at if born is not None else None,
            "born_in": born.function if born is not None else None,
            "births_known": births.total(),
        }

    def oldest(self, limit: int, loops: Iterable[Any] = ()) -> list[dict[str, Any]]:
        """Return the oldest tasks, each with whom it waits for.

        Args:
            limit: how many at most.
            loops: those that are known.
        """
        tasks = sorted(alive_tasks(loops), key=lambda task: -(self.age(task) or 0.0))
        return [self._one(task) for task in tasks[:limit]]

    def _one(self, task: Any) -> dict[str, Any]:
        born, place = task_births.of(task), coroutine_place(task)
        return {
            "name": str(task.get_name())[:80],
            "age_seconds": _rounded(self.age(task)),
            "key": _key(place),
            "runs": place.function if place is not None else None,
            **_told(awaiting(task)),
            "waits_for": [str(other.get_name())[:80] for other in waited_tasks(task)[:5]],
            "born_at": born.place.at if born is not None else None,
        }


def _key(place: Place | None) -> str:
    return f"{place.function} ({place.at})" if place is not None else "?"


def _told(waits: Awaiting) -> dict[str, Any]:
    return {
        "at": waits.at.at if waits.at is not None else None,
        "func": waits.at.function if waits.at is not None else None,
        "kind": waits.kind,
        "doing": waits.doing,
        "reads": waits.reads,
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def task_waits(limit: int, loops: Iterable[Any] = ()) -> tuple[list[dict[str, Any]], int]:
    """Return which tasks wait for which, and how many such pairs there are.

    Args:
        limit: pairs at most.
        loops: those that are known.
    """
    tasks = alive_tasks(loops)[:_MOST_LOOKED_AT]
    edges = [(task, other) for task in tasks for other in waited_tasks(task)]
    return [
        {
            "task": str(task.get_name())[:80],
            "waits_for": str(other.get_name())[:80],
            "at": at.at if (at := awaiting(task).at) is not None else None,
            "other_at": place.at if (place := awaiting(other).at) is not None else None,
        }
        for task, other in edges[:limit]
    ], len(edges)


def task_cycles(loops: Iterable[Any] = ()) -> list[list[str]]:
    """Return the names of tasks that wait for each other, so that none of them can ever go on.

    Args:
        loops: those that are known.
    """
    tasks = {id(task): task for task in alive_tasks(loops)[:_MOST_LOOKED_AT]}
    return _cycles({key: [id(other) for other in waited_tasks(task)] for key, task in tasks.items()}, tasks)


def _cycles(graph: dict[int, list[int]], tasks: dict[int, Any]) -> list[list[str]]:
    found: list[list[str]] = []
    done: set[int] = set()
    for start in graph:
        path: list[int] = []
        each = start
        while each not in done and each not in path and len(graph.get(each, ())) == 1:
            path.append(each)
            each = graph[each][0]
        if each in path:
            found.append([str(tasks[key].get_name())[:80] for key in path[path.index(each) :]])
        done.update(path)
    return found
