"""The JSON Schema of a type hint."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path, PurePath
from typing import Any, Final, Literal, Union
from uuid import UUID

from beamlens.legion.records import bare, fields_of, is_model

__all__ = ["LISTS", "PLAIN", "TEXTS", "inlined", "is_list", "is_map", "schema_of"]

PLAIN: Final[Mapping[Any, str]] = {bool: "boolean", int: "integer", float: "number", str: "string"}
TEXTS: Final[Mapping[Any, tuple[str, Callable[[str], Any]]]] = {
    datetime: ("an ISO 8601 text", datetime.fromisoformat),
    date: ("an ISO 8601 text", date.fromisoformat),
    time: ("an ISO 8601 text", time.fromisoformat),
    UUID: ("a text", UUID),
    Path: ("a text", Path),
    PurePath: ("a text", PurePath),
    Decimal: ("a number, or a text,", Decimal),
    bytes: ("a text", str.encode),
}
"""What is made of texts: how that is told, and what makes it."""
LISTS: Final = (list, tuple, set, frozenset)
_ANY_LIST: Final = (Sequence, Iterable, Collection, AbstractSet)


def schema_of(hint: Any) -> dict[str, Any]:
    """Return the JSON Schema of a type hint; `{}`, which any value fits, for what is not known here."""
    return _schema(hint, ())


def _schema(hint: Any, inside: tuple[Any, ...]) -> dict[str, Any]:
    hint = bare(hint)
    if hint is None or hint is type(None):
        return {"type": "null"}
    if hint in PLAIN:
        return {"type": PLAIN[hint]}
    if hint in TEXTS:
        return {"type": "string", "description": f"{TEXTS[hint][0].rstrip(',')} ({hint.__name__})"}
    if hint is timedelta:
        return {"type": "number", "description": "seconds"}
    if hint in inside:  # a type that contains itself is checked when values are made of it
        return {}
    if isinstance(hint, type) and not typing.get_args(hint):
        return _class_schema(hint, (*inside, hint))
    return _generic_schema(hint, inside)


def _class_schema(hint: type[Any], inside: tuple[Any, ...]) -> dict[str, Any]:
    if is_model(hint):
        return inlined(hint.model_json_schema())
    fields = fields_of(hint)
    if fields is not None:
        return {
            "type": "object",
            "properties": {field.name: _schema(field.hint, inside) for field in fields},
            "required": [field.name for field in fields if field.required],
            "additionalProperties": False,
        }
    if issubclass(hint, Enum):
        return {"enum": [member.value for member in hint]}
    if issubclass(hint, LISTS):
        return {"type": "array"}
    return {"type": "object"} if issubclass(hint, dict) else {}


def _generic_schema(hint: Any, inside: tuple[Any, ...]) -> dict[str, Any]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if not arguments:
        return {"type": "array"} if is_list(origin) else {"type": "object"} if is_map(origin) else {}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (Union, types.UnionType):
        return {"anyOf": [_schema(each, inside) for each in arguments]}
    if is_list(origin):
        items = [each for each in arguments if each is not Ellipsis]
        return {"type": "array", "items": _schema(items[0], inside) if len(set(map(str, items))) == 1 else {}}
    if is_map(origin):
        return {"type": "object", "additionalProperties": _schema(arguments[1], inside)}
    return {}


def is_list(origin: Any) -> bool:
    """Tell whether a generic type's origin is made of lists."""
    return isinstance(origin, type) and (issubclass(origin, LISTS) or origin in _ANY_LIST)


def is_map(origin: Any) -> bool:
    """Tell whether a generic type's origin is made of dicts."""
    return isinstance(origin, type) and (issubclass(origin, dict) or origin is Mapping)


def inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema without `$defs`: each `$ref` replaced by what it means, a recursive one by `{}`."""
    defs = {**schema.get("definitions", {}), **schema.get("$defs", {})}
    found: dict[str, Any] = _inline(schema, defs, ())
    found.pop("definitions", None)  # the older name of `$defs`
    return found


def _inline(node: Any, defs: Mapping[str, Any], inside: tuple[str, ...]) -> Any:
    if isinstance(node, list):
        return [_inline(each, defs, inside) for each in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    if isinstance(reference, str):
        name = reference.rpartition("/")[2]
        return {} if name in inside or name not in defs else _inline(defs[name], defs, (*inside, name))
    return {key: _inline(each, defs, inside) for key, each in node.items() if key != "$defs"}
