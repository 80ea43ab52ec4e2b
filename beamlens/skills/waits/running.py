"""Where a thread stands and what it waits for, and which thread works for which future."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final

from beamlens.skills.interpreter.locks import asked_for, lock_of, may_wait
from beamlens.skills.interpreter.places import Place, owner_of, stack_of
from beamlens.skills.interpreter.procfs import thread_syscall
from beamlens.skills.interpreter.with_locks import called_name
from beamlens.skills.waits.awaits import stack_place

__all__ = ["Standing", "standing", "workers"]

_DEPTH: Final = 80
_SLEEPS: Final = ("nanosleep", "clock_nanosleep")
_SOCKETS: Final = (
    "recvfrom", "recvmsg", "sendto", "sendmsg", "connect", "accept", "accept4", "poll", "ppoll", "select", "pselect6",
    "epoll_wait", "epoll_pwait",
)  # fmt: skip
_FILES: Final = ("read", "write", "fsync", "fdatasync", "flock", "fcntl")
_IN_QUEUE: Final = {"Queue.get": "queue get", "Queue.put": "queue put", "Condition.wait": "condition",
                    "Event.wait": "event", "Semaphore.acquire": "semaphore", "Thread.join": "thread",
                    "Future.result": "future", "wait": "futures"}  # fmt: skip
_WAITERS: Final = ("threading.py", "queue.py", "_base.py")


@dataclass(frozen=True, slots=True)
class Standing:
    """Say where a thread stands.

    Args:
        at: the application's innermost line, or a library's.
        kind: `running`, `lock`, `sleep`, `socket`, `file`, `queue get`, `condition`, `child`, ...; None if not known.
        doing: what is called there, or the name of the lock.
    """

    at: Place | None
    kind: str | None
    doing: str | None


def standing(frame: FrameType, native_id: int | None) -> Standing:
    """Return where a thread stands and what it waits for.

    Args:
        frame: its innermost.
        native_id: the kernel's id of the thread.
    """
    found = asked_for(frame) if may_wait(frame.f_code) else None
    if found is not None:
        lock = lock_of(*found)
        return Standing(stack_place(frame), "lock", lock.expression)
    doing = called_name(frame.f_code, frame.f_lasti) or frame.f_code.co_qualname
    for each in stack_of(frame, _DEPTH):
        if owner_of(each.f_code.co_filename) != "standard":
            break
        if each.f_code.co_qualname in _IN_QUEUE and each.f_code.co_filename.endswith(_WAITERS):
            return Standing(stack_place(frame), _IN_QUEUE[each.f_code.co_qualname], each.f_code.co_qualname)
    return Standing(stack_place(frame), _kind(thread_syscall(native_id)), doing)


def _kind(call: str | None) -> str | None:
    if call is None:
        return None
    if call in ("running", "futex"):  # a futex is also how a thread waits for the interpreter lock
        return "running"
    if call in _SLEEPS:
        return "sleep"
    if call in _SOCKETS:
        return "socket"
    return "file" if call in _FILES else "child" if call in ("wait4", "waitid") else call


def workers(frames: Mapping[int, FrameType]) -> dict[int, int]:
    """Return which thread works for which future of asyncio's: idents by the identity of the future.

    Of the pools of `concurrent.futures` and of anyio. Only frames of these two are asked for a local variable.

    Args:
        frames: the innermost of each thread, by ident.
    """
    found: dict[int, int] = {}
    for ident, top in frames.items():
        for frame in stack_of(top, _DEPTH):
            name, file = frame.f_code.co_qualname, frame.f_code.co_filename
            if name == "_WorkItem.run" and file.endswith("thread.py"):
                future = getattr(frame.f_locals.get("self"), "future", None)
                found.update((id(each), ident) for each in _destinations(future))
            elif name == "WorkerThread.run" and "anyio" in file:
                found[id(frame.f_locals.get("future"))] = ident
    found.pop(id(None), None)
    return found


def _destinations(future: Any) -> list[Any]:
    """Return the futures of asyncio's that are told when one of `concurrent.futures` is done."""
    found = []
    for call in list(getattr(future, "_done_callbacks", None) or ()):
        code, cells = getattr(call, "__code__", None), getattr(call, "__closure__", None) or ()
        if code is not None and "destination" in code.co_freevars:
            found.append(cells[code.co_freevars.index("destination")].cell_contents)
    return found
