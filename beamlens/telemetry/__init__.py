"""What BeamLens tells about itself: every event in one table, and the functions that emit and hear them.

    from beamlens import telemetry

    def show(name, measurements, metadata, config):
        print(metadata["notification"].observation)

    telemetry.attach("show", ("beamlens", "operator", "notification_sent"), show)

Handlers attached in the application also hear the events of operators and the coordinator, which run in processes
of their own. All events of a run carry its `trace_id`. Durations are monotonic nanoseconds, `system_time` is
nanoseconds since the epoch; `*.start` events measure `system_time`, `*.stop` and `*.exception` events `duration`,
and the latter have `kind`, `reason` and `stacktrace` in their metadata.
"""

from __future__ import annotations

from beamlens.telemetry.catalogue import categories, check, describe, event_names, events
from beamlens.telemetry.default_logger import attach_default_logger, detach_default_logger
from beamlens.telemetry.emitting import (
    CallSpan,
    emit,
    emit_tool_exception,
    emit_tool_start,
    emit_tool_stop,
    llm_span,
    tool_span,
)
from beamlens.telemetry.event import Event, Field
from beamlens.telemetry.trace import generate_trace_id
from supervision.telemetry import (
    AlreadyExistsError,
    EventName,
    Handler,
    Measurements,
    Metadata,
    NotFoundError,
    attach,
    attach_many,
    detach,
    list_handlers,
)

__all__ = [
    "AlreadyExistsError",
    "CallSpan",
    "Event",
    "EventName",
    "Field",
    "Handler",
    "Measurements",
    "Metadata",
    "NotFoundError",
    "attach",
    "attach_default_logger",
    "attach_many",
    "categories",
    "check",
    "describe",
    "detach",
    "detach_default_logger",
    "emit",
    "emit_tool_exception",
    "emit_tool_start",
    "emit_tool_stop",
    "event_names",
    "events",
    "generate_trace_id",
    "list_handlers",
    "llm_span",
    "tool_span",
]
