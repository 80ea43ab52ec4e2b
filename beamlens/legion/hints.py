"""Between plain data and type hints: the JSON Schema of a hint, and a value of its type made of what Lua or JSON gave.

Known are None, bool, int, float, str, Any, list, tuple, set, dict, unions, Literal, enums, dates, times, dataclasses,
and classes that bring `model_json_schema` and `model_validate` of their own, as pydantic's models do; those are never
imported here.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Any, Final, Literal, Union

__all__ = ["Unfit", "convert", "describe", "schema_of"]

_PLAIN: Final[Mapping[Any, str]] = {bool: "boolean", int: "integer", float: "number", str: "string"}
_TEXTS: Final[Mapping[Any, tuple[str, Callable[[str], Any]]]] = {
    datetime: ("date-time", datetime.fromisoformat),
    date: ("date", date.fromisoformat),
    time: ("time", time.fromisoformat),
}
_LISTS: Final = (list, tuple, set, frozenset)


class Unfit(ValueError):
    """A value does not fit a hint; the text says where, what was given and what is expected."""


def describe(hint: Any) -> str:
    """Return a hint as people write it."""
    if hint is None or hint is type(None):
        return "None"
    text = hint.__name__ if isinstance(hint, type) and not typing.get_args(hint) else str(hint)
    return text.replace("typing.", "")


# ---------------------------------------------------------------------------------------------- schemas


def schema_of(hint: Any) -> dict[str, Any]:
    """Return the JSON Schema of a type hint; `{}`, which any value fits, for what is not known here."""
    if hint is None or hint is type(None):
        return {"type": "null"}
    if hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    if hint in _TEXTS:
        return {"type": "string", "description": f"{_TEXTS[hint][0]} (ISO 8601)"}
    if hint is timedelta:
        return {"type": "number", "description": "seconds"}
    if isinstance(hint, type) and not typing.get_args(hint):
        return _class_schema(hint)
    return _generic_schema(hint)


def _class_schema(hint: type[Any]) -> dict[str, Any]:
    if hasattr(hint, "model_json_schema"):
        return inlined(hint.model_json_schema())
    if dataclasses.is_dataclass(hint):
        return _dataclass_schema(hint)
    if issubclass(hint, Enum):
        return {"enum": [member.value for member in hint]}
    if issubclass(hint, _LISTS):
        return {"type": "array"}
    return {"type": "object"} if issubclass(hint, dict) else {}


def _dataclass_schema(hint: type[Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(hint)
    fields = [field for field in dataclasses.fields(hint) if field.init]
    return {
        "type": "object",
        "properties": {field.name: schema_of(hints[field.name]) for field in fields},
        "required": [field.name for field in fields if _is_required(field)],
        "additionalProperties": False,
    }


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _generic_schema(hint: Any) -> dict[str, Any]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (Union, types.UnionType):
        return {"anyOf": [schema_of(each) for each in arguments]}
    if origin is typing.Annotated:
        return schema_of(arguments[0])
    if _is_list(origin):
        items = [each for each in arguments if each is not Ellipsis]
        return {"type": "array", "items": schema_of(items[0]) if len(set(map(str, items))) == 1 else {}}
    if _is_map(origin):
        return {"type": "object", "additionalProperties": schema_of(arguments[1])}
    return {}


def _is_list(origin: Any) -> bool:
    return isinstance(origin, type) and (issubclass(origin, _LISTS) or origin is Sequence)


def _is_map(origin: Any) -> bool:
    return isinstance(origin, type) and (issubclass(origin, dict) or origin is Mapping)


def inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema without `$defs`: each `$ref` replaced by what it means, a recursive one by `{}`."""
    found: dict[str, Any] = _inline(schema, schema.get("$defs", {}), ())
    found.pop("$defs", None)
    return found


def _inline(node: Any, defs: Mapping[str, Any], inside: tuple[str, ...]) -> Any:
    if isinstance(node, list):
        return [_inline(each, defs, inside) for each in node]
    if not isinstance(node, dict):
        return node
    name = str(node.get("$ref", "")).removeprefix("#/$defs/")
    if name:
        return {} if name in inside or name not in defs else _inline(defs[name], defs, (*inside, name))
    return {key: _inline(each, defs, inside) for key, each in node.items() if key != "$defs"}


# ---------------------------------------------------------------------------------------------- values


def convert(value: Any, hint: Any, path: str = "the value") -> Any:
    """Return a value of the hint's type.

    An empty list stands for an empty dict as well, since Lua has one empty table; a whole float for an int.

    Args:
        value: plain data: None, bool, int, float, str, list, dict.
        hint: a type hint.
        path: names the value in the text of errors.

    Raises:
        Unfit: it cannot be one.
    """
    if hint in (Any, object) or isinstance(hint, typing.TypeVar):
        return value
    if hint is None or hint is type(None):
        return _expect(value is None, None, value, hint, path)
    if hint in _PLAIN:
        return _number_or_text(value, hint, path)
    if hint in _TEXTS or hint is timedelta:
        return _moment(value, hint, path)
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
        value = float(value)
    return _expect(isinstance(value, hint) and is_bool == (hint is bool), value, value, hint, path)


