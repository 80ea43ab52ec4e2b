"""A conversation as people and programs read it: who said what, in order."""

from __future__ import annotations

import json
from typing import Any

from beamlens.agent.context import Context
from beamlens.llm.model import Message

__all__ = ["as_dicts"]


def as_dicts(system: str, context: Context) -> list[dict[str, Any]]:
    """Return messages as dicts with `role` (system, user, assistant) and `content`; `images` counts pictures."""
    return [{"role": "system", "content": system}, *(_as_dict(message) for message in context.messages)]


def _as_dict(message: Message) -> dict[str, Any]:
    if message.call is not None:
        content = json.dumps(message.call.arguments, ensure_ascii=False)
        return {"role": "assistant", "content": content, "action": message.call.arguments.get("action")}
    found: dict[str, Any] = {"role": message.role, "content": message.text}
    if message.images:
        found["images"] = len(message.images)
    if message.is_error:
        found["is_error"] = True
    return found
