"""Between plain data and type hints: a value of a hint's type made of what Lua or JSON gave, and hints in words.

Known are None, bool, int, float, str, Any, list, tuple, set, dict, unions, Literal, enums, dates, times, paths, UUIDs,
Decimals, bytes, types with named fields (dataclasses, TypedDicts, NamedTuples), and classes that bring
`model_json_schema` and `model_validate` of their own, as pydantic's models do.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final, Literal, Union

from beamlens.legion.records import RecordField, bare, fields_of, is_model
from beamlens.legion.schemas import LISTS, PLAIN, TEXTS, is_list, is_map

__all__ = ["Unfit", "convert", "describe"]

_MOST: Final = 60


class Unfit(ValueError):
    """A value does not fit a hint; the text says where, what was given and what is expected."""


# ------------------------------------------------------------------------------------------------ words


def describe(hint: Any) -> str:
    """Return a hint as people write it, without the names of modules."""
    if hint is None or hint is type(None):
        return "None"
    if isinstance(hint, str):
        return hint
    hint = bare(hint)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is None:
        return hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, arguments))}]"
    if origin in (Union, types.UnionType):
        return " | ".join(map(describe, arguments))
    name = getattr(origin, "__name__", str(origin))
    return f"{name}[{', '.join('...' if each is Ellipsis else _described(each) for each in arguments)}]"


def _described(argument: Any) -> str:
    return f"[{', '.join(map(describe, argument))}]" if isinstance(argument, list) else describe(argument)


# ----------------------------------------------------------------------------------------------- values


def convert(value: Any, hint: Any, path: str = "the value") -> Any:
    """Return a value of the hint's type.

    An empty list stands for an empty dict as well, since Lua has one empty table; a list for a dict whose keys are
    whole numbers; a whole float for an int.

    Args:
        value: plain data: None, bool, int, float, str, list, dict.
        hint: a type hint.
        path: names the value in the text of errors.

    Raises:
        Unfit: it cannot be one.
    """
    hint = bare(hint)
    if hint in (Any, object) or isinstance(hint, typing.TypeVar):
        return value
    if hint is None or hint is type(None):
        return _expect(value is None, None, value, hint, path)
    if hint in PLAIN:
        return _number_or_text(value, hint, path)
    if hint in TEXTS or hint is timedelta:
        return _made_of_text(value, hint, path)
    if isinstance(hint, type) and not typing.get_args(hint):
        return _instance(value, hint, path)
    return _generic(value, hint, path)


def _expect(holds: bool, found: Any, value: Any, hint: Any, path: str) -> Any:
    if not holds:
        raise Unfit(f"{path} is {_short(value)}; {describe(hint)} is expected")
    return found


def _number_or_text(value: Any, hint: Any, path: str) -> Any:
    is_bool = isinstance(value, bool)
    if hint is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    if hint is float and isinstance(value, int) and not is_bool:
        value = _float(value, path)
    return _expect(isinstance(value, hint) and is_bool == (hint is bool), value, value, hint, path)


def _float(value: int, path: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise Unfit(f"{path} is {_short(value)}; that is too large for a float") from None


def _made_of_text(value: Any, hint: Any, path: str) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    try:
        if hint is timedelta and is_number:
            return timedelta(seconds=value)
        if hint is not timedelta and (isinstance(value, str) or (hint is Decimal and is_number)):
            return TEXTS[hint][1](str(value))
    except (ValueError, ArithmeticError):
        pass  # told below, in the words of all the others
    wanted = "seconds" if hint is timedelta else f"{TEXTS[hint][0]} ({describe(hint)})"
    raise Unfit(f"{path} is {_short(value)}; {wanted} is expected")


def _instance(value: Any, hint: type[Any], path: str) -> Any:
    if is_model(hint):
        return _validated(value, hint, path)
    fields = fields_of(hint)
    if fields is not None:
        return _record(value, hint, fields, path)
    if issubclass(hint, Enum):
        for member in hint:
            if value == member.value and type(value) is type(member.value):
                return member
        raise Unfit(f"{path} is {_short(value)}; one of {', '.join(repr(m.value) for m in hint)} is expected")
    if issubclass(hint, dict):
        value = {} if value == [] else value
    elif issubclass(hint, LISTS) and isinstance(value, list):
        value = _collected(hint, value, path)
    # What cannot be made of data at all is for the function itself to refuse.
    return _expect(isinstance(value, hint), value, value, hint, path)


def _validated(value: Any, hint: Any, path: str) -> Any:
    try:
        return hint.model_validate({} if value == [] else value)
    except Exception as error:  # pydantic's ValidationError, or what a validator of the user's raises
        raise Unfit(f"{path} is no {hint.__name__}: {error}") from error


def _record(value: Any, hint: Any, known: tuple[RecordField, ...], path: str) -> Any:
    fields = {field.name: field for field in known}
    if issubclass(hint, tuple) and isinstance(value, list) and value:
        value = dict(zip(fields, value, strict=False)) if len(value) <= len(fields) else value
    value = {} if value == [] else value
    _expect(isinstance(value, dict), None, value, hint, path)
    unknown = sorted(set(value) - set(fields))
    missing = [name for name, field in fields.items() if name not in value and field.required]
    if unknown or missing:
        what = f"has no {missing[0]}" if missing else f"has {unknown[0]}, which is not known"
        raise Unfit(f"{path} {what}; {hint.__name__}({', '.join(fields)}) is expected")
    made = {name: convert(each, fields[name].hint, f"{path}.{name}") for name, each in value.items()}
    try:
        return hint(**made)
    except Exception as error:  # what a __post_init__ of the user's raises
        raise Unfit(f"{path} is no {hint.__name__}: {error}") from error


def _generic(value: Any, hint: Any, path: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return _expect(any(value == each and type(value) is type(each) for each in arguments), value, value, hint, path)
    if origin in (Union, types.UnionType):
        return _one_of(value, arguments, hint, path)
    if is_list(origin):
        return _list(value, origin, arguments or (Any, Ellipsis), path)
    if is_map(origin):
        arguments = arguments or (Any, Any)
        value = _table(value, arguments[0])
        _expect(isinstance(value, dict), None, value, hint, path)
        return {
            _key(key, arguments[0], path): convert(each, arguments[1], f"{path}.{key}") for key, each in value.items()
        }
    return value


def _table(value: Any, key: Any) -> Any:
    """Return what Lua's table with the keys 1 to n, which comes as a list, is as a dict."""
    if not isinstance(value, list) or (value and bare(key) is not int):
        return value
    return {str(number): each for number, each in enumerate(value, 1)}


