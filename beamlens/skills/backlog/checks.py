"""What the `overload` skill's numbers mean: general statements about programs with queues and pools."""

from __future__ import annotations

from typing import Final

from beamlens.skills.checks import Check, Threshold

__all__ = ["CHECKS"]

_NAME_BOTTLENECK: Final = """
local found = overload_bottleneck(check.key)
local named = found.at ~= nil
return {found = true, named = named, at = found.at or "lines that are not known",
        func = found.func or "no known function", waits_for = found.waits_for or "something unknown",
        part = found.part or 0, type = found.type, waiting = found.type ~= "computing" and named,
        action = found.action}
"""

CHECKS: Final = (
    Check(
        name="queue_growth",
        when=Threshold("queues.*.growing", "==", True),
        drill=_NAME_BOTTLENECK,
        confirm=Threshold("found", "==", True),
        severity="warning",
        observation=(
            "{key} ({queues.*.kind}) grew by {queues.*.change} to {queues.*.size} within {queues.*.seconds} s, "
            "{queues.*.per_minute} a minute, in every part of that time"
        ),
        context=(
            "{queues.*.workers} take from it; {drill.part} of the time they stand at {drill.at} in {drill.func}, "
            "waiting for {drill.waits_for} ({drill.type})"
        ),
        cause="overload",
        entities=("{key}", "{drill.at}", "{drill.func}"),
        remedy="{drill.action}",
    ),
    Check(
        name="pool_saturated",
        when=Threshold("queues.*.saturated_seconds", ">=", 10.0),
        also=(Threshold("queues.*.growing", "==", False),),
        drill=_NAME_BOTTLENECK,
        confirm=Threshold("waiting", "==", True),
        severity="warning",
        observation=(
            "All {queues.*.most_workers} workers of {key} have been busy for {value} s, and {queues.*.size} jobs wait; "
            "{drill.part} of the time they stand at {drill.at} in {drill.func}, waiting for {drill.waits_for}"
        ),
        context="What keeps them: {drill.type}",
        cause="overload",
        entities=("{key}", "{drill.at}", "{drill.func}"),
        remedy="{drill.action}",
    ),
)
"""The checks, the most telling first."""
