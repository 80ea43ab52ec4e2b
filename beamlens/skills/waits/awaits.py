"""Where a suspended task stands and what it waits for, read off its chain of awaits. Reads; runs nothing."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import AsyncGeneratorType, CodeType, CoroutineType, FrameType, GeneratorType
from typing import Any, Final

from beamlens.skills.interpreter.places import Place, application_place, code_place, owner_of, place_of

__all__ = [
    "Awaiting",
    "awaiting",
    "coroutine_code",
    "coroutine_place",
    "is_task",
    "stack_place",
    "standard_awaits",
    "waited_tasks",
]

_DEPTH: Final = 60
_SUSPENDED: Final = (
    (CoroutineType, "cr_frame", "cr_await"),
    (GeneratorType, "gi_frame", "gi_yieldfrom"),
    (AsyncGeneratorType, "ag_frame", "ag_await"),
)
# By qualified names of functions that wait, of asyncio and of anyio.
_KINDS: Final = {
    "sleep": "sleep",
    "Queue.get": "queue get",
    "Queue.put": "queue put",
    "Queue.join": "queue join",
    "MemoryObjectReceiveStream.receive": "queue get",
    "MemoryObjectSendStream.send": "queue put",
    "Lock.acquire": "lock",
    "Semaphore.acquire": "semaphore",
    "CapacityLimiter.acquire_on_behalf_of": "semaphore",
    "Event.wait": "event",
    "Condition.wait": "condition",
    "Barrier.wait": "barrier",
    "StreamReader._wait_for_data": "socket read",
    "StreamReader.read": "socket read",
    "StreamWriter.drain": "socket write",
    "FlowControlMixin._drain_helper": "socket write",
    "BaseSelectorEventLoop.sock_recv": "socket read",
    "BaseSelectorEventLoop.sock_sendall": "socket write",
    "BaseSelectorEventLoop.sock_accept": "socket read",
    "BaseSelectorEventLoop.sock_connect": "connect",
    "BaseEventLoop.create_connection": "connect",
    "BaseEventLoop.getaddrinfo": "name resolution",
    "Server.serve_forever": "server",
    "Process.wait": "process",
    "Process.communicate": "process",
    "to_thread": "executor",
    "AsyncIOBackend.run_sync_in_worker_thread": "executor",
    "wait": "tasks",
    "_wait": "tasks",
    "wait_for": "task",
    "TaskGroup.__aexit__": "tasks",
    "SocketStream.receive": "socket read",
    "SocketStream.send": "socket write",
}
_INPUT: Final = ("receive", "recv", "read", "readline", "readexactly", "readuntil", "accept", "listen", "handshake")


@dataclass(frozen=True, slots=True)
class Awaiting:
    """Say where a task stands.

    Args:
        at: the application's innermost line; that of a library where it has none.
        kind: what is waited for: `sleep`, `queue get`, `lock`, `socket read`, `task`, `gather`, `executor`, `future`,
            `running` if nothing, and so on.
        doing: the function beneath `at` that waits, such as `Queue.get`; None if it is the same.
        reads: it waits for what somebody else is to send: a connection at rest.
    """

    at: Place | None
    kind: str
    doing: str | None
    reads: bool


def awaiting(task: Any) -> Awaiting:
    """Return where a task stands and what it waits for.

    Args:
        task: an `asyncio.Task`, of any thread's loop.
    """
    frames, last = _chain(task.get_coro())
    waiter = getattr(task, "_fut_waiter", None)
    at = next((frame for frame in reversed(frames) if owner_of(frame.f_code.co_filename) == "application"), None)
    shown = at or next((f for f in reversed(frames) if owner_of(f.f_code.co_filename) == "library"), None)
    below = frames[frames.index(shown) + 1 :] if shown is not None else frames
    names = [frame.f_code.co_qualname for frame in below]
    innermost = names[-1] if names else None
    return Awaiting(
        at=place_of(shown or frames[-1]) if frames else None,
        kind=_kind(names, waiter if waiter is not None else last, frames),
        doing=innermost,
        reads=any(frame.f_code.co_name.lstrip("_") in _INPUT for frame in frames),
    )


def _kind(names: list[str], waiter: Any, frames: list[FrameType]) -> str:
    for name in reversed(names):
        if name in _KINDS:
            return _KINDS[name]
    if waiter is None:
        return "running" if frames else "nothing"
    return _kind_of_future(waiter)


def _kind_of_future(waiter: Any) -> str:
    if is_task(waiter):
        return "task"
    if hasattr(waiter, "_children"):
        return "gather"
    chained = any("_chain_future" in getattr(call, "__qualname__", "") for call in _callbacks(waiter))
    return "executor" if chained else "future"


def _callbacks(future: Any) -> list[Any]:
    found = getattr(future, "_callbacks", None) or ()
    return [each[0] for each in list(found) if isinstance(each, tuple) and each]


def is_task(value: Any) -> bool:
    """Say whether something is a task of asyncio's; asyncio itself is not imported for it."""
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and isinstance(value, asyncio.Task)


