"""How many tokens a text has, as far as that can be said without asking the provider."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from beamlens.llm.model import Message, ModelRequest

__all__ = ["estimate", "estimate_message", "estimate_request", "estimate_text"]

# English prose has about 4 bytes a token, JSON full of digits fewer. Rather too many tokens than too few.
_BYTES_PER_TOKEN: Final = 3
_MESSAGE: Final = 4  # what frames a message
_IMAGE: Final = 1600  # a picture of the largest size that providers do not shrink


def estimate_text(text: str) -> int:
    """Return about how many tokens a text has, rather too many."""
    return -(-len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN)


def estimate_message(message: Message) -> int:
    """Return about how many tokens a message has."""
    call = message.call
    said = 0 if call is None else estimate_text(call.name) + estimate_text(json.dumps(call.arguments, default=str))
    return _MESSAGE + estimate_text(message.text) + said + _IMAGE * len(message.images)


def estimate(messages: Iterable[Message]) -> int:
    """Return about how many tokens messages have."""
    return sum(map(estimate_message, messages))


def estimate_request(request: ModelRequest) -> int:
    """Return about how many tokens a request sends: system prompt, tools and conversation."""
    tools = sum(
        estimate_text(tool.name + tool.description) + estimate_text(json.dumps(tool.parameters, default=str))
        for tool in request.tools
    )
    return estimate_text(request.system) + tools + estimate(request.messages)
