"""What the `asyncio` skill's numbers mean: general statements about programs with event loops."""

from __future__ import annotations

from typing import Final

from beamlens.skills.checks import Check, Threshold
from beamlens.skills.interpreter.shared_checks import loop_checks

__all__ = ["CHECKS"]

_NAME_TASKS: Final = """
local largest = nil
for _, group in ipairs(asyncio_tasks(50).groups) do
  if group.key == check.key and (largest == nil or group.count > largest.count) then largest = group end
end
if largest == nil then return {abandoned = false} end
return {abandoned = not largest.reads, count = largest.count, oldest = largest.oldest_seconds,
        at = largest.at or "an unknown line", func = largest.func or "an unknown function", kind = largest.kind,
        runs = largest.runs or "an unknown function", born_at = largest.born_at or "an unknown line",
        born_in = largest.born_in or "an unknown function"}
"""

CHECKS: Final = (
    Check(
        name="task_growth",
        when=Threshold("tasks.growing.*.change", ">=", 10),
        drill=_NAME_TASKS,
        confirm=Threshold("abandoned", "==", True),
        severity="warning",
        observation=(
            "{drill.count} tasks of {key} are alive, {value} more than {tasks.growing.*.seconds} s ago, growing by "
            "{tasks.growing.*.per_minute} a minute; of the old ones {tasks.growing.*.ended} ended meanwhile"
        ),
        context=(
            "They wait at {drill.at} in {drill.func} ({drill.kind}), the oldest for {drill.oldest} s; created at "
            "{drill.born_at} in {drill.born_in}"
        ),
        hypothesis="{drill.runs} is started again and again and what it waits for never comes",
        cause="task_leak",
        entities=("{drill.at}", "{drill.runs}", "{drill.born_at}"),
        remedy="Give the wait at {drill.at} a timeout, or cancel the tasks when what they serve is over.",
    ),
    *loop_checks(
        "{key}",
        Threshold("loops.*.lag_ms_p50", "<", 50.0),
        Threshold("loops.*.blocked_now.looks", ">=", 1),
    ),
    Check(
        name="coroutine_never_awaited",
        when=Threshold("unawaited.last_minute", ">=", 1),
        drill="""
local worst = asyncio_unawaited(1).coroutines[1]
return worst and {count = worst.count, runs = worst["function"], at = worst.dropped_at or worst.defined_at} or {}
""",
        confirm=Threshold("count", ">=", 1),
        severity="warning",
        observation="The coroutine {drill.runs} was made and never awaited, {drill.count} times: it never ran",
        context="Let go of at {drill.at}; {value} such coroutines within the last minute",
        hypothesis="An await is missing before the call at {drill.at}",
        cause="errors",
        entities=("{drill.runs}", "{drill.at}"),
        remedy="Await the call at {drill.at}, or make a task of it and keep the task.",
    ),
    Check(
        name="tasks_wait_for_each_other",
        when=Threshold("tasks.cycles", ">=", 1),
        drill="""
local cycle = asyncio_waits(50).cycles[1]
return cycle and {found = true, names = table.concat(cycle, " -> ")} or {found = false}
""",
        confirm=Threshold("found", "==", True),
        severity="critical",
        observation="Tasks wait for each other and none of them can go on: {drill.names}",
        cause="deadlock",
        entities=("{drill.names}",),
        remedy="Let one of them not wait for the other, or give its wait a timeout.",
    ),
)
"""The checks, the most telling first."""
