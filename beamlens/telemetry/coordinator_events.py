"""The events of the coordinator. All say whether it runs and how many notifications it holds."""

from __future__ import annotations

from typing import Final

from beamlens.telemetry.event import Event, Field, Severity, Since, event, fields
from beamlens.telemetry.shared_fields import BOTH_TIMES, RUN, SYSTEM_TIME

__all__ = ["COORDINATOR_EVENTS"]

_STANDING: Final = fields("running: bool", "notification_count: int")
_MAYBE_RUN: Final = fields("trace_id?: str | None")


def _coordinator(
    name: str,
    meaning: str,
    *metadata: tuple[Field, ...] | str,
    since: Since = "0.3.1",
    severity: Severity = "info",
    measurements: tuple[Field, ...] = SYSTEM_TIME,
) -> Event:
    return event(
        f"coordinator.{name}", since, meaning, _STANDING, *metadata, measurements=measurements, severity=severity
    )


COORDINATOR_EVENTS: Final[tuple[Event, ...]] = (
    _coordinator("started", "The coordinator's process started, also after a crash.", _MAYBE_RUN),
    _coordinator("iteration_start", "A step begins.", *("trace_id: str", "iteration: int")),
    _coordinator(
        "get_notifications",
        "The coordinator read notifications: those of one status, or all.",
        RUN,
        *("status: str | None", "count: int"),
    ),
    _coordinator(
        "update_notification_statuses",
        "The coordinator marked notifications; the ids are those it gave, unknown ones included.",
        RUN,
        *("notification_ids: list[str]", "status: str"),
    ),
    _coordinator("insight_produced", "The coordinator drew a conclusion.", RUN, "insight: Insight", severity="warning"),
    _coordinator("done", "The coordinator's analysis is complete.", RUN, *("has_unread: bool", "unread_count: int")),
    _coordinator("loop_stopped", "The loop ended, however a run can end.", _MAYBE_RUN, "reason: str"),
    _coordinator(
        "llm_error",
        "An attempt to ask the model failed; `retry_count` counts from 1.",
        RUN,
        *("reason: object", "retry_count: int", "will_retry: bool"),
        severity="error",
    ),
    _coordinator(
        "unexpected_message",
        "A message came that the coordinator does not know.",
        _MAYBE_RUN,
        "message: str",
        severity="warning",
    ),
    _coordinator("invoke_operators", "The coordinator sets operators to work.", RUN, "skills: list[str]"),
    _coordinator("message_operator", "The coordinator asks an operator a question.", RUN, "skill: str"),
    _coordinator("get_operator_statuses", "The coordinator looked at how its operators stand.", RUN),
    _coordinator("wait", "The coordinator sleeps for so many milliseconds.", RUN, "ms: int"),
    _coordinator("think", "The coordinator recorded a thought.", RUN, "thought: str"),
    _coordinator(
        "operator_notification_received",
        "A notification of an operator arrived.",
        _MAYBE_RUN,
        *("notification_id: str", "operator_pid: Ref | int | str | None", "operator?: str"),
    ),
    _coordinator("operator_complete", "An operator's run ended.", _MAYBE_RUN, *("skill: str", "result: Completion")),
    _coordinator(
        "operator_crashed",
        "An operator died and will not answer.",
        _MAYBE_RUN,
        *("skill: str", "reason: object"),
        severity="error",
    ),
    _coordinator(
        "max_iterations_reached",
        "The coordinator used up its steps.",
        _MAYBE_RUN,
        "iteration: int",
        severity="warning",
    ),
    _coordinator(
        "invalid_intent",
        "The model's answer was no usable tool call; `reason` is fed back to it.",
        RUN,
        "reason: object",
        since="0.4.0",
        severity="warning",
    ),
    _coordinator(
        "deadline_exceeded", "A run took longer than it was given.", _MAYBE_RUN, since="0.4.0", severity="warning"
    ),
    _coordinator("caller_down", "Who asked for the run is gone; it is stopped.", _MAYBE_RUN, since="0.4.0"),
    _coordinator("cancelled", "A run was cancelled.", _MAYBE_RUN, since="0.4.0"),
    _coordinator(
        "schedule",
        "The coordinator will look again in `ms` milliseconds.",
        RUN,
        *("ms: int", "reason: str"),
        since="0.4.0",
    ),
    _coordinator(
        "schedule_rejected",
        "It may not be scheduled while operators run.",
        RUN,
        "running_operator_count: int",
        since="0.4.0",
    ),
    _coordinator("scheduled_reinvoke", "The time has come to look again.", _MAYBE_RUN, "reason: str", since="0.4.0"),
    _coordinator("pipeline_classify_start", "Pipeline: the question is being classified.", RUN, since="0.4.0"),
    _coordinator(
        "pipeline_classify_complete",
        "Pipeline: it is known what is asked and whom to ask.",
        RUN,
        *("intent: str", "skills: list[str]"),
        since="0.4.0",
    ),
    _coordinator("pipeline_synthesize_start", "Pipeline: all operators have ended.", RUN, since="0.4.0"),
    _coordinator("pipeline_synthesize_complete", "Pipeline: the answer is there.", RUN, since="0.4.0"),
    _coordinator(
        "done_rejected",
        "It cannot be done while operators run.",
        RUN,
        *("running_operator_count: int", "unread_count?: int"),
        since="undeclared",
    ),
    _coordinator(
        "operator_not_found",
        "There is no operator for a skill that was to be invoked.",
        _MAYBE_RUN,
        "skill: str",
        since="undeclared",
        severity="warning",
    ),
    _coordinator("run_started", "A run begins.", *("trace_id: str", "context: dict"), since="ours"),
    _coordinator(
        "run_stopped",
        "A run ended; `ending` says how.",
        *("trace_id: str", "iteration: int", "ending: str", "insight_count: int"),
        since="ours",
        measurements=BOTH_TIMES,
    ),
    _coordinator(
        "resumed",
        "The coordinator's process died in a run, and the run goes on in a new one; `crashes` counts its deaths.",
        *("trace_id: str", "iteration: int", "crashes: int"),
        since="ours",
        severity="error",
    ),
)
