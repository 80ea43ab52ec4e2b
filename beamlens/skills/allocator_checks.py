"""What the `allocator` skill's numbers mean: general statements about Python programs, with the proof each needs."""

from __future__ import annotations

from typing import Final

from beamlens.skills.checks import Check, Threshold

__all__ = ["CHECKS"]

_STATE: Final = """
local state = allocator_state()
local sizes = allocator_sizes().sizes
local worst
for _, each in ipairs(sizes or {}) do
  if not worst or each.free * each.size > worst.free * worst.size then worst = each end
end
return {verdict = state.verdict, why = state.why, rss_mb = state.rss_mb,
        size = worst and worst.size or "an unknown number of"}
"""

_SITES: Final = """
local found = allocator_sites(2)
if not found or not found.growing then return {named = false} end
for _, each in ipairs(found.growing) do
  if each.owner == "application" or each.owner == "library" then
    return {named = true, at = each.at, blocks = each.blocks, kb = each.kb, seconds = found.seconds,
            kb_per_minute = each.kb_per_minute}
  end
end
return {named = false}
"""

CHECKS: Final = (
    Check(
        name="allocator_fragmentation",
        when=Threshold("fragmented_seconds", ">=", 45.0),
        also=(Threshold("free_part", ">=", 0.5), Threshold("free_mb", ">=", 256.0)),
        drill=_STATE,
        confirm=Threshold("verdict", "==", "fragmentation"),
        observation=(
            "For {value} s the allocators have held {free_mb} MB free, a part of {free_part} of the anonymous memory, "
            "that the system does not get back: {drill.why}"
        ),
        context="{drill.rss_mb} MB resident; most of the small free blocks are of {drill.size} bytes",
        hypothesis="What lives long was allocated among what lived shortly, and pins the memory around it",
        cause="fragmentation",
        remedy="Allocate what lives long apart from what lives shortly; try MALLOC_ARENA_MAX=2 or another malloc.",
    ),
    Check(
        name="allocation_growth",
        when=Threshold("used_growth.mb", ">=", 16.0),
        also=(
            Threshold("used_growth.steady", "==", True),
            Threshold("used_growth.seconds", ">=", 30.0),
            Threshold("used_growth.per_minute", ">=", 20.0),
        ),
        drill=_SITES,
        confirm=Threshold("named", "==", True),
        observation=(
            "Live memory grew by {value} MB within {used_growth.seconds} s, in every part of that time; allocations at "
            "{drill.at} stay: {drill.blocks} blocks ({drill.kb} KB) within {drill.seconds} s of tracing"
        ),
        context="{used_growth.per_minute} MB a minute; at this line {drill.kb_per_minute} KB a minute",
        hypothesis="What is allocated at {drill.at} is kept by somebody who never lets go of it",
        cause="memory_leak",
        entities=("{drill.at}",),
        remedy="Look who keeps what {drill.at} makes.",
    ),
)
"""The checks, the most telling first."""
