"""The format of OpenAI's chat completions: a ModelRequest as a body, and answers as a ModelReply. Pure."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from beamlens.errors import ModelError
from beamlens.llm.model import Message, ModelFailure, ModelReply, ModelRequest, Usage, checked_reply
from beamlens.llm.providers.abilities import Abilities
from beamlens.llm.providers.errors import Scrubber
from beamlens.llm.providers.options import body_extras
from beamlens.llm.providers.strict import all_required, strict_tools, without_nulls
from beamlens.llm.providers.turns import Turn, turns_of

__all__ = ["body_of", "repaired", "reply_of"]

_THOUGHTS = re.compile(r"<think>.*?</think>", re.S)
_HOW_TO_ANSWER = (
    "Answer with one JSON object and nothing else: "
    '{"tool": "<the name of one tool>", "arguments": {<arguments that fit its schema>}}'
)


def body_of(request: ModelRequest, model: str, options: Mapping[str, Any], abilities: Abilities) -> dict[str, Any]:
    """Return the JSON body of a request.

    Args:
        request: what is asked.
        model: where the request names none.
        options: the client's: `max_tokens`, and what it adds to the body.
        abilities: what the server can do.
    """
    by_tools = abilities.mode == "tools" or not request.tools
    system = request.system if by_tools else "\n\n".join(filter(None, [request.system, _tools_as_text(request)]))
    messages = [{"role": "system", "content": system}] if system else []
    for turn in turns_of(request.messages):
        messages += _messages(turn) if by_tools else [_plain_message(turn)]
    body: dict[str, Any] = {
        "model": request.model or model,
        "messages": messages,
        abilities.length_field: min(request.max_tokens, options.get("max_tokens", request.max_tokens)),
    }
    if request.tools and by_tools:
        body["tools"] = _tools(request, strict=abilities.strict)
        body["tool_choice"] = "required"
        if abilities.parallel_flag:
            body["parallel_tool_calls"] = False
    elif request.tools and abilities.mode == "json_schema":
        schema = {"name": "tool_call", "schema": _call_schema(request)}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return {**body, **body_extras(options)}


def _tools(request: ModelRequest, *, strict: bool) -> list[dict[str, Any]]:
    schemas = strict_tools(request.tools) if strict else [None] * len(request.tools)
    functions = []
    for tool, schema in zip(request.tools, schemas, strict=True):
        function: dict[str, Any] = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
        if schema is not None:
            function.update(parameters=all_required(schema), strict=True)
        functions.append({"type": "function", "function": function})
    return functions


def _tools_as_text(request: ModelRequest) -> str:
    lines = [f"- {it.name}: {it.description} Arguments: {json.dumps(it.parameters)}" for it in request.tools]
    return "\n".join(["You can use these tools, one at a time:", *lines, _HOW_TO_ANSWER])


def _call_schema(request: ModelRequest) -> dict[str, Any]:
    """Describe one call; the choice is not at the root, where some servers take none."""
    choices = [
        {
            "type": "object",
            "properties": {"tool": {"type": "string", "enum": [tool.name]}, "arguments": tool.parameters},
            "required": ["tool", "arguments"],
            "additionalProperties": False,
        }
        for tool in request.tools
    ]
    return {
        "type": "object",
        "properties": {"call": {"anyOf": choices}},
        "required": ["call"],
        "additionalProperties": False,
    }


def _messages(turn: Turn) -> list[dict[str, Any]]:
    if not turn.is_user:
        message: dict[str, Any] = {"role": "assistant", "content": "\n".join(turn.texts) or None}
        if turn.calls:
            message["tool_calls"] = [
                {
                    "id": it.id,
                    "type": "function",
                    "function": {"name": it.name, "arguments": json.dumps(it.arguments)},
                }
                for it in turn.calls
            ]
        return [message]
    results = [{"role": "tool", "tool_call_id": it.call_id, "content": it.text} for it in turn.results]
    return results + ([_user(turn.texts, turn)] if turn.texts or turn.images else [])


def _plain_message(turn: Turn) -> dict[str, Any]:
    """Say a turn without the protocol's tool calls."""
    if turn.is_user:
        return _user([f"The tool answered: {it.text}" for it in turn.results] + turn.texts, turn)
    calls = [json.dumps({"tool": it.name, "arguments": it.arguments}) for it in turn.calls]
    return {"role": "assistant", "content": "\n".join(turn.texts + calls)}


