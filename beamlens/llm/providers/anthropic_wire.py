"""The Messages API's format: a ModelRequest as the SDK's arguments, and its answers as a ModelReply. Pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from beamlens.errors import ModelError
from beamlens.llm.model import Image, ModelFailure, ModelReply, ModelRequest, Usage, checked_reply
from beamlens.llm.providers.errors import Scrubber
from beamlens.llm.providers.options import body_extras
from beamlens.llm.providers.strict import strict_tools
from beamlens.llm.providers.turns import Turn, turns_of

__all__ = ["body_of", "is_choice_refusal", "is_schema_refusal", "is_to_go_on", "reply_of"]

_CACHED = {"type": "ephemeral"}
_CHOICE_WORDS = re.compile(r"tool_choice|forc\w* tool", re.I)
_SCHEMA_WORDS = re.compile(r"grammar|strict|too complex|optional param|input_schema|json schema|compil", re.I)


def body_of(
    request: ModelRequest,
    model: str,
    options: Mapping[str, Any],
    said: list[dict[str, Any]],
    *,
    strict: bool,
    forced: bool,
) -> dict[str, Any]:
    """Return the arguments of `messages.create`.

    Args:
        request: what is asked.
        model: where the request names none.
        options: the client's: `max_tokens`, `caching`, and what it adds to the body.
        said: answers of this turn so far, which the server paused.
        strict: whether tools may be strict.
        forced: whether a tool must be chosen; some models refuse to be told so.
    """
    caching = bool(options.get("caching", True))
    messages = [_message(turn) for turn in turns_of(request.messages)]
    if caching:
        _mark(messages)
    messages += [{"role": "assistant", "content": answer["content"]} for answer in said]
    body: dict[str, Any] = {
        "model": request.model or model,
        "max_tokens": min(request.max_tokens, options.get("max_tokens", request.max_tokens)),
        "messages": messages,
    }
    if request.system:
        body["system"] = [{"type": "text", "text": request.system, **({"cache_control": _CACHED} if caching else {})}]
    if request.tools:
        body["tools"] = _tools(request, strict=strict)
        body["tool_choice"] = {"type": "any" if forced else "auto", "disable_parallel_tool_use": True}
        if caching:
            body["tools"][-1]["cache_control"] = _CACHED
    extras = body_extras(options)
    if extras:
        body["extra_body"] = extras
    return body


def _tools(request: ModelRequest, *, strict: bool) -> list[dict[str, Any]]:
    schemas = strict_tools(request.tools) if strict else [None] * len(request.tools)
    return [
        {
            "name": tool.name,
            "description": tool.description,
            "input_schema": tool.parameters if schema is None else schema,
            **({} if schema is None else {"strict": True}),
        }
        for tool, schema in zip(request.tools, schemas, strict=True)
    ]


def _source(image: Image) -> dict[str, Any]:
    if image.url:
        return {"type": "url", "url": image.url}
    return {"type": "base64", "media_type": image.media_type, "data": base64.b64encode(image.data).decode()}


def _message(turn: Turn) -> dict[str, Any]:
    blocks: list[dict[str, Any]] = [
        {"type": "tool_result", "tool_use_id": it.call_id, "content": it.text, "is_error": it.is_error}
        for it in turn.results
    ]
    blocks += [{"type": "image", "source": _source(it)} for it in turn.images]
    blocks += [{"type": "text", "text": text} for text in turn.texts]
    blocks += [{"type": "tool_use", "id": it.id, "name": it.name, "input": it.arguments} for it in turn.calls]
    return {"role": "user" if turn.is_user else "assistant", "content": blocks}


def _mark(messages: list[dict[str, Any]]) -> None:
    """Let the cache be written up to the last turn of the user, and read up to the one before.

    With the tools and the system prompt these are four marks, which is as many as there may be.
    """
    for message in [it for it in messages if it["role"] == "user"][-2:]:
        message["content"][-1]["cache_control"] = _CACHED


def is_to_go_on(answer: dict[str, Any]) -> bool:
    """Return whether the server paused a turn that it wants to go on with."""
    return answer.get("stop_reason") == "pause_turn"


def is_schema_refusal(failure: ModelFailure) -> bool:
    """Return whether the tools' strict schemas were refused."""
    return failure.status == 400 and bool(_SCHEMA_WORDS.search(failure.text))


def is_choice_refusal(failure: ModelFailure) -> bool:
    """Return whether it was refused that a tool must be chosen, as models do that think before they act."""
    return failure.status == 400 and bool(_CHOICE_WORDS.search(failure.text))


def reply_of(request: ModelRequest, said: list[dict[str, Any]], provider: str, scrub: Scrubber) -> ModelReply:
    """Return what was said, checked.

    Args:
        request: what was asked.
        said: the answers of one turn: one, or several where the server paused.
        provider: who answered, for texts.
        scrub: takes keys out of texts.

    Raises:
        ModelError: the model refused, or the conversation was too long for it.
    """
    last = said[-1]
    stop = str(last.get("stop_reason") or "")
    blocks = [block for answer in said for block in answer["content"] if isinstance(block, dict)]
    text = "".join(str(block.get("text", "")) for block in blocks if block.get("type") == "text")
    if stop == "refusal":
        detail = scrub(text) or "it gave no reason"
        raise ModelError(
            ModelFailure("refused", f"{provider}: the model declined to answer: {detail}", retryable=False)
        )
    if stop == "model_context_window_exceeded":
        detail = "the conversation and the answer do not fit into the model's context window"
        raise ModelError(ModelFailure("context_window", f"{provider}: {detail}", retryable=False))
    calls = [
        (str(block.get("id", "")), str(block.get("name", "")), block.get("input"))
        for block in blocks
        if block.get("type") == "tool_use"
    ]
    usage = sum((_usage(answer.get("usage")) for answer in said), Usage())
    model = str(last.get("model") or request.model or "")
    if stop == "max_tokens" and request.tools:
        # A call that was cut may look whole; it is not.
        problem = f"the answer was cut off after {usage.output_tokens} tokens; answer more briefly"
        return ModelReply(None, problem, text, usage, model, stop)
    return checked_reply(request, calls, text=text, usage=usage, model=model, stop_reason=stop)


def _usage(given: Any) -> Usage:
    counts = given if isinstance(given, dict) else {}
    return Usage(
        _count(counts.get("input_tokens")),
        _count(counts.get("output_tokens")),
        _count(counts.get("cache_read_input_tokens")),
        _count(counts.get("cache_creation_input_tokens")),
    )


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
