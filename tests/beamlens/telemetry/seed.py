"""What BeamLens v0.3.1 documents: each event with the keys of its measurements and of its metadata."""

from __future__ import annotations

SEED = """\
llm.start | system_time | trace_id iteration context_size
llm.stop | duration | trace_id iteration tool_selected intent response
llm.exception | duration | trace_id iteration kind reason stacktrace
tool.start | system_time | trace_id iteration tool_name intent
tool.stop | duration | trace_id iteration tool_name intent result
tool.exception | duration | trace_id iteration tool_name kind reason stacktrace
operator.started | system_time | operator
operator.iteration_start | system_time | operator trace_id iteration operator_state
operator.state_change | system_time | operator trace_id from to reason
operator.notification_sent | system_time | operator trace_id notification
operator.get_notifications | system_time | operator trace_id count
operator.take_snapshot | system_time | operator trace_id snapshot_id
operator.get_snapshot | system_time | operator trace_id snapshot_id
operator.get_snapshots | system_time | operator trace_id count
operator.execute_start | system_time | operator trace_id code
operator.execute_complete | system_time | operator trace_id code result
operator.execute_error | system_time | operator trace_id code reason
operator.wait | system_time | operator trace_id ms
operator.think | system_time | operator trace_id thought
operator.done | system_time | operator trace_id
operator.llm_error | system_time | operator trace_id reason retry_count will_retry
operator.loop_stopped | system_time | operator final_state
operator.notification_failed | system_time | operator trace_id reason
operator.unexpected_message | system_time | operator message
coordinator.started | system_time | running notification_count
coordinator.iteration_start | system_time | trace_id iteration
coordinator.get_notifications | system_time | trace_id status count
coordinator.update_notification_statuses | system_time | trace_id notification_ids status
coordinator.insight_produced | system_time | trace_id insight
coordinator.done | system_time | trace_id has_unread unread_count
coordinator.loop_stopped | system_time | reason
coordinator.llm_error | system_time | trace_id reason
coordinator.unexpected_message | system_time | running notification_count message
coordinator.invoke_operators | system_time | trace_id skills
coordinator.message_operator | system_time | trace_id skill
coordinator.get_operator_statuses | system_time | trace_id
coordinator.wait | system_time | trace_id ms
coordinator.think | system_time | trace_id thought
coordinator.operator_notification_received | system_time | notification_id operator_pid
coordinator.operator_complete | system_time | skill result
coordinator.operator_crashed | system_time | skill reason
coordinator.max_iterations_reached | system_time | iteration
compaction.start | system_time message_count | trace_id iteration strategy config
compaction.stop | system_time message_count | trace_id iteration
"""

# Added by v0.4.0, all of the coordinator.
LATER = [
    "invalid_intent",
    "deadline_exceeded",
    "caller_down",
    "cancelled",
    "schedule",
    "schedule_rejected",
    "scheduled_reinvoke",
    "pipeline_classify_start",
    "pipeline_classify_complete",
    "pipeline_synthesize_start",
    "pipeline_synthesize_complete",
]


def rows() -> list[tuple[tuple[str, ...], set[str], set[str]]]:
    """Return (name, keys of the measurements, keys of the metadata) of each."""
    split = (line.split(" | ") for line in SEED.splitlines())
    return [
        (("beamlens", *name.split(".")), set(measured.split()), set(meta.split())) for name, measured, meta in split
    ]
