"""What Anthropic's servers refuse in a request, as far as a client can get it wrong. Source: the API's reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["refusal"]

_MOST_MARKS = 4
_MOST_STRICT = 20
_MOST_OPTIONAL = 24


def refusal(request: Any) -> str | None:
    """Return why the server would refuse a decoded request; None where it would not."""
    if not isinstance(request, dict):
        return "the body is no JSON object"
    return next(_refusals(request), None)


def _refusals(request: dict[str, Any]) -> Iterator[str]:
    if not isinstance(request.get("max_tokens"), int) or request["max_tokens"] < 1:
        yield "max_tokens: a positive integer is required"
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages:
        yield "messages: at least one message is required"
        return
    yield from _message_refusals(messages)
    yield from _tool_refusals(request)
    marks = str(request).count("'cache_control'")
    if marks > _MOST_MARKS:
        yield f"a maximum of {_MOST_MARKS} blocks with cache_control may be provided, found {marks}"


def _message_refusals(messages: list[Any]) -> Iterator[str]:
    if messages[0].get("role") != "user":
        yield "messages: first message must use the user role"
    open_calls: set[str] = set()
    used: set[str] = set()
    for place, message in enumerate(messages):
        content = message.get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else list(content or ())
        if not blocks:
            yield f"messages.{place}: content must not be empty"
        if any(block["type"] == "text" and not block["text"].strip() for block in blocks):
            yield f"messages.{place}: text content blocks must be non-empty"
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if set(results) != open_calls or len(results) != len(open_calls):
            yield f"messages.{place}: tool_use ids {sorted(open_calls)} were answered by tool_result ids {results}"
        if [block["type"] for block in blocks[: len(results)]] != ["tool_result"] * len(results):
            yield f"messages.{place}: tool_result blocks must come first"
        calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
        open_calls = set(calls)
        if len(calls) > len(open_calls) or used & open_calls:
            yield f"messages.{place}: tool_use ids must be unique"
        used |= open_calls
    if open_calls:
        yield "messages: the last tool_use has no tool_result"


def _tool_refusals(request: dict[str, Any]) -> Iterator[str]:
    tools = request.get("tools") or []
    if "tool_choice" in request and not tools:
        yield "tool_choice may only be specified while providing tools"
    strict = [tool for tool in tools if tool.get("strict")]
    if len(strict) > _MOST_STRICT:
        yield f"too many strict tools: {len(strict)} (limit: {_MOST_STRICT})"
    optional = 0
    for tool in strict:
        for schema in _objects(tool["input_schema"]):
            if schema.get("additionalProperties") is not False:
                yield f"tools.{tool['name']}: for strict schemas, additionalProperties must be false"
            optional += len(set(schema.get("properties", {})) - set(schema.get("required", ())))
        if _has_bounds(tool["input_schema"]):
            yield f"tools.{tool['name']}: bounds are not supported in strict schemas"
    if optional > _MOST_OPTIONAL:
        yield f"schemas contain too many optional parameters ({optional}, limit: {_MOST_OPTIONAL})"


def _objects(schema: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(schema, dict):
        return
    if "object" in (schema.get("type") or ()):
        yield schema
    inner = [*schema.get("properties", {}).values(), schema.get("items"), *schema.get("anyOf", ())]
    for each in inner:
        yield from _objects(each)


def _has_bounds(schema: Any) -> bool:
    bounds = {"minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"}
    if not isinstance(schema, dict):
        return False
    inner = [*schema.get("properties", {}).values(), schema.get("items"), *schema.get("anyOf", ())]
    return bool(bounds & set(schema)) or any(_has_bounds(each) for each in inner)
