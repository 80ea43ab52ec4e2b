"""What the model replies: one of four actions, with code or a result, as the arguments of the one tool it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from beamlens.llm.model import ToolSchema

__all__ = ["ACTIONS", "EVALUATIONS", "REPLY", "Reply", "parse", "reply_tool"]

REPLY: Final = "reply"
EVALUATIONS: Final = ("eval_and_continue", "eval_and_complete")
ACTIONS: Final = (*EVALUATIONS, "return", "done")


@dataclass(frozen=True, slots=True)
class Reply:
    """Hold a reply that can be acted on."""

    action: str
    code: str = ""
    result: Any = None


def reply_tool(actions: Sequence[str], schema: dict[str, Any]) -> ToolSchema:
    """Return the tool by which the model replies.

    Args:
        actions: those that the agent may choose from.
        schema: of a result; closed, so that nothing is said that nobody reads.
    """
    result = [closed(schema), {"type": "null"}]
    properties: dict[str, Any] = {
        "action": {"type": "string", "enum": list(actions)},
        "code": {"type": "string", "description": "Lua 5.4 for the two eval actions; else empty."},
        "result": {"anyOf": result, "description": "For the action return; else null."},
    }
    parameters = {"type": "object", "properties": properties, "required": ["action"], "additionalProperties": False}
    return ToolSchema(REPLY, "Say what you do next.", parameters)


def closed(schema: Any) -> Any:
    """Return a schema in which each object that lists its properties allows no others."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(each) if key not in ("enum", "const") else each for key, each in schema.items()}
    if "properties" in found:
        found["properties"] = {name: closed(each) for name, each in schema["properties"].items()}
        found.setdefault("additionalProperties", False)
    return found


def parse(arguments: dict[str, Any]) -> tuple[Reply | None, str]:
    """Return a reply and no text, or None and what is wrong with it. The arguments fit the tool's schema."""
    action, code = arguments["action"], arguments.get("code") or ""
    if action in EVALUATIONS and not code.strip():
        return None, f"{action} needs code; give Lua in `code`"
    if action == "return" and "result" not in arguments:
        return None, "return needs a result; give it in `result`"
    return Reply(action, code, arguments.get("result")), ""
