"""How one object is held by another, named as a reader of the code would; keys and values are never shown."""

from __future__ import annotations

import functools
from collections import deque
from contextvars import Context
from types import CellType, CoroutineType, FrameType, FunctionType, GeneratorType, MethodType, TracebackType
from typing import Any, Final

from beamlens.skills.interpreter.holders import attributes_by_name, class_names

__all__ = ["is_namespace_of", "named_edge", "type_name"]

_WRAPPED: Final = type(functools.lru_cache(None)(len))
_ITEM: Final = "[...]"
_CONTAINERS: Final = (dict, list, tuple, set, frozenset, deque)
_LONGEST_NAME: Final = 80
_MOST_ITEMS: Final = 200_000


def type_name(kind: type) -> str:
    """Return `module.Class`; a built-in type's name alone."""
    module = type.__getattribute__(kind, "__module__")
    name = kind.__qualname__
    shown = name if module == "builtins" or not isinstance(module, str) else f"{module}.{name}"
    return shown[:200]


def is_namespace_of(holder: object, names: object) -> bool:
    """Say whether a dictionary is the `__dict__` of an instance, function, module or class."""
    if type(names) is not dict:
        return False
    if isinstance(holder, type):
        return True  # a class holds one dictionary: its own
    try:
        return object.__getattribute__(holder, "__dict__") is names
    except (AttributeError, TypeError):
        return False


def named_edge(holder: Any, held: object, *, namespace: bool, frames: bool) -> str:
    """Return the text to put after the holder's name: `.attribute`, `[...]`, or nothing for what is in between.

    Args:
        holder: refers to `held`.
        held: is referred to.
        namespace: `holder` is a dictionary of names, not of data.
        frames: local variables may be read; not in a process that runs, where reading them makes copies that stay.
    """
    if isinstance(holder, _CONTAINERS):
        return _in_container(holder, held, namespace)
    if isinstance(holder, _WRAPPED):
        return "" if type(held) is dict else _ITEM
    if is_namespace_of(holder, held) or isinstance(holder, CellType | Context):
        return ""
    if isinstance(holder, FunctionType):
        return _in_function(holder, held)
    if isinstance(holder, MethodType | functools.partial):
        return ".__self__" if isinstance(holder, MethodType) else ".args"
    if isinstance(holder, type):
        return _attribute(class_names(holder), held)
    if isinstance(holder, FrameType | GeneratorType | CoroutineType):
        return _in_frame(holder, held) if frames else ".<local>"
    if isinstance(holder, TracebackType):
        return ".<traceback>"
    # What a context keeps its variables in, and what a task runs, are in between only.
    if type(holder).__name__.startswith("hamt") or isinstance(held, CoroutineType):
        return ""
    return _attribute(attributes_by_name(holder), held)


def _in_container(holder: Any, held: object, namespace: bool) -> str:
    if not isinstance(holder, dict):
        return "" if isinstance(holder, tuple) and isinstance(held, CellType) else _ITEM
    if namespace:
        return _attribute(holder, held)
    if len(holder) <= _MOST_ITEMS and any(key is held for key in list(holder)):
        return "[key]"
    return _ITEM


def _attribute(names: dict[Any, Any], held: object) -> str:
    for name, value in list(names.items()):
        if value is held:
            return f".{name}" if isinstance(name, str) and name.isidentifier() and len(name) <= _LONGEST_NAME else _ITEM
    return ".<?>"


def _in_function(function: FunctionType, held: object) -> str:
    if held is function.__closure__:
        return ".<closure>"
    if held is function.__defaults__ or held is function.__kwdefaults__:
        return ".<default>"
    return ".<?>"


def _in_frame(holder: Any, held: object) -> str:
    frame = holder if isinstance(holder, FrameType) else getattr(holder, "gi_frame", getattr(holder, "cr_frame", None))
    if frame is None:
        return ".<?>"
    found = next((name for name, value in frame.f_locals.items() if value is held), "?")
    return f".<{found[:_LONGEST_NAME]}>"
