"""Check data against the part of JSON Schema that tools use.

Known keywords: type (one or several), enum, const, properties, required, additionalProperties, items, prefixItems,
minItems, maxItems, uniqueItems, minLength, maxLength, pattern, minimum, maximum, exclusiveMinimum, exclusiveMaximum,
multipleOf, anyOf, oneOf, allOf, not. Others are descriptions here and constrain nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
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
    combined = list(_check_combined(value, schema, path))
    if combined:
        yield from combined
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


def _check_combined(value: object, schema: dict[str, Any], path: str) -> Iterator[str]:
    where = path or "the value"
    for each in schema.get("allOf", ()):
        yield from _check(value, each, path)
    options = schema.get("anyOf", ())
    if options and all(violations(value, option) for option in options):
        yield from _none_fits(value, options, path)
    options = schema.get("oneOf", ())
    fitting = sum(not violations(value, option) for option in options)
    if options and fitting == 0:
        yield from _none_fits(value, options, path)
    elif fitting > 1:
        yield f"{where} fits {fitting} alternatives; exactly one is expected"
    if "not" in schema and not violations(value, schema["not"]):
        yield f"{where} is {_short(value)}; that is what it must not be"


def _none_fits(value: object, options: Sequence[dict[str, Any]], path: str) -> Iterator[str]:
    """Say what is wrong by the one alternative that was meant, where only one can have been."""
    meant = [option for option in options if option.get("type") != "null" and _has_type(value, option.get("type"))]
    if len(meant) != 1:
        meant = [option for option in options if option.get("type") != "null"]
    if len(meant) == 1:
        yield from _check(value, meant[0], path)
    else:
        yield f"{path or 'the value'} is {_short(value)}, which fits none of the {len(options)} alternatives"


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
    if schema.get("uniqueItems") and any(value[number] in value[:number] for number in range(len(value))):
        yield f"{where} has an item twice; each may be there once"
    first = schema.get("prefixItems", ())
    for number, (inner, expected) in enumerate(zip(value, first, strict=False)):
        yield from _check(inner, expected, f"{path}[{number}]")
    items = schema.get("items")
    if isinstance(items, dict):
        for number, inner in enumerate(value[len(first) :], len(first)):
            yield from _check(inner, items, f"{path}[{number}]")


def _check_size(value: object, schema: dict[str, Any], where: str) -> Iterator[str]:
    if isinstance(value, str):
        if "pattern" in schema and re.search(schema["pattern"], value) is None:
            yield f"{where} is {_short(value)}; a text like {schema['pattern']} is expected"
        if len(value) < schema.get("minLength", 0):
            yield f"{where} has {len(value)} characters; at least {schema['minLength']} are expected"
        if len(value) > schema.get("maxLength", len(value)):
            yield f"{where} has {len(value)} characters; at most {schema['maxLength']} are expected"
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _check_number(value, schema, where)


def _check_number(value: float, schema: dict[str, Any], where: str) -> Iterator[str]:
    if "minimum" in schema and not value >= schema["minimum"]:
        yield f"{where} is {value}; at least {schema['minimum']} is expected"
    if "maximum" in schema and not value <= schema["maximum"]:
        yield f"{where} is {value}; at most {schema['maximum']} is expected"
    if "exclusiveMinimum" in schema and not value > schema["exclusiveMinimum"]:
        yield f"{where} is {value}; more than {schema['exclusiveMinimum']} is expected"
    if "exclusiveMaximum" in schema and not value < schema["exclusiveMaximum"]:
        yield f"{where} is {value}; less than {schema['exclusiveMaximum']} is expected"
    step = schema.get("multipleOf")
    if step and not math.isclose(value / step, round(value / step), abs_tol=1e-9):
        yield f"{where} is {value}; a multiple of {step} is expected"


def _names(wanted: Any) -> str:
    return wanted if isinstance(wanted, str) else " or ".join(wanted)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
