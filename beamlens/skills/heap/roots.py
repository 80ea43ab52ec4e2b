"""What keeps objects alive in the end: modules, classes, tasks, threads, contexts, function caches, running code."""

from __future__ import annotations

import contextvars
import functools
import re
import sys
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import FrameType, FunctionType, MethodType, ModuleType
from typing import Any, Final, Literal

from beamlens.skills.heap.edges import type_name
from beamlens.skills.interpreter.holders import namespace
from beamlens.skills.interpreter.places import code_place, owner_of, place_of, shown_file, stack_of

__all__ = ["Root", "RootKind", "Roots"]

RootKind = Literal[
    "module global", "class attribute", "task", "event loop", "thread", "context variable", "lru_cache", "frame local",
    "reference cycle", "outside Python", "not found",
]  # fmt: skip

_WRAPPED: Final = type(functools.lru_cache(None)(len))
_DIGITS: Final = re.compile(r"\d+")
_DEEPEST: Final = 100


@dataclass(frozen=True, slots=True)
class Root:
    """Name where a path begins.

    Args:
        kind: what it is.
        name: `shop.cache`, `shop.models.Session`, `task shop.jobs.poll`.
        at: file and line, where there is one.
    """

    kind: RootKind
    name: str
    at: str | None = None


class Roots:
    """Know the roots of this process. Made before it is copied: in the copy there are no other threads.

    Args:
        copy: this will be asked in a copy, in which the local variables of running code may be read.
    """

    def __init__(self, *, copy: bool) -> None:
        self._modules = {id(namespace(module)): (name, module) for name, module in _modules()}
        self._threads = {id(thread): _thread_name(thread) for thread in threading.enumerate()}
        self._tasks = _of_module("_asyncio", "Task"), _of_module("asyncio.tasks", "_PyTask")
        self._loops = _of_module("asyncio.events", "AbstractEventLoop")
        self._frames: list[FrameType] = []
        if copy:
            me = threading.get_ident()
            self._frames = [frame for ident, frame in sys._current_frames().items() if ident != me]
        self._variables: dict[int, Root] = {}
        self.ignored: set[int] = {id(sys.modules)}

    def forget_frames(self) -> None:
        """Let go of the frames that were running; in the process that was copied."""
        self._frames.clear()

    def read_variables(self) -> None:
        """Read the variables of what was running when the process was copied. In the copy only."""
        for innermost in self._frames:
            for frame in stack_of(innermost, _DEEPEST):
                if _has_variables(frame):
                    self._read(frame)

    def _read(self, frame: FrameType) -> None:
        names = frame.f_locals
        self.ignored.add(id(names))
        place = place_of(frame)
        for name, value in list(names.items()):
            known = Root("frame local", f"{place.function}.<{name}>", place.at)
            self._variables.setdefault(id(value), known)

    def variable_values(self) -> list[Any]:
        """Return what the variables of running code hold, once they were read."""
        frames = [each for innermost in self._frames for each in stack_of(innermost, _DEEPEST) if _has_variables(each)]
        return [value for frame in frames for value in list(frame.f_locals.values())]

    def variable(self, value: object) -> Root | None:
        """Return the variable of running code that is this object."""
        return self._variables.get(id(value))

    def root(self, holder: Any) -> Root | None:
        """Return what root `holder` is; None if it is held by something else in turn."""
        known = self._modules.get(id(holder))
        if known is not None:
            return Root("module global", known[0], _module_file(known[1]))
        kind = type(holder)
        if kind is _WRAPPED:
            return _lru_cache(holder)
        if issubclass(kind, type):
            return Root("class attribute", type_name(holder), _module_file(sys.modules.get(holder.__module__)))
        if id(holder) in self._threads and isinstance(holder, threading.Thread):
            return Root("thread", *self._threads[id(holder)])
        if kind is contextvars.Context:
            return Root("context variable", "a context variable")
        return self._of_asyncio(holder, kind)

    def name(self, root: Root, objects: Sequence[Any]) -> str:
        """Return a root's name, as exactly as the path below it allows.

        Args:
            root: the first of the path.
            objects: the path, the root's own object first.
        """
        if root.kind != "context variable":
            return root.name
        values = {id(each) for each in objects}
        named = [variable.name for variable, value in objects[0].items() if id(value) in values]
        return f"context variable {named[0][:80]}" if named else root.name

    def _of_asyncio(self, holder: Any, kind: type) -> Root | None:
        for task in self._tasks:
            if task is not None and issubclass(kind, task):
                return None if task.done(holder) else _task(task.get_coro(holder))
        if self._loops is not None and issubclass(kind, self._loops):
            return Root("event loop", type_name(kind))
        return None


def _has_variables(frame: FrameType) -> bool:
    """Say whether a frame has variables of its own that are the application's."""
    return frame.f_code.co_name != "<module>" and owner_of(frame.f_code.co_filename) != "own"


def _modules() -> Iterable[tuple[str, ModuleType]]:
    return [(name, module) for name, module in list(sys.modules.items()) if issubclass(type(module), ModuleType)]


def _module_file(module: object) -> str | None:
    file = namespace(module).get("__file__") if isinstance(module, ModuleType) else None
    return shown_file(file) if isinstance(file, str) else None


def _of_module(module: str, name: str) -> Any:
    """Return a class of a module that the application has imported; None if it has not."""
    return getattr(sys.modules.get(module), name, None)


def _thread_name(thread: threading.Thread) -> tuple[str, str | None]:
    target = thread.__dict__.get("_target")
    function = target.__func__ if isinstance(target, MethodType) else target
    if isinstance(function, FunctionType):
        return f"thread {function.__module__}.{function.__qualname__}"[:200], code_place(function.__code__).at
    return "thread " + _DIGITS.sub("#", thread.name)[:80], None


def _lru_cache(wrapper: Any) -> Root:
    function = wrapper.__wrapped__
    at = code_place(function.__code__).at if isinstance(function, FunctionType) else None
    return Root("lru_cache", f"{function.__module__}.{function.__qualname__}"[:200], at)


def _task(coroutine: Any) -> Root:
    frame = getattr(coroutine, "cr_frame", None)
    code = getattr(coroutine, "cr_code", None)
    name = code.co_qualname if code is not None else type_name(type(coroutine))
    at = place_of(frame).at if frame is not None else code_place(code).at if code is not None else None
    return Root("task", f"task {name}"[:200], at)
