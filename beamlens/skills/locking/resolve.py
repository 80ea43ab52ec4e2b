"""Find the lock that an expression such as `self._lock` of a waiting frame means; runs no code of the program."""

from __future__ import annotations

import dis
import re
import threading
from types import FrameType, ModuleType
from typing import Any, Final

from beamlens.skills.interpreter.holders import attributes_by_name, class_names, namespace
from beamlens.skills.interpreter.with_locks import Block

__all__ = ["is_with", "locked", "owner_ident", "resolve"]

_PLAIN: Final = type(threading.Lock())
_REENTRANT: Final = type(threading.RLock())
_OWNER: Final = re.compile(r"owner=(\d+) count=(\d+)")
_MISSING: Final = object()


def resolve(frame: FrameType, expression: str) -> Any:
    """Return the lock that an expression means in a frame; None if that cannot be told, or it is no lock.

    Reading local variables makes the frame keep what they held until it goes on, so this is for frames that stand
    still: threads that have waited for a second.

    Args:
        frame: where the expression stands.
        expression: dotted names.
    """
    first, *rest = expression.split(".")
    value = _variable(frame, first)
    for name in rest:
        value = _attribute(value, name) if value is not _MISSING else _MISSING
    return _lock_in(value)


def _variable(frame: FrameType, name: str) -> Any:
    code = frame.f_code
    if name in code.co_varnames or name in code.co_freevars or name in code.co_cellvars:
        return frame.f_locals.get(name, _MISSING)
    return frame.f_globals.get(name, _MISSING)


def _attribute(value: Any, name: str) -> Any:
    if isinstance(value, ModuleType):
        return namespace(value).get(name, _MISSING)
    found = class_names(value).get(name, _MISSING) if isinstance(value, type) else _MISSING
    if found is _MISSING and not isinstance(value, type):
        found = attributes_by_name(value).get(name, _MISSING)
    for base in (value if isinstance(value, type) else type(value)).__mro__ if found is _MISSING else ():
        found = class_names(base).get(name, _MISSING)
        if found is not _MISSING:
            break
    return found


def _lock_in(value: Any) -> Any:
    """Return the lock itself: a condition and a logging handler have one inside; a semaphore has no owner."""
    if isinstance(value, _PLAIN | _REENTRANT):
        return value
    if isinstance(value, threading.Condition):
        return _lock_in(value.__dict__.get("_lock"))
    if type(value).__module__.startswith("logging"):
        return _lock_in(getattr(value, "__dict__", {}).get("lock"))
    return None


def owner_ident(lock: Any) -> int | None:
    """Return the ident of the thread that holds a reentrant lock; None for other locks, which do not know."""
    if not isinstance(lock, _REENTRANT):
        return None
    found = _OWNER.search(repr(lock))
    return int(found[1]) if found is not None and found[2] != "0" else None


def locked(lock: Any) -> bool:
    """Say whether somebody holds a lock."""
    return owner_ident(lock) is not None if isinstance(lock, _REENTRANT) else bool(lock.locked())


def is_with(frame: FrameType, block: Block) -> bool:
    """Say whether a block is a `with` statement, which holds its lock for certain, or `acquire` to `release`."""
    name = dis.opname[frame.f_code.co_code[block.enters]]
    return name == "BEFORE_WITH" or (name == "CALL" and "acquire" not in frame.f_code.co_names)
