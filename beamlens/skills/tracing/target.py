"""Find the function that is to be traced, and say why where it must not be."""

from __future__ import annotations

import functools
import inspect
import re
import sys
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

from beamlens.errors import SkillError
from beamlens.skills.interpreter.holders import class_names, namespace
from beamlens.skills.interpreter.places import code_place, owner_of

__all__ = ["Target", "find_target", "refused"]

_NAME: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*){1,10}\Z")
_LONGEST: Final = 300
_MOST_DECORATORS: Final = 10
_REASONS: Final = {
    "standard": "it belongs to the standard library, which everything calls",
    "own": "it belongs to BeamLens, which would trace itself",
    "library": "it belongs to an installed library; trace the application's own function that calls it",
}


@dataclass(frozen=True, slots=True)
class Target:
    """Hold a function and where it is held.

    Args:
        name: as it was asked for.
        holder: a module or a class.
        attribute: the function's name there.
        raw: what the holder has under that name: the function, or what a decorator made of it.
        function: the application's own function, below all decorators.
    """

    name: str
    holder: Any
    attribute: str
    raw: Any
    function: FunctionType

    @property
    def code(self) -> CodeType:
        """Its code."""
        return self.function.__code__

    @property
    def at(self) -> str:
        """Where it begins: `shop/orders.py:12`."""
        return code_place(self.code).at


def find_target(name: object) -> Target:
    """Return the function of this name.

    Args:
        name: `shop.orders.place`, `shop.orders.Order.save`; exactly one, no wildcards.

    Raises:
        SkillError: `bad_arguments`, it is no name; `refused`, there is none or it must not be traced, and why.
    """
    if not isinstance(name, str) or len(name) > _LONGEST or not _NAME.match(name):
        expected = "one function such as 'shop.orders.place' or 'shop.orders.Order.save' is expected, without wildcards"
        raise SkillError("bad_arguments", f"tracer_start: function is {name!r:.120}; {expected}")
    holder, attribute, raw = _held(name)
    function = _below_decorators(raw)
    if function is None:
        raise refused(name, "it is no function written in Python")
    owner = owner_of(function.__code__.co_filename)
    if owner != "application":
        raise refused(name, _REASONS[owner])
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise refused(name, "it is a generator, whose call only makes it; trace what uses it")
    return Target(name, holder, attribute, raw, function)


def _held(name: str) -> tuple[Any, str, Any]:
    """Return the module or class that holds what is named, its name there, and it; runs no code of the application."""
    parts = name.split(".")
    for count in range(len(parts) - 1, 0, -1):
        module = sys.modules.get(".".join(parts[:count]))
        if module is None:
            continue
        holder: Any = module
        for part in parts[count:-1]:
            holder = _names(holder).get(part)
            if not isinstance(holder, type):
                raise refused(name, f"{part!r} is no class of what stands before it")
        raw = _names(holder).get(parts[-1])
        if raw is None:
            raise refused(name, f"{'.'.join(parts[:-1])} has no {parts[-1]!r} of its own")
        return holder, parts[-1], raw
    raise refused(name, "no loaded module begins this name")


def _names(holder: Any) -> dict[str, Any]:
    if isinstance(holder, ModuleType):
        return namespace(holder)
    return class_names(holder) if isinstance(holder, type) else {}


def _below_decorators(raw: Any) -> FunctionType | None:
    """Return the innermost function that is known; of those that no decorator tells of, the outermost."""
    found = raw
    for _ in range(_MOST_DECORATORS):
        inner = _inside(found)
        if inner is None:
            break
        found = inner
    return found if isinstance(found, FunctionType) else None


def _inside(value: Any) -> Any:
    if isinstance(value, staticmethod | classmethod):
        return value.__func__
    if isinstance(value, property):
        return value.fget
    if isinstance(value, functools.cached_property):
        return value.func
    # As `functools.wraps` leaves it; statically, since an object of the application's may answer to any name.
    return inspect.getattr_static(value, "__wrapped__", None)


def refused(name: str, why: str) -> SkillError:
    """Return the refusal to trace what is named.

    Args:
        name: as it was asked for.
        why: the reason, as the end of a sentence.
    """
    return SkillError("refused", f"tracer_start: {name} cannot be traced: {why}")
