"""What the `gc` skill's numbers mean: general statements about Python programs, with the proof that each needs."""

from __future__ import annotations

from typing import Final

from beamlens.skills.checks import Check, Rate, Threshold

__all__ = ["CHECKS"]

_WHO_HOLDS: Final = """
local first = gc_holders(check.key, 8)
if not first or not first.paths then return {kept = false, garbage = false} end
local before = {}
for _, each in ipairs(first.paths) do before[each.path] = each.items end
gc_measure(2)
local found = gc_holders(check.key, 8)
if not found or not found.paths then return {kept = false, garbage = false} end
local kept, proof, by_root = nil, 0, {}
local unknown = {["reference cycle"] = true, ["not found"] = true, ["outside Python"] = true}
for _, each in ipairs(found.paths) do
  local grows = not each.items or (before[each.path] and each.items > before[each.path])
  -- What BeamLens keeps is no leak of the application; its demo is an application.
  local own = string.find(each.path, "^%a* ?beamlens%.") and not string.find(each.path, "^%a* ?beamlens%.demo%.")
  if grows and not each.bound and not unknown[each.root] and not own then
    local root = each.root_name or each.path
    by_root[root] = (by_root[root] or 0) + each.objects
    -- A container that grew beside its objects says more than a way without one, on which what is old may be as well.
    local weight = by_root[root] * (each.items and 2 or 1)
    if weight > proof then kept, proof = each, weight end
  end
end
local objects = kept and by_root[kept.root_name or kept.path] or 0
return {kept = kept ~= nil and proof * 2 >= found.asked,
        garbage = found.asked > 0 and found.garbage * 2 > found.asked,
        path = kept and kept.path or "nothing", root = kept and kept.root or "nothing",
        at = kept and (kept.root_at or kept.root_name) or "nothing", asked = found.asked,
        objects = objects, unreached = found.garbage,
        links = found.linked and (", and " .. found.linked .. " of them hold each other") or ""}
"""

_LONGEST: Final = """
local worst
for _, each in ipairs(gc_pauses(50).pauses) do
  if not worst or each.ms > worst.ms then worst = each end
end
local largest = gc_types(1)
return {ms = worst and worst.ms or 0, generation = worst and worst.generation or "unknown",
        thread = worst and worst.thread or "unknown", collected = worst and worst.collected or 0,
        objects = largest.objects or "an unknown number of",
        largest = largest.types[1] and largest.types[1].type or "an unknown type"}
"""

_GARBAGE: Final = """
local found = gc_garbage(1)
local first = found.types[1]
return {objects = found.objects, type = first and first.type or "an unknown type", saves_all = found.saves_all}
"""

CHECKS: Final = (
    Check(
        name="type_growth",
        when=Threshold("types.growing.*.count", ">=", 1000),
        also=(Threshold("types.growing.*.seconds", ">=", 25.0), Threshold("types.growing.*.change", ">=", 500)),
        drill=_WHO_HOLDS,
        confirm=Threshold("kept", "==", True),
        observation=(
            "There are {value} objects of type {key}, {types.growing.*.change} more than {types.growing.*.seconds} s "
            "ago, {types.growing.*.per_minute} a minute, growing in every part of that time; {drill.objects} of "
            "{drill.asked} that were asked for are kept alive by {drill.path}{drill.links}"
        ),
        context="The root is a {drill.root} ({drill.at}); nothing on the way names a bound",
        hypothesis="{drill.path} keeps objects of type {key} that nobody needs any more",
        cause="memory_leak",
        entities=("{key}", "{drill.path}", "{drill.at}"),
        remedy="Let go of the objects where {drill.path} holds them, or give it a bound.",
    ),
    Check(
        name="garbage_waits",
        when=Threshold("types.growing.*.count", ">=", 1000),
        also=(
            Threshold("types.growing.*.seconds", ">=", 25.0),
            Threshold("types.growing.*.change", ">=", 500),
            Threshold("enabled", "==", False),
        ),
        drill=_WHO_HOLDS,
        confirm=Threshold("garbage", "==", True),
        observation=(
            "The collector is switched off, and {value} objects of type {key}, {types.growing.*.change} more than "
            "{types.growing.*.seconds} s ago, are there; {drill.unreached} of {drill.asked} that were asked for are "
            "reached from nowhere but their own reference cycles"
        ),
        context="Without the collector nothing frees reference cycles",
        hypothesis="gc.disable() was called, and {key} objects refer to each other in cycles",
        cause="memory_leak",
        entities=("{key}",),
        remedy="Call gc.enable(), or break the cycles of {key}.",
    ),
    Check(
        name="uncollectable_growth",
        when=Rate("garbage", 1.0, least_count=20.0),
        drill=_GARBAGE,
        confirm=Threshold("objects", ">=", 20),
        observation=(
            "gc.garbage holds {drill.objects} objects, {rate:.1f} more each second, most of type {drill.type}: "
            "they are never freed"
        ),
        context="gc.DEBUG_SAVEALL is set: {drill.saves_all}",
        cause="memory_leak",
        entities=("{drill.type}",),
        remedy="Clear the debug flag DEBUG_SAVEALL, or give the types no finalizer that keeps them from being freed.",
    ),
    Check(
        name="gc_pauses",
        when=Threshold("pauses.long", ">=", 2),
        also=(Threshold("pauses.longest_ms", ">=", 250.0),),
        drill=_LONGEST,
        confirm=Threshold("ms", ">=", 250.0),
        observation=(
            "{value} collections within {pauses.seconds} s stopped the application for 200 ms and more, the longest "
            "for {drill.ms} ms (generation {drill.generation}, {drill.collected} objects freed)"
        ),
        context=(
            "{drill.objects} objects are looked at in a full collection, most of type {drill.largest}; it ran in "
            "thread {drill.thread}, as it does in whichever thread allocates, and stopped all of them"
        ),
        hypothesis="So many objects live long that each full collection takes long",
        cause="gc_pressure",
        entities=("gc generation {drill.generation}", "{drill.largest}"),
        remedy="Keep fewer container objects alive, or call gc.freeze() once after the start-up has made them.",
    ),
    Check(
        name="gc_pressure",
        when=Threshold("pauses.part", ">=", 0.2),
        also=(Threshold("pauses.seconds", ">=", 15.0), Threshold("pauses.longest_ms", ">=", 20.0)),
        drill=_LONGEST,
        confirm=Threshold("ms", ">=", 20.0),
        observation=(
            "The collector took {pauses.total_ms} ms of the last {pauses.seconds} s (a part of {value}) in "
            "{pauses.collections} collections, {pauses.full} of them full, the longest {pauses.longest_ms} ms"
        ),
        context="{drill.objects} objects are tracked; thresholds {thresholds}; {pauses.collected} objects were freed",
        cause="gc_pressure",
        entities=("gc generation {drill.generation}",),
        remedy="Raise gc.set_threshold(), make fewer reference cycles, or call gc.freeze() after the start-up.",
    ),
)
"""The checks, the most telling first."""
