"""What the `vm_events` skill's numbers mean: general statements about Python programs."""

from __future__ import annotations

from typing import Final

from beamlens.skills.checks import Check, Threshold

__all__ = ["CHECKS"]

_LONGEST_PAUSE: Final = """
local worst
for _, each in ipairs(vm_events_list("gc_pause", 50).events) do
  if not worst or each.ms > worst.ms then worst = each end
end
return {ms = worst and worst.ms or 0, doing = worst and worst.doing or "a collection",
        count = worst and worst.count or 0}
"""

CHECKS: Final = (
    Check(
        name="gil_held",
        when=Threshold("gil_holds.count_1m", ">=", 3),
        also=(
            Threshold("gil_holds.longest_1m_ms", ">=", 200.0),
            Threshold("gil_holds.usual_place.part", ">=", 0.5),
        ),
        severity="critical",
        observation=(
            "The interpreter lock was held {value} times within a minute without a break, for "
            "{gil_holds.longest_1m_ms} ms at the longest, {gil_holds.total_1m_ms} ms in all: no other thread ran; a "
            "part of {gil_holds.usual_place.part} of it at {gil_holds.usual_place.at} in {gil_holds.usual_place.func}, "
            "which calls {gil_holds.usual_place.doing}"
        ),
        context="{gil_holds.count_5m} times within 5 minutes; collections of the garbage collector are not among them",
        hypothesis="{gil_holds.usual_place.doing} is C code that does not let go of the interpreter lock",
        cause="gil_contention",
        entities=("{gil_holds.usual_place.at}", "{gil_holds.usual_place.func}"),
        remedy="Give {gil_holds.usual_place.func} less at once, or do it in a process of its own.",
    ),
    Check(
        name="gc_stalls",
        when=Threshold("gc_pauses.count_1m", ">=", 2),
        also=(Threshold("gc_pauses.longest_1m_ms", ">=", 250.0),),
        drill=_LONGEST_PAUSE,
        confirm=Threshold("ms", ">=", 250.0),
        observation=(
            "The garbage collector stopped the application {value} times within a minute for 50 ms and more, the "
            "longest for {drill.ms} ms: {drill.doing}, which freed {drill.count} objects"
        ),
        context="{gc_pauses.total_1m_ms} ms within a minute, {gc_pauses.count_5m} pauses within 5 minutes",
        cause="gc_pressure",
        entities=("{drill.doing}",),
        remedy="Keep fewer container objects alive, or call gc.freeze() once after the start-up has made them.",
    ),
    Check(
        name="loop_stalls",
        when=Threshold("loop_stalls.count_1m", ">=", 3),
        also=(
            Threshold("loop_stalls.longest_1m_ms", ">=", 300.0),
            Threshold("loop_stalls.usual_place.part", ">=", 0.5),
            Threshold("gil_holds.count_1m", "<", 3),
            Threshold("gc_pauses.count_1m", "<", 2),
        ),
        severity="critical",
        observation=(
            "Event loops stood still {value} times within a minute, for {loop_stalls.longest_1m_ms} ms at the longest; "
            "a part of {loop_stalls.usual_place.part} of it at {loop_stalls.usual_place.at} in "
            "{loop_stalls.usual_place.func}, which calls {loop_stalls.usual_place.doing}"
        ),
        context="{loop_stalls.total_1m_ms} ms within a minute; the interpreter lock was not held for long meanwhile",
        hypothesis="{loop_stalls.usual_place.func} does something synchronous on the event loop's thread",
        cause="loop_blocked",
        entities=("{loop_stalls.usual_place.at}", "{loop_stalls.usual_place.func}"),
        remedy="Use the asynchronous form of the call, or await asyncio.to_thread(...).",
    ),
    Check(
        name="page_fault_storm",
        when=Threshold("faults.major_per_second", ">=", 200.0, times=3),
        severity="warning",
        observation="{value} pages a second had to be read from disk: memory that the application uses is not there",
        context="{page_faults.count_5m} such seconds within 5 minutes",
        cause="memory_limit",
        remedy="Give the machine or the container more memory, or let the application use less.",
    ),
)
"""The checks, the most telling first."""