def _moment(value: Any, hint: Any, path: str) -> Any:
    try:
        if hint is timedelta and isinstance(value, int | float) and not isinstance(value, bool):
            return timedelta(seconds=value)
        if hint is not timedelta and isinstance(value, str):
            return _TEXTS[hint][1](value)
    except (ValueError, OverflowError):
        pass  # told below, in the words of all the others
    wanted = "seconds" if hint is timedelta else f"an ISO 8601 text ({describe(hint)})"
    raise Unfit(f"{path} is {_short(value)}; {wanted} is expected")


def _instance(value: Any, hint: type[Any], path: str) -> Any:
    if hasattr(hint, "model_validate"):
        return _validated(value, hint, path)
    if dataclasses.is_dataclass(hint):
        return _dataclass(value, hint, path)
    if issubclass(hint, Enum):
        for member in hint:
            if value == member.value and type(value) is type(member.value):
                return member
        raise Unfit(f"{path} is {_short(value)}; one of {', '.join(repr(m.value) for m in hint)} is expected")
    if issubclass(hint, dict):
        value = {} if value == [] else value
    elif issubclass(hint, _LISTS) and isinstance(value, list):
        value = hint(value)
    # What cannot be made of data at all is for the function itself to refuse.
    return _expect(isinstance(value, hint), value, value, hint, path)


def _validated(value: Any, hint: Any, path: str) -> Any:
    try:
        return hint.model_validate({} if value == [] else value)
    except ValueError as error:  # pydantic's ValidationError is one
        raise Unfit(f"{path} is no {hint.__name__}: {error}") from error


def _dataclass(value: Any, hint: type[Any], path: str) -> Any:
    value = {} if value == [] else value
    _expect(isinstance(value, dict), None, value, hint, path)
    hints = typing.get_type_hints(hint)
    fields = {field.name: field for field in dataclasses.fields(hint) if field.init}
    unknown = sorted(set(value) - set(fields))
    missing = [name for name, field in fields.items() if name not in value and _is_required(field)]
    if unknown or missing:
        what = f"has no {missing[0]}" if missing else f"has {unknown[0]}, which is not known"
        raise Unfit(f"{path} {what}; {hint.__name__}({', '.join(fields)}) is expected")
    made = {name: convert(each, hints[name], f"{path}.{name}") for name, each in value.items()}
    try:
        return hint(**made)
    except (ValueError, TypeError) as error:
        raise Unfit(f"{path} is no {hint.__name__}: {error}") from error


def _generic(value: Any, hint: Any, path: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return _expect(any(value == each and type(value) is type(each) for each in arguments), value, value, hint, path)
    if origin in (Union, types.UnionType):
        return _one_of(value, arguments, hint, path)
    if origin is typing.Annotated:
        return convert(value, arguments[0], path)
    if _is_list(origin):
        return _list(value, origin, arguments, path)
    if _is_map(origin):
        value = {} if value == [] else value
        _expect(isinstance(value, dict), None, value, hint, path)
        return {
            _key(key, arguments[0], path): convert(each, arguments[1], f"{path}.{key}") for key, each in value.items()
        }
    return value


def _key(key: str, hint: Any, path: str) -> Any:
    if hint is int:
        _expect(key.lstrip("-").isdigit(), None, key, hint, f"a key of {path}")
        return int(key)
    return convert(key, hint, f"a key of {path}")


def _one_of(value: Any, hints: tuple[Any, ...], whole: Any, path: str) -> Any:
    exact = [hint for hint in hints if hint in _PLAIN and type(value) is hint]  # before an int becomes a float
    for hint in (*exact, *hints):
        try:
            return convert(value, hint, path)
        except Unfit:
            continue
    return _expect(False, None, value, whole, path)


def _list(value: Any, origin: Any, arguments: tuple[Any, ...], path: str) -> Any:
    _expect(isinstance(value, list), None, value, origin, path)
    if issubclass(origin, tuple) and Ellipsis not in arguments:
        _expect(len(value) == len(arguments), None, value, f"a list of {len(arguments)}", path)
        hints: Sequence[Any] = arguments
    else:
        hints = [arguments[0]] * len(value)
    found = [
        convert(each, hint, f"{path}[{place}]") for place, (each, hint) in enumerate(zip(value, hints, strict=True))
    ]
    return found if origin is Sequence else origin(found)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
