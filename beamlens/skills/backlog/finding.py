"""Find queues and pools: in the frames of who waits for them, in threads' arguments, and in modules' namespaces."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import FrameType, ModuleType
from typing import Any, Final

from beamlens.skills.eventloop.tasks import alive_tasks
from beamlens.skills.interpreter.containers import Walker
from beamlens.skills.interpreter.holders import attributes_by_name, class_names, namespace
from beamlens.skills.interpreter.places import stack_of
from beamlens.skills.waits.awaits import coroutine_place, stack_place, standard_awaits
from beamlens.skills.waits.ticker import Look, actor_of

__all__ = [
    "Seen",
    "executor_backlog",
    "items_of",
    "queue_named",
    "takers",
    "executors",
    "mailboxes",
    "named_by_modules",
    "queues_of_tasks",
    "queues_of_threads",
]

_DEPTH: Final = 40
_MOST_THREADS: Final = 200
_MOST_TASKS: Final = 500
_METHODS: Final = ("Queue.get", "Queue.put", "Queue.join")
_INNER: Final = (".queue", "._queue")


@dataclass(frozen=True, slots=True)
class Seen:
    """Say that somebody stands in a method of a queue.

    Args:
        queue: the queue.
        kind: `queue` or `asyncio queue`.
        method: `Queue.get`, `Queue.put`, `Queue.join`.
        ident: of the thread; 0 for a task.
        task: that stands there, for a queue of asyncio's.
        at: the application's line.
    """

    queue: Any
    kind: str
    method: str
    ident: int
    task: Any
    at: str | None


def queues_of_threads(frames: Mapping[int, FrameType]) -> Iterator[Seen]:
    """Yield the queues in whose methods threads stand. Only frames of the module `queue` are asked for their `self`.

    Args:
        frames: the innermost of each thread, by ident.
    """
    for ident, top in list(frames.items())[:_MOST_THREADS]:
        for frame in stack_of(top, _DEPTH):
            if frame.f_code.co_qualname in _METHODS and frame.f_code.co_filename.endswith("queue.py"):
                place = stack_place(frame)
                name = frame.f_code.co_qualname
                yield Seen(frame.f_locals.get("self"), "queue", name, ident, None, place.at if place else None)
                break


def queues_of_tasks() -> Iterator[Seen]:
    """Yield the queues in whose methods tasks stand, of all loops."""
    for task in alive_tasks()[:_MOST_TASKS]:
        for name, owner in standard_awaits(task):
            if name in _METHODS and owner is not None:
                place = coroutine_place(task)
                yield Seen(owner, "asyncio queue", name, 0, task, place.at if place else None)


def executors(look: Look) -> Iterator[tuple[Any, str, int]]:
    """Yield (executor, kind, ident of one of its threads), found by what the threads were started with.

    Args:
        look: the tick.
    """
    for ident, thread in look.threads.items():
        own = thread.__dict__
        reference = own.get("executor_reference")
        kind = "process pool"
        if reference is None:
            args = own.get("_args") or ()
            reference, kind = (args[0] if args else None), "thread pool"
        executor = reference() if isinstance(reference, weakref.ref) else None
        if executor is not None and isinstance(getattr(executor, "_max_workers", None), int):
            yield executor, kind, ident


def mailboxes(look: Look) -> Iterator[tuple[str, Any, int]]:
    """Yield (class, mailbox, ident) of the application's actors of Pykka, found by what their threads run.

    Args:
        look: the tick.
    """
    for ident, thread in look.threads.items():
        actor = actor_of(thread)
        if actor is not None:
            yield type(actor).__qualname__, actor.actor_inbox, ident


def executor_backlog(executor: Any) -> int | None:
    """Return how many jobs of an executor nobody works at yet; None if it does not tell."""
    queue = getattr(executor, "_work_queue", None)
    if queue is not None:
        return int(queue.qsize())
    pending = getattr(executor, "_pending_work_items", None)
    return None if pending is None else max(0, len(pending) - int(executor._max_workers))


def named_by_modules(walker: Walker) -> dict[int, tuple[str, int]]:
    """Return (name, items) of the large queues that modules hold, by the identity of what holds the items.

    Args:
        walker: walks on where it stopped.
    """
    found = {}
    for each in walker.walk().found:
        for suffix in _INNER:
            if each.path.endswith(suffix) and each.kind == "deque":
                found[each.ident] = (each.path.removesuffix(suffix), each.size)
    return found


def queue_named(name: str) -> Any:
    """Return the queue that a module calls so; None if it cannot be reached by names alone. Runs no code.

    Args:
        name: as `named_by_modules` gives it, such as `shop.orders.QUEUE`.
    """
    parts = name.split(".")
    for at in range(len(parts) - 1, 0, -1):
        value: Any = sys.modules.get(".".join(parts[:at]))
        if isinstance(value, ModuleType):
            for part in parts[at:]:
                value = _member(value, part)
            return value if items_of(value) is not None else None
    return None


def _member(value: Any, name: str) -> Any:
    if isinstance(value, ModuleType):
        return namespace(value).get(name)
    return class_names(value).get(name) if isinstance(value, type) else attributes_by_name(value).get(name)


def takers(name: str, frames: Mapping[int, FrameType]) -> set[int]:
    """Return the threads in whose stacks a function of the application's takes from a queue of that name.

    Args:
        name: `shop.orders.QUEUE`: its last part counts.
        frames: the innermost of each thread, by ident.
    """
    last = name.rpartition(".")[2]
    return {ident for ident, top in list(frames.items())[:_MOST_THREADS] if _takes(last, top)}


def _takes(name: str, top: FrameType) -> bool:
    for frame in stack_of(top, _DEPTH):
        names = frame.f_code.co_names
        if name in names and ("get" in names or "get_nowait" in names):
            return True
    return False


def items_of(queue: Any) -> Any:
    """Return what holds a queue's items: by its identity the name that a module has for it is known."""
    own = getattr(queue, "__dict__", {})
    return own.get("queue", own.get("_queue"))


def asyncio_is_loaded() -> bool:
    """Say whether the application uses asyncio at all."""
    return "asyncio.tasks" in sys.modules
