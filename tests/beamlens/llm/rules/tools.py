"""The tools of operators and the coordinator, as schemas; strict, so that an unknown or missing field is found."""

from __future__ import annotations

from typing import Any

from beamlens.llm.model import ToolSchema

TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
NAMES: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
MS: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": 600_000}


def tool(name: str, required: dict[str, Any] | None = None, optional: dict[str, Any] | None = None) -> ToolSchema:
    required, optional = required or {}, optional or {}
    return ToolSchema(
        name,
        name,
        {
            "type": "object",
            "properties": {**required, **optional},
            "required": list(required),
            "additionalProperties": False,
        },
    )


OPERATOR_TOOLS = (
    tool("set_state", {"state": {"enum": ["healthy", "observing", "warning", "critical"]}, "reason": TEXT}),
    tool(
        "send_notification",
        {
            "type": TEXT,
            "context": TEXT,
            "observation": TEXT,
            "severity": {"enum": ["info", "warning", "critical"]},
            "snapshot_ids": {**NAMES, "minItems": 1},
        },
        {"hypothesis": TEXT, "entities": NAMES, "cause": TEXT, "remedy": TEXT},
    ),
    tool("get_notifications"),
    tool("take_snapshot"),
    tool("get_snapshot", {"id": TEXT}),
    tool("get_snapshots", {}, {"limit": {"type": "integer"}, "offset": {"type": "integer"}}),
    tool("execute", {"code": TEXT}),
    tool("wait", {"ms": MS}),
    tool("think", {"thought": TEXT}),
    tool("done"),
)

COORDINATOR_TOOLS = (
    tool("get_notifications", {}, {"status": {"enum": ["unread", "acknowledged", "resolved", "all"]}}),
    tool(
        "update_notification_statuses",
        {"notification_ids": NAMES, "status": {"enum": ["acknowledged", "resolved"]}},
        {"reason": TEXT},
    ),
    tool(
        "produce_insight",
        {
            "notification_ids": NAMES,
            "correlation_type": {"enum": ["temporal", "causal", "symptomatic"]},
            "summary": TEXT,
            "matched_observations": NAMES,
            "hypothesis_grounded": {"type": "boolean"},
            "confidence": {"enum": ["high", "medium", "low"]},
        },
        {"root_cause_hypothesis": TEXT},
    ),
    tool("invoke_operators", {"skills": NAMES}, {"context": TEXT}),
    tool("message_operator", {"skill": TEXT, "message": TEXT}),
    tool("get_operator_statuses"),
    tool("wait", {"ms": MS}),
    tool("schedule", {"ms": MS, "reason": TEXT}),
    tool("think", {"thought": TEXT}),
    tool("done"),
)
