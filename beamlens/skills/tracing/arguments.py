"""Which types a call's arguments have, by the names of the parameters; never a value, nor a key that a caller chose."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import CO_VARARGS, CO_VARKEYWORDS
from itertools import islice
from types import CodeType, FrameType, FunctionType
from typing import Any, Final

__all__ = ["defaults_of", "types_given", "types_in"]

_MOST: Final = 10


def defaults_of(function: FunctionType) -> dict[str, str]:
    """Return the types of a function's defaults, by parameter."""
    code, values = function.__code__, function.__defaults__ or ()
    positional = code.co_varnames[: code.co_argcount]
    found = {name: type(value).__name__ for name, value in zip(positional[-len(values) :], values, strict=False)}
    return found | {name: type(value).__name__ for name, value in (function.__kwdefaults__ or {}).items()}


def types_given(
    code: CodeType, defaults: Mapping[str, str], arguments: tuple[Any, ...], named: Mapping[str, Any]
) -> dict[str, str]:
    """Return the types of what a function is about to be called with.

    Args:
        code: the function's.
        defaults: as `defaults_of` says.
        arguments, named: what it is called with.
    """
    parameters = _parameters(code)
    given = dict(zip(code.co_varnames[: code.co_argcount], (type(each).__name__ for each in arguments), strict=False))
    given |= {name: type(value).__name__ for name, value in named.items() if name in parameters}
    found = {name: each for name in parameters if (each := given.get(name, defaults.get(name))) is not None}
    rest, others = _collectors(code)
    if rest is not None:
        found[f"*{rest}"] = _many(max(0, len(arguments) - code.co_argcount))
    if others is not None:
        found[f"**{others}"] = _many(sum(name not in parameters for name in named))
    return dict(islice(found.items(), _MOST))


def types_in(frame: FrameType) -> dict[str, str]:
    """Return the types of the parameters of a call that has just begun, read off its frame. Its own thread only.

    Args:
        frame: the call's.
    """
    code, values = frame.f_code, frame.f_locals
    rest, others = _collectors(code)
    found = {name: type(values[name]).__name__ for name in _parameters(code) if name in values}
    if rest is not None:
        found[f"*{rest}"] = _many(len(values[rest]))
    if others is not None:
        found[f"**{others}"] = _many(len(values[others]))
    if isinstance(values, dict):
        values.clear()  # up to Python 3.12 a copy, which would keep the arguments alive until the call ends
    return dict(islice(found.items(), _MOST))


def _parameters(code: CodeType) -> tuple[str, ...]:
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _collectors(code: CodeType) -> tuple[str | None, str | None]:
    """Return the names of `*rest` and `**others`, as far as the function has them."""
    at = code.co_argcount + code.co_kwonlyargcount
    rest = code.co_varnames[at] if code.co_flags & CO_VARARGS else None
    at += rest is not None
    return rest, code.co_varnames[at] if code.co_flags & CO_VARKEYWORDS else None


def _many(count: int) -> str:
    return f"{count} value" if count == 1 else f"{count} values"
