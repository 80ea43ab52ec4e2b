"""The ten tools of the coordinator, as a model sees them."""

from __future__ import annotations

from typing import Final

from beamlens.agent.tool_schema import text, texts, tool, whole_number
from beamlens.domain.insight import CONFIDENCES, CORRELATION_TYPES

__all__ = ["TOOLS"]

_DAY_MS: Final = 86_400_000

TOOLS: Final = (
    tool(
        "get_notifications",
        "List what operators have reported.",
        status=text("Only those of this status; all without it.", one_of=("unread", "acknowledged", "resolved", "all")),
    ),
    tool(
        "update_notification_statuses",
        "Mark notifications as acknowledged or resolved.",
        ("notification_ids", "status"),
        notification_ids=texts("Their ids."),
        status=text("The new status.", one_of=("acknowledged", "resolved")),
        reason=text("Why."),
    ),
    tool(
        "produce_insight",
        "State what the notifications mean together. Cite their ids, and copy the observations it rests on word for "
        "word. A hypothesis is grounded only if facts of two operators or more support it. Where nothing was found, "
        "produce one insight without notifications that says so.",
        (
            "notification_ids",
            "correlation_type",
            "summary",
            "matched_observations",
            "hypothesis_grounded",
            "confidence",
        ),
        notification_ids=texts("Ids of the notifications it rests on."),
        correlation_type=text(
            "temporal: close in time; causal: one caused another; symptomatic: a common hidden cause.",
            one_of=CORRELATION_TYPES,
        ),
        summary=text("The answer, in facts."),
        matched_observations=texts("Observations of these notifications, word for word."),
        hypothesis_grounded={"type": "boolean", "description": "Whether facts of two operators or more support it."},
        root_cause_hypothesis=text("The cause; leave it out without one."),
        confidence=text("How sure it is.", one_of=CONFIDENCES),
    ),
    tool(
        "invoke_operators",
        "Send operators to look at their subjects, all at once. Their notifications arrive while they work.",
        ("skills",),
        skills=texts("Names of operators."),
        context=text("What they should look into."),
    ),
    tool(
        "message_operator",
        "Ask an operator a question; it answers from what it has seen so far.",
        ("skill", "message"),
        skill=text("The operator's name."),
        message=text("The question."),
    ),
    tool("get_operator_statuses", "Show how the operators that you invoked stand."),
    tool(
        "wait",
        "Wait; it ends early when an operator reports or ends.",
        ("ms",),
        ms=whole_number("Milliseconds.", 1, 600_000),
    ),
    tool(
        "schedule",
        "End this run, and look again later by yourself.",
        ("ms", "reason"),
        ms=whole_number("Milliseconds from now.", 1, _DAY_MS),
        reason=text("What to look into then."),
    ),
    tool("think", "Write down a thought.", ("thought",), thought=text("The thought.")),
    tool("done", "End the run. Not while operators still work."),
)
