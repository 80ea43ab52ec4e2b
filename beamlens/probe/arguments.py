"""Check the arguments of a callback against its signature before it is called."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, Union, get_args, get_origin

from beamlens.errors import SkillError

__all__ = ["checked_arguments", "signature_text"]

_NAMES: Final = {int: "integer", float: "number", str: "text", bool: "boolean", list: "list", dict: "table"}
_LISTS: Final = (list, tuple, set, frozenset, Sequence)
_POSITIONAL: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_Misfit: Final = object()


def checked_arguments(name: str, function: Callable[..., Any], args: Sequence[Any]) -> list[Any]:
    """Return the arguments, fitted to the function's annotations; nothing is checked that is not annotated.

    Lua knows no difference between an empty list and an empty table, nor always between 10 and 10.0: these are
    taken as the annotation says. A nil in place of an argument with a default means the default.

    Args:
        name: of the callback.
        function: the callback.
        args: plain data.

    Raises:
        SkillError: `bad_arguments`; the text says what was given and what is expected.
    """
    signature = _signature(function)
    if signature is None:
        return list(args)
    given = _without_trailing_nils(signature, list(args))
    parameters = _parameters(name, signature, len(given))
    return [_fitted(name, signature, parameter, value) for parameter, value in zip(parameters, given, strict=True)]


def signature_text(name: str, function: Callable[..., Any]) -> str:
    """Return `name(count: integer = 10)`, as documentation shows it."""
    signature = _signature(function)
    return f"{name}(...)" if signature is None else _shown(name, signature)


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    for eval_str in (True, False):  # an annotation may name what exists only for the type checker
        try:
            return inspect.signature(function, eval_str=eval_str)
        except (NameError, TypeError, ValueError, AttributeError, SyntaxError):
            continue
    return None


def _without_trailing_nils(signature: inspect.Signature, args: list[Any]) -> list[Any]:
    positional = [parameter for parameter in signature.parameters.values() if parameter.kind in _POSITIONAL]
    while args and args[-1] is None:
        at = len(args) - 1
        if at < len(positional) and positional[at].default is inspect.Parameter.empty:
            break
        args.pop()
    return args


def _parameters(name: str, signature: inspect.Signature, count: int) -> list[inspect.Parameter]:
    """Return the parameter that each of `count` arguments goes to."""
    positional = [parameter for parameter in signature.parameters.values() if parameter.kind in _POSITIONAL]
    rest = [p for p in signature.parameters.values() if p.kind is inspect.Parameter.VAR_POSITIONAL]
    required = sum(parameter.default is inspect.Parameter.empty for parameter in positional)
    if count < required or (count > len(positional) and not rest):
        raise _bad(name, signature, f"{count} argument{'s were' if count != 1 else ' was'} given")
    return (positional + rest * count)[:count]


def _fitted(name: str, signature: inspect.Signature, parameter: inspect.Parameter, value: Any) -> Any:
    fitted = _fit(value, parameter.annotation)
    if fitted is _Misfit and value is None and parameter.default is not inspect.Parameter.empty:
        return parameter.default
    if fitted is _Misfit:
        wanted = _type_text(parameter.annotation)
        raise _bad(name, signature, f"{parameter.name} is {_short(value)}; {wanted} is expected")
    return fitted


def _fit(value: Any, wanted: Any) -> Any:
    """Return the value as `wanted`, `_Misfit` if it is none; an annotation that is not simple takes everything."""
    origin = get_origin(wanted)
    if origin in (Union, types.UnionType):
        return _fit_one_of(value, get_args(wanted))
    if origin is Literal:
        return value if value in get_args(wanted) else _Misfit
    kind = origin or wanted
    if kind is None or kind is type(None):
        return None if value is None else _Misfit
    if kind in (int, float):
        return _fit_number(value, kind)
    if kind in (str, bool):
        return value if isinstance(value, kind) else _Misfit
    if kind in (dict, Mapping):
        return _fit_table(value)
    if kind in _LISTS:
        return value if isinstance(value, list | tuple) else [] if value == {} else _Misfit
    return value


def _fit_one_of(value: Any, alternatives: tuple[Any, ...]) -> Any:
    return next((fitted for each in alternatives if (fitted := _fit(value, each)) is not _Misfit), _Misfit)


def _fit_number(value: Any, kind: type[int] | type[float]) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _Misfit
    if kind is float:
        return float(value)
    return int(value) if value == value // 1 and abs(value) < 2**63 else _Misfit


def _fit_table(value: Any) -> Any:
    return value if isinstance(value, dict) else {} if value == [] else _Misfit


def _bad(name: str, signature: inspect.Signature, problem: str) -> SkillError:
    return SkillError("bad_arguments", f"{_shown(name, signature)}: {problem}")


def _shown(name: str, signature: inspect.Signature) -> str:
    parts = []
    for parameter in signature.parameters.values():
        star = "*" if parameter.kind is inspect.Parameter.VAR_POSITIONAL else ""
        kind = _type_text(parameter.annotation)
        default = "" if parameter.default is inspect.Parameter.empty else f" = {_short(parameter.default)}"
        parts.append(f"{star}{parameter.name}{': ' + kind if kind else ''}{default}")
    return f"{name}({', '.join(parts)})"


def _type_text(wanted: Any) -> str:
    origin = get_origin(wanted)
    if origin in (Union, types.UnionType):
        return " or ".join(filter(None, map(_type_text, get_args(wanted))))
    if origin is Literal:
        return " or ".join(map(repr, get_args(wanted)))
    kind = origin or wanted
    if kind is type(None) or kind is None:
        return "nil"
    if kind in _LISTS:
        return "list"
    return _NAMES.get(dict if kind is Mapping else kind, "") if isinstance(kind, type) else ""


def _short(value: Any) -> str:
    text = "nil" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
