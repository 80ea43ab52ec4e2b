"""What the `changes` skill's numbers mean. A change is a fact that explains others, not a fault: most are `info`."""

from __future__ import annotations

from typing import Final

from beamlens.skills.checks import Check, Pattern, Rate, Threshold

__all__ = ["CHECKS"]

_KEY: Final = ("{changes.*.name}",)
_RECENT: Final = Threshold("changes.*.seconds_ago", "<=", 1800.0)

CHECKS: Final = (
    Check(
        name="tracing_left_on",
        when=Pattern("changes.*.key", r"^runtime:(tracemalloc|trace function|profile function)\Z"),
        also=(Threshold("changes.*.now", "==", "on"), Threshold("changes.*.seconds_ago", ">=", 90.0)),
        severity="warning",
        observation=(
            "The interpreter's {changes.*.name}, which was off at the start, was switched on {changes.*.seconds_ago} s "
            "ago and has been on since: every allocation or call pays for it"
        ),
        cause="config_change",
        entities=_KEY,
        remedy="Switch it off again where it was switched on.",
    ),
    Check(
        name="gc_switched_off",
        when=Pattern("changes.*.key", r"^runtime:gc\Z"),
        also=(Threshold("changes.*.now", "==", "off"), Threshold("changes.*.seconds_ago", ">=", 30.0)),
        severity="warning",
        observation="The garbage collector was switched off {changes.*.seconds_ago} s ago and is off still",
        hypothesis="Objects that refer to each other in circles are never freed while it is off",
        cause="config_change",
        entities=_KEY,
        remedy="Call gc.enable() in a finally clause where gc.disable() is called.",
    ),
    Check(
        name="log_level_lowered",
        when=Pattern("changes.*.key", r"^log_levels:"),
        also=(Pattern("changes.*.now", r"^(DEBUG|NOTSET)\Z"), _RECENT),
        severity="info",
        observation="The log level of {changes.*.name} became {changes.*.now} {changes.*.seconds_ago} s ago",
        cause="config_change",
        entities=_KEY,
    ),
    Check(
        name="setting_changed",
        when=Pattern("changes.*.key", r"^(settings|environment):"),
        also=(_RECENT,),
        severity="info",
        observation=(
            "Of the {changes.*.section} {changes.*.name} was {changes.*.kind} {changes.*.seconds_ago} s ago, while the "
            "program ran"
        ),
        cause="config_change",
        entities=_KEY,
    ),
    Check(
        name="code_on_disk_changed",
        when=Pattern("changes.*.key", r"^(code|packages):"),
        # What is new on disk is loaded by nobody yet.
        also=(_RECENT, Pattern("changes.*.kind", r"^(changed|removed)\Z")),
        severity="info",
        observation=(
            "{changes.*.name} was {changes.*.kind} on disk {changes.*.seconds_ago} s ago, while the program ran: what "
            "runs is not what lies there"
        ),
        cause="config_change",
        entities=_KEY,
        remedy="Start the program again once all files are in place.",
    ),
    Check(
        name="other_traffic",
        when=Threshold("traffic.shift", ">=", 0.4),
        drill="return changes_traffic().routes[1] or {}",
        severity="info",
        observation=(
            "Other requests come than before: {drill.key} is a part of {drill.part} of those of the last minute and "
            "was {drill.part_before} (shift of the whole: {value})"
        ),
        context="{traffic.requests_last_minute} requests in the last minute, {traffic.requests_before} before",
        entities=("{drill.key}",),
    ),
    Check(
        name="odd_worker",
        when=Threshold("workers.odd.*.value", ">", 0),
        severity="warning",
        observation=(
            "Of {workers.count} workers of this program the one with process id {workers.odd.*.pid} has {value} "
            "{workers.odd.*.measure}, the others {workers.odd.*.others} (median)"
        ),
        context="It is the worker that was looked at from inside: {workers.odd.*.this}",
        hypothesis="One worker is sick and the others are not: its own past explains it, not the code",
        entities=("{workers.odd.*.pid}",),
        remedy="Compare what that worker has done; start it again if it harms.",
    ),
    Check(
        name="worker_churn",
        when=Rate("workers.started_total", 0.2, least_count=6),
        severity="warning",
        observation="{change} workers of this program were started within {seconds:.0f} s",
        context="{workers.count} workers run",
        cause="crash_loop",
        remedy="Find out why workers end: the log of their master, the kernel's log for kills.",
    ),
)
"""The checks, the most telling first."""
