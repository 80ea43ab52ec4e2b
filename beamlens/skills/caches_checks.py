"""What the `caches` skill's numbers mean: general statements about Python programs, with the proof that each needs."""

from __future__ import annotations

from typing import Final

from beamlens.skills.checks import Check, Threshold

__all__ = ["CHECKS"]

_NAME_IT: Final = """
local found = caches_info(check.key)
if not found or not found.path then
  found = nil
  for _, each in ipairs(caches_growing(50).growing) do
    if each.path == check.key then found = each; found.growing = true; found.newest = {} end
  end
end
if not found then return {growing = false} end
local newest = found.newest[1]
return {growing = found.growing and not found.bound, items = found.items, change = found.change or 0,
        per_minute = found.per_minute or 0, seconds = found.seconds or 0, kind = found.kind,
        file = found.file or "an unknown file", about_mb = found.about_mb or "an unknown number of",
        holds = newest and newest.type or "unknown objects"}
"""

_LOOK_EVERYWHERE: Final = """
local found = caches_anywhere(3, 5)
if not found or not found.growing then return {growing = false} end
local listed, named = caches_list(50), {}
for _, each in ipairs(listed and listed.containers or {}) do named[each.path] = true end
for _, each in ipairs(found.growing) do
  local rooted = each.root ~= "reference cycle" and each.root ~= "not found" and not named[each.path]
  if rooted and not each.bound and each.items >= 500 and each.change >= 10 then
    return {growing = true, path = each.path, kind = each.kind, items = each.items, change = each.change,
            root = each.root, at = each.root_at or each.root_name, seconds = found.seconds}
  end
end
return {growing = false}
"""

CHECKS: Final = (
    Check(
        name="cache_growth",
        when=Threshold("containers.growing.*.items", ">=", 500),
        also=(
            Threshold("containers.growing.*.seconds", ">=", 25.0),
            Threshold("containers.growing.*.per_minute", ">=", 300.0),
        ),
        drill=_NAME_IT,
        confirm=Threshold("growing", "==", True),
        observation=(
            "{drill.kind} {key} grew by {drill.change} to {drill.items} items within {drill.seconds} s, "
            "{drill.per_minute} a minute, in every part of that time; it takes about {drill.about_mb} MB"
        ),
        context="Held in {drill.file}; its newest members are of type {drill.holds}; nothing beside it names a bound",
        hypothesis="{key} is filled and never emptied: a cache or registry without a bound",
        cause="cache_growth",
        entities=("{key}", "{drill.file}"),
        remedy="Bound {key}, or remove entries when they are done with.",
    ),
    Check(
        name="hidden_growth",
        when=Threshold("heap.change", ">=", 20_000),
        also=(
            Threshold("heap.steady", "==", True),
            Threshold("heap.seconds", ">=", 25.0),
            Threshold("containers.growing_count", "==", 0),
        ),
        drill=_LOOK_EVERYWHERE,
        confirm=Threshold("growing", "==", True),
        observation=(
            "Live memory blocks grew by {value} within {heap.seconds} s, in every part of that time, while a "
            "{drill.kind} that no module names grew by {drill.change} to {drill.items} items within {drill.seconds} s: "
            "{drill.path}"
        ),
        context="Its root is a {drill.root} ({drill.at})",
        hypothesis="{drill.path} is filled and never emptied",
        cause="cache_growth",
        entities=("{drill.path}", "{drill.at}"),
        remedy="Bound {drill.path}, or remove entries when they are done with.",
    ),
)
"""The checks, the most telling first."""
