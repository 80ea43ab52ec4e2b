"""Find the function that is to be traced, and say why where it must not be."""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any, Final, Literal

from beamlens.errors import SkillError
from beamlens.skills.interpreter.places import code_place, owner_of

__all__ = ["Target", "find_target"]

_NAME: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*){1,10}\Z")
_LONGEST: Final = 300
_REASONS: Final = {
    "standard": "it belongs to the standard library, which everything calls",
    "own": "it belongs to BeamLens, which would trace itself",
    "library": "it belongs to an installed library; trace the application's own function that calls it",
}


@dataclass(frozen=True, slots=True)
class Target:
    """Hold a function and where it is held.

    Args:
        holder: a module or a class.
        attribute: the function's name there.
        raw: what the holder has under that name: the function, or a static or class method around it.
        function: the function itself.
    """

    holder: Any
    attribute: str
    raw: Any
    function: FunctionType
    kind: Literal["function", "coroutine function"]

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
    function = raw.__func__ if isinstance(raw, staticmethod | classmethod) else raw
    if not isinstance(function, FunctionType):
        raise _refused(name, "it is no function written in Python")
    owner = owner_of(function.__code__.co_filename)
    if owner != "application":
        raise _refused(name, _REASONS[owner])
    if hasattr(function, "__wrapped__") and function.__code__.co_filename == __file__:
        raise _refused(name, "it is being traced already")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise _refused(name, "it is a generator, whose call only makes it; trace what uses it")
    kind: Literal["function", "coroutine function"] = (
        "coroutine function" if inspect.iscoroutinefunction(function) else "function"
    )
    return Target(holder, attribute, raw, function, kind)


def _held(name: str) -> tuple[Any, str, Any]:
    """Return the module or class that holds what is named, its name there, and it; runs no code of the application."""
    parts = name.split(".")
    for count in range(len(parts) - 1, 0, -1):
        module = sys.modules.get(".".join(parts[:count]))
        if module is None:
            continue
        holder: Any = module
        for part in parts[count:-1]:
            holder = vars(holder).get(part) if hasattr(holder, "__dict__") else None
            if not isinstance(holder, type):
                raise _refused(name, f"{part!r} is no class of what stands before it")
        raw = vars(holder).get(parts[-1])
        if raw is None:
            raise _refused(name, f"{'.'.join(parts[:-1])} has no {parts[-1]!r} of its own")
        return holder, parts[-1], raw
    raise _refused(name, "no loaded module begins this name")


def _refused(name: str, why: str) -> SkillError:
    return SkillError("refused", f"tracer_start: {name} cannot be traced: {why}")
