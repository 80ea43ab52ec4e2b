"""Check data against the part of JSON Schema that tools use.

Known keywords: type (one or several), enum, const, properties, required, additionalProperties, items, minItems,
maxItems, minLength, maxLength, minimum, maximum, anyOf. Others are descriptions here and constrain nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["violations"]

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list, tuple),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def violations(value: object, schema: dict[str, Any]) -> list[str]:
    """Return in words where `value` does not fit `schema`; an empty list where it does."""
    return list(_check(value, schema, ""))


def _check(value: object, schema: dict[str, Any], path: str) -> Iterator[str]:
    where = path or "the value"
    options = schema.get("anyOf")
    if options and all(violations(value, option) for option in options):
        yield f"{where} fits none of the alternatives"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where} is {_short(value)}; one of {', '.join(map(repr, schema['enum']))} is expected"
        return
    if "const" in schema and value != schema["const"]:
        yield f"{where} is {_short(value)}; {schema['const']!r} is expected"
        return
    if not _has_type(value, schema.get("type")):
        yield f"{where} is {_short(value)}; {_names(schema['type'])} is expected"
        return
    if isinstance(value, dict):
        yield from _check_object(value, schema, path)
    elif isinstance(value, list | tuple):
        yield from _check_array(value, schema, path)
    else:
        yield from _check_size(value, schema, where)


def _has_type(value: object, wanted: Any) -> bool:
    if wanted is None:
        return True
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    for name in names:
        if isinstance(value, bool):  # which Python counts among the integers, and JSON does not
            if name == "boolean":
                return True
        elif isinstance(value, _TYPES.get(name, ())):
            return True
    return False


def _check_object(value: dict[Any, Any], schema: dict[str, Any], path: str) -> Iterator[str]:
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path + '.' if path else ''}{name} is missing"
    for name, inner in value.items():
        place = f"{path}.{name}" if path else str(name)
        known = properties.get(name)
        if known is not None:
            yield from _check(inner, known, place)
        elif schema.get("additionalProperties") is False:
            yield f"{place} is not known; known are: {', '.join(properties) or 'none'}"
        elif isinstance(schema.get("additionalProperties"), dict):
            yield from _check(inner, schema["additionalProperties"], place)


def _check_array(value: list[Any] | tuple[Any, ...], schema: dict[str, Any], path: str) -> Iterator[str]:
    where = path or "the list"
    if len(value) < schema.get("minItems", 0):
        yield f"{where} has {len(value)} items; at least {schema['minItems']} are expected"
    if len(value) > schema.get("maxItems", len(value)):
        yield f"{where} has {len(value)} items; at most {schema['maxItems']} are expected"
    items = schema.get("items")
    if isinstance(items, dict):
        for number, inner in enumerate(value):
            yield from _check(inner, items, f"{path}[{number}]")


def _check_size(value: object, schema: dict[str, Any], where: str) -> Iterator[str]:
    if isinstance(value, str):
        if len(value) < schema.get("minLength", 0):
            yield f"{where} has {len(value)} characters; at least {schema['minLength']} are expected"
        if len(value) > schema.get("maxLength", len(value)):
            yield f"{where} has {len(value)} characters; at most {schema['maxLength']} are expected"
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if "minimum" in schema and not value >= schema["minimum"]:
            yield f"{where} is {value}; at least {schema['minimum']} is expected"
        if "maximum" in schema and not value <= schema["maximum"]:
            yield f"{where} is {value}; at most {schema['maximum']} is expected"


def _names(wanted: Any) -> str:
    return wanted if isinstance(wanted, str) else " or ".join(wanted)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
