"""Where tasks were created: remembered while somebody wants to know, by a wrapper that is taken off again."""

from __future__ import annotations

import sys
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final

from beamlens.skills.interpreter.places import Place, owner_of, place_of, stack_of

__all__ = ["Born", "TaskBirths", "task_births"]

_MOST: Final = 20_000
_DEPTH: Final = 40
_PER_REFILL: Final = 30


@dataclass(frozen=True, slots=True)
class Born:
    """Say when and where a task was created.

    Args:
        when: `time.monotonic()`.
        place: the application's innermost line then; a library's where it had none.
    """

    when: float
    place: Place


class TaskBirths:
    """Remember where tasks are created, of 300 a second at most: what leaks is among them sooner or later. Any thread.

    asyncio keeps no such record unless in debug mode, so `create_task` of the loops' classes is wrapped from the first
    `begin` to the last `end`. The wrapper adds 0.2 us to a task's creation, 3 us where it remembers.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._tokens = 0
        self._wrapped: list[tuple[type, Callable[..., Any] | None, Callable[..., Any]]] = []
        self._born: dict[weakref.ref[Any], Born] = {}

    def begin(self) -> None:
        """Remember births from now on, until as many calls of `end`."""
        with self._lock:
            self._users += 1
        self.refill()

    def end(self) -> None:
        """Stop remembering, forget, and put the classes back as they were."""
        with self._lock:
            self._users = max(0, self._users - 1)
            if self._users:
                return
            self._tokens = 0
            for owner, own, wrapper in self._wrapped:
                if owner.__dict__.get("create_task") is not wrapper:
                    continue  # somebody else wrapped it meanwhile: ours stays below and passes on
                if own is None:
                    delattr(owner, "create_task")
                else:
                    owner.create_task = own  # type: ignore[attr-defined]
            self._wrapped.clear()
            self._born.clear()

    def refill(self) -> None:
        """Allow some more births to be remembered, and wrap what was imported meanwhile; ten times a second."""
        with self._lock:
            if self._users:
                self._tokens = _PER_REFILL
                known = {owner for owner, _, _ in self._wrapped}
                for owner in _loop_classes():
                    if owner not in known:
                        self._wrap(owner)

    def of(self, task: Any) -> Born | None:
        """Return when and where a task was created; None if that was not remembered."""
        return self._born.get(weakref.ref(task))

    def _wrap(self, owner: type) -> None:
        original = owner.create_task  # type: ignore[attr-defined]
        seen = self._seen

        def create_task(loop: Any, coro: Any, **options: Any) -> Any:
            """Create the task."""
            task = original(loop, coro, **options)
            if self._tokens > 0:
                self._tokens -= 1
                seen(task, sys._getframe(1))
            return task

        create_task.__wrapped__ = original  # type: ignore[attr-defined]
        self._wrapped.append((owner, owner.__dict__.get("create_task"), create_task))
        owner.create_task = create_task  # type: ignore[attr-defined]

    def _seen(self, task: Any, caller: FrameType) -> None:
        if len(self._born) < _MOST:
            self._born[weakref.ref(task, self._forget)] = Born(time.monotonic(), _birthplace(caller))

    def _forget(self, reference: weakref.ref[Any]) -> None:
        self._born.pop(reference, None)


def _loop_classes() -> list[type]:
    found = []
    for module, name in (("asyncio.base_events", "BaseEventLoop"), ("uvloop", "Loop")):
        owner = getattr(sys.modules.get(module), name, None)
        if isinstance(owner, type) and hasattr(owner, "create_task"):
            found.append(owner)
    return found


def _birthplace(caller: FrameType) -> Place:
    outside = None
    for frame in stack_of(caller, _DEPTH):
        owner = owner_of(frame.f_code.co_filename)
        if owner == "application":
            return place_of(frame)
        if outside is None and owner == "library":
            outside = frame
    return place_of(outside if outside is not None else caller)


task_births: Final = TaskBirths()
"""The one recorder of this process: there is one `create_task` to wrap."""