def _user(texts: list[str], turn: Turn) -> dict[str, Any]:
    if not turn.images:
        return {"role": "user", "content": "\n".join(texts)}
    parts: list[dict[str, Any]] = [{"type": "text", "text": text} for text in texts]
    for image in turn.images:
        address = image.url or f"data:{image.media_type};base64,{base64.b64encode(image.data).decode()}"
        parts.append({"type": "image_url", "image_url": {"url": address}})
    return {"role": "user", "content": parts}


def repaired(request: ModelRequest, reply: ModelReply) -> ModelRequest:
    """Return the request with one more turn that says what was wrong with an answer."""
    advice = f"That cannot be used: {reply.problem}. {_HOW_TO_ANSWER}"
    more = (Message("assistant", reply.text or "(nothing)"), Message("user", advice))
    return replace(request, messages=(*request.messages, *more))


# ---------------------------------------------------------------------------------------------- answers


def reply_of(request: ModelRequest, data: dict[str, Any], mode: str, provider: str, scrub: Scrubber) -> ModelReply:
    """Return what was said, checked.

    Args:
        request: what was asked.
        data: the decoded body, known to have a choice with a message.
        mode: how the call was asked for; text that holds a call counts in every mode.
        provider: who answered, for texts.
        scrub: takes keys out of texts.

    Raises:
        ModelError: the model refused.
    """
    choice = data["choices"][0]
    message = choice["message"]
    stop = str(choice.get("finish_reason") or "")
    text = _content(message.get("content"))
    if message.get("refusal") or stop == "content_filter":
        detail = scrub(str(message.get("refusal") or "its content filter stopped the answer"))
        raise ModelError(
            ModelFailure("refused", f"{provider}: the model declined to answer: {detail}", retryable=False)
        )
    usage, model = _usage(data.get("usage")), str(data.get("model") or request.model or "")
    if stop == "length" and request.tools:
        problem = f"the answer was cut off after {usage.output_tokens} tokens; answer more briefly"
        return ModelReply(None, problem, text, usage, model, stop)
    calls = _tool_calls(message.get("tool_calls"), request) or _call_in(text, request)
    reply = checked_reply(request, calls, text=text, usage=usage, model=model, stop_reason=stop)
    if reply.problem and not calls and mode != "tools":
        return replace(reply, problem="the answer holds no JSON object with a tool and its arguments")
    return reply


def _content(content: Any) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")


def _tool_calls(given: Any, request: ModelRequest) -> list[tuple[str, str, object]]:
    calls: list[tuple[str, str, object]] = []
    for place, call in enumerate(given if isinstance(given, list) else ()):
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            name = str(function.get("name", ""))
            number = str(call.get("id") or f"call_{len(request.messages)}_{place}")
            calls.append((number, name, _arguments(function.get("arguments"), name, request)))
    return calls


def _arguments(given: Any, name: str, request: ModelRequest) -> object:
    if isinstance(given, str):
        try:
            given = json.loads(given or "{}")
        except ValueError:
            return given  # a text is no object, and the model is told so
    schema = next((tool.parameters for tool in request.tools if tool.name == name), {})
    return without_nulls(given, schema)


def _call_in(text: str, request: ModelRequest) -> list[tuple[str, str, object]]:
    """Find a call written as JSON in a text, as small models like to do."""
    names = {tool.name for tool in request.tools}
    for found in _objects(_THOUGHTS.sub("", text)):
        inner = found.get("call")
        call: dict[str, Any] = inner if isinstance(inner, dict) else found
        name = call.get("tool") or call.get("name")
        arguments = call.get("arguments", call.get("parameters"))
        if isinstance(name, str) and (name in names or arguments is not None):
            return [(f"call_{len(request.messages)}", name, _arguments(arguments or {}, name, request))]
    return []


def _objects(text: str) -> list[dict[str, Any]]:
    """Return the outermost JSON objects in a text."""
    decoder = json.JSONDecoder()
    found: list[dict[str, Any]] = []
    place = text.find("{")
    while place >= 0 and len(found) < 10:
        try:
            value, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            end = place + 1
        else:
            found.append(value)
        place = text.find("{", end)
    return found


def _usage(given: Any) -> Usage:
    counts = given if isinstance(given, dict) else {}
    details = counts.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else 0
    sent = _count(counts.get("prompt_tokens"))
    return Usage(max(0, sent - cached), _count(counts.get("completion_tokens")), min(cached, sent))


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
