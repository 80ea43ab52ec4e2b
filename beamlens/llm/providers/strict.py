"""Tool schemas as strict tool use takes them: a part of JSON Schema, and not too much of it.

Sources: Anthropic's "JSON Schema limitations" (objects closed, no bounds; at most 20 strict tools, 24 optional
parameters and 16 unions in a request) and OpenAI's "Structured Outputs" (in addition every property required).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from beamlens.llm.model import ToolSchema

__all__ = ["NotStrict", "all_required", "closed", "strict_tools", "without_nulls"]

_KEPT = ("type", "enum", "const", "description", "title")
_BOUNDS = ("minItems", "maxItems", "minLength", "maxLength", "minimum", "maximum")
_MOST_TOOLS, _MOST_OPTIONAL, _MOST_UNIONS = 20, 24, 16


class NotStrict(Exception):
    """A schema needs what strict schemas cannot say, such as an object with any keys."""


@dataclass(slots=True)
class _Cost:
    optional: int = 0
    unions: int = 0


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with closed objects, its bounds said in the descriptions.

    Raises:
        NotStrict: an object in it may have any keys.
    """
    return _closed(schema, _Cost())


def strict_tools(tools: Sequence[ToolSchema]) -> list[dict[str, Any] | None]:
    """Return for each tool its strict schema, or None where it cannot be strict or the request would get too large."""
    chosen: list[dict[str, Any] | None] = []
    spent = _Cost()
    for tool in tools:
        cost = _Cost()
        try:
            schema = _closed(tool.parameters, cost)
        except NotStrict:
            chosen.append(None)
            continue
        fits = (
            sum(each is not None for each in chosen) < _MOST_TOOLS
            and spent.optional + cost.optional <= _MOST_OPTIONAL
            and spent.unions + cost.unions <= _MOST_UNIONS
        )
        chosen.append(schema if fits else None)
        if fits:
            spent = _Cost(spent.optional + cost.optional, spent.unions + cost.unions)
    return chosen


def _closed(schema: dict[str, Any], cost: _Cost) -> dict[str, Any]:
    result = {name: schema[name] for name in _KEPT if name in schema}
    bounds = [f"{name}: {schema[name]}" for name in _BOUNDS if name in schema]
    if bounds:
        result["description"] = " ".join(filter(None, [result.get("description"), f"({', '.join(bounds)})"]))
    if "anyOf" in schema:
        cost.unions += 1
        result["anyOf"] = [_closed(option, cost) for option in schema["anyOf"]]
    if isinstance(schema.get("type"), list):
        cost.unions += 1
    if "object" in _types(schema):
        _close_object(schema, result, cost)
    if "array" in _types(schema):
        if not isinstance(schema.get("items"), dict):
            raise NotStrict("a list of anything")
        result["items"] = _closed(schema["items"], cost)
    if not {"type", "enum", "const", "anyOf"} & set(result):
        raise NotStrict("a value of any type")
    return result


def _close_object(schema: dict[str, Any], result: dict[str, Any], cost: _Cost) -> None:
    if schema.get("additionalProperties", False) is not False:
        raise NotStrict("an object with any keys")
    properties = schema.get("properties", {})
    required = list(schema.get("required", ()))
    cost.optional += len(set(properties) - set(required))
    result["properties"] = {name: _closed(inner, cost) for name, inner in properties.items()}
    result["required"] = required
    result["additionalProperties"] = False


def _types(schema: dict[str, Any]) -> list[str]:
    given = schema.get("type", [])
    return [given] if isinstance(given, str) else list(given)


def all_required(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a closed schema in which every property is required, and what was optional may be null."""
    result = dict(schema)
    if "anyOf" in result:
        result["anyOf"] = [all_required(option) for option in result["anyOf"]]
    if isinstance(result.get("items"), dict):
        result["items"] = all_required(result["items"])
    if "properties" in result:
        needed = set(result.get("required", ()))
        inner = {name: all_required(each) for name, each in result["properties"].items()}
        result["properties"] = {name: each if name in needed else _nullable(each) for name, each in inner.items()}
        result["required"] = list(inner)
    return result


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    return schema if "null" in _types(schema) else {"anyOf": [schema, {"type": "null"}]}


def without_nulls(arguments: Any, schema: dict[str, Any]) -> Any:
    """Return arguments without the nulls that stand for optional properties left out.

    Args:
        arguments: as the model gave them.
        schema: the tool's own, not the strict one.
    """
    if isinstance(arguments, list):
        return [without_nulls(each, schema.get("items") or {}) for each in arguments]
    if not isinstance(arguments, dict):
        return arguments
    properties = schema.get("properties", {})
    required = schema.get("required", ())
    return {
        name: without_nulls(value, properties.get(name, {}))
        for name, value in arguments.items()
        if value is not None or name in required or name not in properties or "null" in _types(properties[name])
    }
