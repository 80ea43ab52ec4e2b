"""What kinds of objects hold others, and what they hold, told without running any code of the application."""

from __future__ import annotations

import functools
import gc
from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from types import FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Any, Final

__all__ = [
    "Kind",
    "Node",
    "attributes_by_name",
    "class_names",
    "has_dict",
    "holders",
    "kind_of_type",
    "namespace",
    "size_of",
]

SMALL: Final = 64
"""Items up to which a container is looked into."""

_WRAPPED: Final = type(functools.lru_cache(None)(len))
_SIZED: Final = (dict, list, set, deque, bytearray, array)
_HEAP_TYPE: Final = 1 << 9  # Py_TPFLAGS_HEAPTYPE: made by a class statement
_CLASS_DICT: Final = type.__dict__["__dict__"]


class Kind(IntEnum):
    """Say how an object is followed."""

    BORING = 0
    SIZED = 1
    INSTANCE = 2
    CLASS = 3
    FUNCTION = 4
    METHOD = 5
    PARTIAL = 6
    WRAPPED = 7
    MODULE = 8


@dataclass(slots=True)
class Node:
    """Hold one step of a path: how `value` is reached from `parent`; an unknown label is looked up when needed."""

    value: Any
    kind: Kind
    parent: Node | None
    label: str | None
    depth: int


_EXACT: Final[dict[type, Kind]] = {
    FunctionType: Kind.FUNCTION,
    MethodType: Kind.METHOD,
    functools.partial: Kind.PARTIAL,
    _WRAPPED: Kind.WRAPPED,
    type(None): Kind.BORING,
}


def kind_of_type(kind: type) -> Kind:
    """Return how objects of a type are followed."""
    if kind in _EXACT:
        return _EXACT[kind]
    if issubclass(kind, ModuleType):
        return Kind.MODULE
    if issubclass(kind, type):
        return Kind.CLASS
    if issubclass(kind, _SIZED):
        return Kind.SIZED
    return Kind.INSTANCE if kind.__flags__ & _HEAP_TYPE else Kind.BORING


def size_of(value: object, kind: Kind) -> int | None:
    """Return the number of items of a container, asked of its built-in base; None for what is none."""
    if kind is Kind.WRAPPED:
        return int(value.cache_info().currsize)  # type: ignore[attr-defined]
    if kind is not Kind.SIZED:
        return None
    base = next(base for base in _SIZED if issubclass(type(value), base))
    return int(base.__len__(value))  # type: ignore[arg-type]


def has_dict(kind: type) -> bool:
    """Say whether a container's class was made by a class statement, so that it may have attributes of its own."""
    return bool(kind.__flags__ & _HEAP_TYPE)


def namespace(module: ModuleType) -> dict[str, Any]:
    """Return a module's names, past the `__getattribute__` of modules that load themselves when touched."""
    return object.__getattribute__(module, "__dict__")  # type: ignore[no-any-return]


def class_names(kind: type) -> dict[str, Any]:
    """Return a copy of what a class statement defined."""
    return dict(_CLASS_DICT.__get__(kind))


def attributes_by_name(holder: Any) -> dict[str, Any]:
    """Return an instance's attributes and slots by name, without asking any property.

    It makes the instance's `__dict__` real where it was not yet, so it is for the few that hold something large.
    """
    try:
        own = object.__getattribute__(holder, "__dict__")
    except AttributeError:
        own = {}
    names = dict(own) if isinstance(own, dict) else {}
    for base in type(holder).__mro__:
        for name, descriptor in class_names(base).items():
            if isinstance(descriptor, MemberDescriptorType):
                try:
                    names[name] = descriptor.__get__(holder)
                except AttributeError:
                    continue
    return names


def holders(node: Node, size: int | None) -> Iterable[tuple[str | None, Any]]:
    """Return (label or None, object) for what a node's object holds and is worth following.

    Args:
        node: whose.
        size: its number of items, for a container.
    """
    value, kind = node.value, node.kind
    if kind is Kind.INSTANCE:
        # Through the collector's eyes: asking an instance for `__dict__` would make it one, for good.
        return [(None, each) for each in gc.get_referents(value) if not isinstance(each, type)]
    if kind is Kind.SIZED:
        return _items(value) if size is not None and size <= SMALL else ()
    if kind is Kind.MODULE:
        return _public(namespace(value))
    if kind is Kind.CLASS:
        return _public(class_names(value))
    if kind is Kind.FUNCTION:
        return _of_function(value)
    if kind is Kind.METHOD:
        return [("__self__", value.__self__)]
    if kind is Kind.PARTIAL:
        return [("func", value.func), *((f"args[{at}]", arg) for at, arg in enumerate(value.args))]
    return ()


def _public(names: dict[str, Any]) -> list[tuple[str | None, Any]]:
    """Return names but for `__builtins__`, `__all__` and their like, which belong to the language."""
    return [
        (name if isinstance(name, str) else "[...]", value)
        for name, value in list(names.items())
        if not (isinstance(name, str) and name.startswith("__"))
    ]


def _of_function(function: FunctionType) -> Iterator[tuple[str | None, Any]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            yield f"<{name}>", cell.cell_contents
        except ValueError:  # not filled yet
            continue
    for value in function.__defaults__ or ():
        yield "<default>", value
    for name, value in (function.__kwdefaults__ or {}).items():
        yield f"<{name}>", value
    foreign = (id(function.__globals__), id(getattr(function, "__builtins__", None)), id(function.__kwdefaults__))
    for each in gc.get_referents(function):
        if type(each) is dict and id(each) not in foreign:
            yield from _public(each)


def _items(value: Any) -> list[tuple[str | None, Any]]:
    try:
        if isinstance(value, dict):
            return [(None, each) for each in dict.values(value)]
        if isinstance(value, list):
            return [(None, each) for each in islice(list.__iter__(value), SMALL)]
        if isinstance(value, deque):
            return [(None, each) for each in islice(deque.__iter__(value), SMALL)]
        if isinstance(value, set):
            return [(None, each) for each in islice(set.__iter__(value), SMALL)]
    except RuntimeError:  # it changed size meanwhile
        return []
    return []
