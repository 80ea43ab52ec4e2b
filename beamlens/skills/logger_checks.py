"""What the `logger` skill's numbers mean: general statements about programs that log."""

from __future__ import annotations

from typing import Final

from beamlens.skills.checks import Check, Pattern, Threshold

__all__ = ["CHECKS"]

_LAST_ERROR: Final = """
for _, row in ipairs(logger_errors(50).records) do
  if row.at == check.key then return {message = row.message} end
end
return {message = "unknown"}
"""

CHECKS: Final = (
    Check(
        name="repeated_exception",
        when=Threshold("errors.*.last_minute", ">=", 60),
        also=(Threshold("errors.*.per_second", ">=", 0.5), Pattern("errors.*.exception", r"\w")),
        drill=_LAST_ERROR,
        severity="warning",
        observation=(
            "{errors.*.func} at {key} logged {value} errors with a {errors.*.exception} within a minute, "
            "{errors.*.per_second} a second now"
        ),
        context="Logger {errors.*.logger}; the last one says: {drill.message}",
        cause="exception_storm",
        entities=("{key}", "{errors.*.exception}"),
        remedy="Look at what raises the {errors.*.exception} that is logged at {key}.",
    ),
    Check(
        name="repeated_error",
        when=Threshold("errors.*.last_minute", ">=", 60),
        also=(Threshold("errors.*.per_second", ">=", 0.5), Threshold("errors.*.has_exception", "==", False)),
        drill=_LAST_ERROR,
        severity="warning",
        observation="{errors.*.func} at {key} logged {value} errors within a minute, {errors.*.per_second} a second",
        context="Logger {errors.*.logger}; the last one says: {drill.message}",
        cause="errors",
        entities=("{key}",),
        remedy="Look at what {errors.*.func} could not do.",
    ),
    Check(
        name="warning_storm",
        when=Threshold("warnings.*.per_second", ">=", 50.0),
        severity="warning",
        observation="{warnings.*.func} at {key} logs {value} warnings a second, {warnings.*.last_minute} in a minute",
        context="Logger {warnings.*.logger}: {warnings.*.pattern}",
        cause="log_storm",
        entities=("{key}",),
        remedy="Mend what {key} warns of, or let it warn once.",
    ),
    Check(
        name="logging_takes_too_long",
        when=Threshold("last_10_seconds.handler_part", ">=", 0.3),
        also=(Threshold("last_10_seconds.per_second", ">=", 50.0), Threshold("handler_ms.p50", "<", 20.0)),
        drill="return logger_groups(1).groups[1] or {}",
        severity="warning",
        observation=(
            "Threads spend {value} s of each second in log handlers: {last_10_seconds.per_second} records a second, "
            "{handler_ms.p50} ms each (median)"
        ),
        context="The busiest line is {drill.key} in {drill.func}, level {drill.level}, {drill.per_second} a second",
        hypothesis="More is logged than is needed, from {drill.key} most of all",
        cause="log_storm",
        entities=("{drill.key}",),
        remedy="Raise the level of logger {drill.logger}, or let a queue and a thread write.",
    ),
    Check(
        name="slow_log_handler",
        when=Threshold("handler_ms.p50", ">=", 20.0),
        also=(Threshold("last_10_seconds.records", ">=", 10), Threshold("last_10_seconds.handler_part", ">=", 0.2)),
        drill="return logger_groups(1).groups[1] or {}",
        severity="warning",
        observation=(
            "Log handlers take {value} ms for one record (median; {handler_ms.p95} ms 95th percentile), during which "
            "the thread that logs waits, and others that log wait for the handler's lock"
        ),
        context=(
            "{last_10_seconds.records} records in 10 s took {last_10_seconds.handler_part} of that time; the busiest "
            "line is {drill.key} in {drill.func}"
        ),
        hypothesis="A handler writes to a slow disk, or to another service",
        cause="lock_over_io",
        entities=("{drill.key}",),
        remedy="Put a logging.handlers.QueueHandler before the slow handler.",
    ),
)
"""The checks, the most telling first."""
