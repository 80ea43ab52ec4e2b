"""What the `vm` skill's numbers mean: general statements about Python programs, with the proof that each needs."""

from __future__ import annotations

from typing import Final

from beamlens.skills.checks import Check, Threshold
from beamlens.skills.interpreter.shared_checks import lock_checks, loop_checks

__all__ = ["CHECKS"]

_NAME_CONTAINER: Final = """
local found = vm_growing_containers(20)
for _, each in ipairs(found.growing) do
  if each.path == check.key then
    local memory = vm_memory()
    return {growing = true, path = each.path, kind = each.kind, items = each.items, change = each.change,
            per_minute = each.per_minute, seconds = each.seconds, file = each.file or "an unknown file",
            verdict = memory.verdict, why = memory.why}
  end
end
return {growing = false}
"""

_VERDICT: Final = """
local memory = vm_memory()
return {verdict = memory.verdict, why = memory.why, since_seconds = memory.since_seconds, rss_mb = memory.rss_mb}
"""

_NAME_THREADS: Final = """
local found = vm_threads(50)
for _, group in ipairs(found.groups) do
  if group.key == check.key then
    local stands = group.stands_at[1]
    return {growing = true, key = group.key, count = group.count, daemon = group.daemon,
            runs = group.runs or "an unknown function", stands_at = stands and stands.at or "an unknown line",
            names = table.concat(group.names, ", "), born_in = group.born_in or "an unknown function"}
  end
end
return {growing = false}
"""

_NAME_HOT: Final = """
local profile = vm_hot_functions(1)
local hot, entry = profile.functions[1], profile.entries[1]
return {cpu_percent = profile.cpu_percent, busy_threads = profile.busy_threads or 0,
        at = hot and hot.at or "an unknown line", function_name = hot and hot.func or "an unknown function",
        part = hot and hot.part or 0, entry = entry and entry.func or "an unknown function"}
"""

_GROWS_STEADILY: Final = (
    Threshold("memory.rss_growth.steady", "==", True),
    Threshold("memory.rss_growth.seconds", ">=", 45),
    Threshold("memory.rss_growth.mb", ">=", 32),
    Threshold("containers.growing_count", "==", 0),
)

CHECKS: Final = (
    Check(
        name="container_growth",
        when=Threshold("containers.growing.*.items", ">=", 500),
        also=(Threshold("memory.rss_growth.per_minute", ">=", 4.0),),
        drill=_NAME_CONTAINER,
        confirm=Threshold("growing", "==", True),
        severity="warning",
        observation=(
            "{drill.kind} {drill.path} grew by {drill.change} to {drill.items} items within {drill.seconds} s, "
            "{drill.per_minute} a minute, in every part of that time, while resident memory grew by "
            "{memory.rss_growth.mb} MB in {memory.rss_growth.seconds} s to {memory.rss_mb} MB"
        ),
        context="Held in {drill.file}; nothing beside it names a bound. Memory verdict: {drill.verdict} ({drill.why})",
        hypothesis="{drill.path} is filled and never emptied: a cache or registry without a bound",
        cause="cache_growth",
        entities=("{drill.path}", "{drill.file}"),
        remedy="Bound {drill.path}, or remove entries when they are done with.",
    ),
    Check(
        name="memory_growth",
        when=Threshold("memory.rss_growth.per_minute", ">=", 20.0),
        also=_GROWS_STEADILY,
        drill=_VERDICT,
        confirm=Threshold("verdict", "==", "leak"),
        severity="warning",
        observation=(
            "Resident memory grew by {memory.rss_growth.mb} MB in {memory.rss_growth.seconds} s to {memory.rss_mb} MB, "
            "in every part of that time: {drill.why}"
        ),
        context="{memory.blocks} live small blocks; no container that a module holds grows",
        hypothesis="Objects are kept by something that no module names: tasks, threads, frames or native code",
        cause="memory_leak",
        remedy="Find who keeps the objects: compare types over time, then ask for the retaining path.",
    ),
    Check(
        name="native_memory_growth",
        when=Threshold("memory.rss_growth.per_minute", ">=", 20.0),
        also=_GROWS_STEADILY,
        drill=_VERDICT,
        confirm=Threshold("verdict", "==", "native"),
        severity="warning",
        observation=(
            "Resident memory grew by {memory.rss_growth.mb} MB in {memory.rss_growth.seconds} s to {memory.rss_mb} MB, "
            "in every part of that time: {drill.why}"
        ),
        context="{memory.blocks} live small blocks; no container that a module holds grows",
        cause="native_memory",
        remedy="Look at extension modules and at large bytes, arrays and buffers that are kept.",
    ),
    Check(
        name="fragmentation",
        when=Threshold("memory.fragmented_seconds", ">=", 90.0),
        also=(
            Threshold("memory.allocator_free_part", ">=", 0.5),
            Threshold("memory.allocator_free_mb", ">=", 256.0),
        ),
        drill=_VERDICT,
        confirm=Threshold("verdict", "==", "fragmentation"),
        severity="warning",
        observation=(
            "For {memory.fragmented_seconds} s the allocators have held {memory.allocator_free_mb} MB free that the "
            "system does not get back: {drill.why}"
        ),
        context="{memory.rss_mb} MB resident",
        cause="fragmentation",
        remedy="Allocate what lives long apart from what lives shortly; try MALLOC_ARENA_MAX=2 or another malloc.",
    ),
    Check(
        name="thread_growth",
        when=Threshold("threads.growing.*.change", ">=", 10),
        drill=_NAME_THREADS,
        confirm=Threshold("growing", "==", True),
        severity="warning",
        observation=(
            "{drill.count} threads ({drill.daemon} of them daemons) started at {key} are alive, {value} more than "
            "{threads.growing.*.seconds} s ago, growing by {threads.growing.*.per_minute} a minute"
        ),
        context="They run {drill.runs}, most stand at {drill.stands_at}; named {drill.names}",
        hypothesis="{drill.born_in} starts threads that never end",
        cause="thread_leak",
        entities=("{key}",),
        remedy="End the threads that {drill.born_in} starts, or use a pool with a bound.",
    ),
    *loop_checks("{loops.*.thread}", Threshold("gil.wait_ms_p50", "<", 50.0)),
    *lock_checks("locks.worst", "return vm_locks(1).locks[1] or {}"),
    Check(
        name="gil_contention",
        when=Threshold("loops.*.lag_ms_p50", ">=", 50.0),
        also=(Threshold("gil.wait_ms_p50", ">=", 12.0), Threshold("cpu.percent_5s", ">=", 80.0)),
        drill=_NAME_HOT,
        confirm=Threshold("cpu_percent", ">=", 80.0),
        severity="warning",
        observation=(
            "The event loop in thread {loops.*.thread} lags by {value} ms (median) while threads that compute hold the "
            "interpreter lock: waiting for it takes {gil.wait_ms_p50} ms (median), and {drill.busy_threads} threads "
            "compute at once, the most ({drill.part}) at {drill.at} in {drill.function_name}"
        ),
        context="{cpu.percent_5s} % of a core in use; entered by {drill.entry}",
        cause="gil_contention",
        entities=("{drill.at}", "{drill.function_name}"),
        remedy="Move what {drill.function_name} computes into processes of its own.",
    ),
)
"""The checks, the most telling first."""