def _key(key: str, hint: Any, path: str) -> Any:
    if bare(hint) is int:
        _expect(key.lstrip("-").isdigit(), None, key, hint, f"a key of {path}")
        return int(key)
    return convert(key, hint, f"a key of {path}")


def _one_of(value: Any, hints: tuple[Any, ...], whole: Any, path: str) -> Any:
    exact = [hint for hint in hints if hint in PLAIN and type(value) is hint]  # before an int becomes a float
    said = ""
    for hint in (*exact, *hints):
        try:
            return convert(value, hint, path)
        except Unfit as error:
            said = said or (str(error) if _is_meant(value, hint) else "")
    if said:
        raise Unfit(said)
    return _expect(False, None, value, whole, path)


def _is_meant(value: Any, hint: Any) -> bool:
    """Tell whether a value looks as if it was meant for a hint that it does not fit: then why is worth saying."""
    if isinstance(value, dict) and value:
        return fields_of(bare(hint)) is not None
    return isinstance(value, list) and bool(value) and is_list(typing.get_origin(bare(hint)))


def _list(value: Any, origin: Any, arguments: tuple[Any, ...], path: str) -> Any:
    _expect(isinstance(value, list), None, value, origin, path)
    if issubclass(origin, tuple) and Ellipsis not in arguments:
        _expect(len(value) == len(arguments), None, value, f"a list of {len(arguments)}", path)
        hints: Sequence[Any] = arguments
    else:
        hints = [arguments[0]] * len(value)
    found = [
        convert(each, hint, f"{path}[{place}]") for place, (each, hint) in enumerate(zip(value, hints, strict=False))
    ]
    return _collected(origin if issubclass(origin, LISTS) else list, found, path)


def _collected(kind: Any, found: list[Any], path: str) -> Any:
    try:
        return kind(found)
    except TypeError as error:  # a dict in a set
        raise Unfit(f"{path} cannot be a {kind.__name__}: {error}") from error


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _MOST else text[: _MOST - 3] + "..."
