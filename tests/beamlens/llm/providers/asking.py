"""What the tests of providers share: tools, requests, and a way to ask a model in a loop of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from beamlens.errors import ModelError
from beamlens.llm.model import Message, Model, ModelFailure, ModelReply, ModelRequest, ToolCall, ToolSchema
from beamlens.llm.registry import build, close, validate

KEY = "sk-canary-7f3a9b1c5d2e4f60"

SET_STATE = ToolSchema(
    "set_state",
    "Say how it is.",
    {
        "type": "object",
        "properties": {
            "state": {"type": "string", "enum": ["healthy", "warning"]},
            "reason": {"type": "string", "minLength": 1},
            "limit": {"type": "integer", "minimum": 0},
        },
        "required": ["state", "reason"],
    },
)
DONE = ToolSchema("done", "End.", {"type": "object", "properties": {}})
TOOLS = (SET_STATE, DONE)
STATE = {"state": "healthy", "reason": "nothing found"}


def request(*messages: Message, **fields: Any) -> ModelRequest:
    """Return a request with two tools; keywords replace its fields."""
    given: dict[str, Any] = {
        "system": "You watch a process.",
        "messages": messages or (Message("user", "begin"),),
        "tools": TOOLS,
        "timeout": 20.0,
    }
    return ModelRequest(**{**given, **fields})


def model_for(
    provider: str, base_url: str | None = None, environ: Mapping[str, str] | None = None, **options: Any
) -> Model:
    """Build one model as the gateway does."""
    given = {**options, **({} if base_url is None else {"base_url": base_url})}
    registry = validate(provider=provider, options=given)
    keys = {"ANTHROPIC_API_KEY": KEY, "OPENAI_API_KEY": KEY, "AZURE_OPENAI_API_KEY": KEY, "GOOGLE_API_KEY": KEY}
    return build(registry, keys if environ is None else environ)[provider]


def ask(model: Model, *requests: ModelRequest) -> list[ModelReply | ModelFailure]:
    """Ask one after the other in a loop of their own, and close the model; failures are returned."""

    async def all_of_them() -> list[ModelReply | ModelFailure]:
        answers: list[ModelReply | ModelFailure] = []
        for each in requests:
            try:
                answers.append(await model.complete(each))
            except ModelError as error:
                answers.append(error.failure)
        await close({"it": model})
        return answers

    return asyncio.run(all_of_them())


def reply(model: Model, asked: ModelRequest | None = None) -> ModelReply:
    """Ask once; the answer must be a reply."""
    (answer,) = ask(model, asked or request())
    assert isinstance(answer, ModelReply), answer
    return answer


def failure(model: Model, asked: ModelRequest | None = None) -> ModelFailure:
    """Ask once; the answer must be a failure."""
    (answer,) = ask(model, asked or request())
    assert isinstance(answer, ModelFailure), answer
    return answer


def conversation() -> tuple[Message, ...]:
    """Return a conversation with a call and its result."""
    return (
        Message("user", "begin"),
        Message("assistant", "let me see", call=ToolCall("toolu_1", "set_state", STATE)),
        Message("user", '{"ok": true}', answers="toolu_1"),
    )
