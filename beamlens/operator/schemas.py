"""The ten tools of an operator, as a model sees them."""

from __future__ import annotations

from typing import Any, Final

from beamlens.domain.notification import SEVERITIES
from beamlens.domain.status import HEALTH_STATES
from beamlens.llm.model import ToolSchema

__all__ = ["MAX_WAIT_MS", "TOOLS"]

MAX_WAIT_MS: Final = 600_000


def _tool(name: str, description: str, required: tuple[str, ...] = (), **properties: dict[str, Any]) -> ToolSchema:
    parameters = {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }
    return ToolSchema(name, description, parameters)


def _text(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description}


def _texts(description: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string"}, "description": description}


TOOLS: Final = (
    _tool(
        "set_state",
        "Say how healthy the subject is now.",
        ("state", "reason"),
        state={"type": "string", "enum": list(HEALTH_STATES)},
        reason=_text("The facts that this state rests on."),
    ),
    _tool(
        "send_notification",
        "Report one finding. Facts go into context and observation, guesses only into hypothesis. "
        "Every finding needs the ids of the snapshots that prove it.",
        ("type", "context", "observation", "severity", "snapshot_ids"),
        type=_text("What kind of anomaly, such as memory_growth."),
        context=_text("Facts about the surroundings."),
        observation=_text("The fact that was seen, with numbers."),
        hypothesis=_text("A guess at the cause; leave it out without one."),
        severity={"type": "string", "enum": list(SEVERITIES)},
        snapshot_ids=_texts("Ids of snapshots that were taken in this run."),
        entities=_texts("Names that findings of others may share: a file and line, a host, a route, a lock."),
        cause=_text("The key of the cause that this would be a sign of, such as memory_leak."),
        remedy=_text("What to do about it, in a sentence."),
    ),
    _tool("get_notifications", "List the notifications of this run."),
    _tool("take_snapshot", "Look at the subject now; the snapshot gets an id."),
    _tool("get_snapshot", "Show a snapshot of this run again.", ("id",), id=_text("The snapshot's id.")),
    _tool(
        "get_snapshots",
        "List snapshots of this run, oldest first.",
        limit={"type": "integer", "minimum": 1, "maximum": 100, "description": "How many at most."},
        offset={"type": "integer", "minimum": 0, "description": "How many to leave out at the beginning."},
    ),
    _tool(
        "execute",
        "Run Lua code that looks closer. It can call the documented functions and nothing else, keeps nothing "
        "between two calls, and gives what it returns.",
        ("code",),
        code=_text("Lua 5.4; `return` the result."),
    ),
    _tool(
        "wait",
        "Wait before the next step.",
        ("ms",),
        ms={"type": "integer", "minimum": 1, "maximum": MAX_WAIT_MS, "description": "Milliseconds."},
    ),
    _tool("think", "Write down a thought.", ("thought",), thought=_text("The thought.")),
    _tool("done", "End the investigation."),
)
