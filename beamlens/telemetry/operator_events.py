"""The events of operators, and of the probe that they look through."""

from __future__ import annotations

from typing import Final

from beamlens.telemetry.event import Event, Field, Severity, Since, event, fields
from beamlens.telemetry.shared_fields import BOTH_TIMES, RUN, SYSTEM_TIME

__all__ = ["OPERATOR_EVENTS"]


def _operator(
    name: str,
    meaning: str,
    *metadata: tuple[Field, ...] | str,
    since: Since = "0.3.1",
    severity: Severity = "info",
    measurements: tuple[Field, ...] = SYSTEM_TIME,
) -> Event:
    return event(
        f"operator.{name}", since, meaning, "operator: str", *metadata, measurements=measurements, severity=severity
    )


OPERATOR_EVENTS: Final[tuple[Event, ...]] = (
    _operator("started", "An operator's process started, also after a crash.", "trace_id?: str | None"),
    _operator("iteration_start", "A step begins.", fields("trace_id: str", "iteration: int"), "operator_state: str"),
    _operator(
        "state_change",
        "The operator says how healthy its subject is; `from` and `to` may be equal.",
        RUN,
        *("from: str", "to: str", "reason: str"),
    ),
    _operator(
        "notification_sent", "The operator reports a finding.", RUN, "notification: Notification", severity="warning"
    ),
    _operator("get_notifications", "The operator read its own notifications.", RUN, "count: int"),
    _operator("take_snapshot", "The operator captured a snapshot.", RUN, "snapshot_id: str"),
    _operator("get_snapshot", "The operator read a snapshot.", RUN, "snapshot_id: str"),
    _operator("get_snapshots", "The operator read several snapshots.", RUN, "count: int"),
    _operator("execute_start", "Lua code is about to run.", RUN, "code: str"),
    _operator("execute_complete", "Lua code ran.", RUN, "code: str", "result: object"),
    _operator(
        "execute_error",
        "Lua code failed: its syntax, at run time, or at a limit.",
        RUN,
        *("code: str", "reason: object"),
        severity="warning",
    ),
    _operator("wait", "The operator sleeps for so many milliseconds.", RUN, "ms: int"),
    _operator("think", "The operator recorded a thought.", RUN, "thought: str"),
    _operator("done", "The operator says that its analysis is complete.", RUN),
    _operator(
        "llm_error",
        "An attempt to ask the model failed; `retry_count` counts from 1.",
        RUN,
        *("reason: object", "retry_count: int", "will_retry: bool"),
        severity="error",
    ),
    _operator("loop_stopped", "The loop ended, however a run can end.", "trace_id?: str | None", "final_state: str"),
    _operator(
        "notification_failed", "A finding lacked evidence and was refused.", RUN, "reason: str", severity="warning"
    ),
    _operator(
        "unexpected_message",
        "A message came that an operator does not know.",
        *("trace_id?: str | None", "message: str"),
        severity="warning",
    ),
    _operator(
        "status_change",
        "The operator went from `idle` to `running`, or back.",
        *("trace_id?: str | None", "from: str", "to: str", "running: bool"),
        since="undeclared",
    ),
    _operator(
        "run_started",
        "A run begins; `parent_trace_id` is the run of the coordinator that asked for it.",
        *("trace_id: str", "mode: str", "reason: str | None", "parent_trace_id?: str | None"),
        since="ours",
    ),
    _operator(
        "run_stopped",
        "A run ended; `ending` is `done`, `max_iterations`, `llm_failed`, `cancelled`, `deadline` or `crashed`.",
        *("trace_id: str", "iteration: int", "ending: str", "notification_count: int"),
        since="ours",
        measurements=BOTH_TIMES,
    ),
    _operator(
        "resumed",
        "The operator's process died in a run, and the run goes on in a new one; `crashes` counts its deaths.",
        *("trace_id: str", "iteration: int", "crashes: int"),
        since="ours",
        severity="error",
    ),
    _operator(
        "nonsense",
        "The model's answer was no usable tool call; `problem` is fed back to it.",
        RUN,
        *("problem: str", "count?: int"),
        since="ours",
        severity="warning",
    ),
    event(
        "operator_supervisor.skill_resolution_failed",
        "undeclared",
        "A configured skill is none.",
        *("skill: str", "reason: object"),
        measurements=SYSTEM_TIME,
        severity="error",
    ),
    event(
        "probe.started",
        "ours",
        "The probe runs in the observed process and has started the collectors of its skills.",
        *("pid: int", "skills: list[str]"),
        measurements=SYSTEM_TIME,
    ),
    event(
        "probe.call_failed",
        "ours",
        "A skill raised, hung, or gave what cannot be sent; `kind` is that of `SkillError`, `call` what was called.",
        *("skill: str", "call: str", "kind: str", "reason: object"),
        measurements=SYSTEM_TIME,
        severity="warning",
    ),
)