def waited_tasks(task: Any) -> list[Any]:
    """Return the tasks that a task waits for, as far as that can be told: one, or those of a `gather`.

    Args:
        task: an `asyncio.Task`.
    """
    waiter = getattr(task, "_fut_waiter", None)
    if waiter is None:
        return []
    if is_task(waiter):
        return [waiter]
    return [each for each in list(getattr(waiter, "_children", None) or ()) if is_task(each) and not each.done()]


def _chain(coroutine: Any) -> tuple[list[FrameType], Any]:
    """Return the frames of a chain of awaits, outermost first, and what the last of them awaits."""
    frames: list[FrameType] = []
    for _ in range(_DEPTH):
        found = _suspended(coroutine)
        if found is None:
            break
        frame, coroutine = found
        if frame is not None:
            frames.append(frame)
    return frames, coroutine


def _suspended(value: Any) -> tuple[FrameType | None, Any] | None:
    for kind, frame, awaited in _SUSPENDED:
        if isinstance(value, kind):
            return getattr(value, frame), getattr(value, awaited)
    if value is None or is_task(value):
        return None
    # A step of an async generator, or a coroutine's own iterator, has no name for what it wraps; the collector knows.
    inner = [each for each in gc.get_referents(value) if isinstance(each, CoroutineType | AsyncGeneratorType)]
    return (None, inner[0]) if len(inner) == 1 and type(value).__module__ == "builtins" else None


def standard_awaits(task: Any) -> Iterator[tuple[str, Any]]:
    """Yield (qualified name, `self`) of the methods of asyncio's own that a task stands in: its queues, its locks.

    Args:
        task: a suspended `asyncio.Task`.
    """
    frames, _ = _chain(task.get_coro())
    for frame in frames:
        if owner_of(frame.f_code.co_filename) == "standard" and frame.f_code.co_varnames[:1] == ("self",):
            yield frame.f_code.co_qualname, frame.f_locals.get("self")


def coroutine_code(task: Any) -> CodeType | None:
    """Return the code that a task runs; None if its coroutine is none of Python's.

    Args:
        task: an `asyncio.Task`.
    """
    coroutine = task.get_coro()
    code = getattr(coroutine, "cr_code", None) or getattr(coroutine, "gi_code", None)
    return code if isinstance(code, CodeType) else None


def coroutine_place(task: Any) -> Place | None:
    """Return the function that a task runs, at its first line.

    Args:
        task: an `asyncio.Task`.
    """
    code = coroutine_code(task)
    return code_place(code) if code is not None else None


def stack_place(frame: FrameType | None) -> Place | None:
    """Return the application's innermost line of a stack, or the innermost line that is not the standard library's."""
    found = application_place(frame)
    while found is None and frame is not None:
        found = place_of(frame) if owner_of(frame.f_code.co_filename) != "standard" else None
        frame = frame.f_back
    return found
