"""What the `locks` skill's numbers mean: general statements about programs with threads."""

from __future__ import annotations

from typing import Final

from beamlens.skills.checks import Check, Threshold

__all__ = ["CHECKS"]

_NAME_CIRCLE: Final = """
for _, each in ipairs(locks_deadlocks()) do
  if each.key == check.key then
    local told = {}
    for _, t in ipairs(each.threads) do
      table.insert(told, t.thread .. " waits at " .. t.at .. " in " .. t.func .. " for " .. t.lock)
    end
    return {found = true, told = table.concat(told, "; "), first = each.threads[1].at,
            last = each.threads[#each.threads].at, lock = each.threads[1].lock, count = #each.threads}
  end
end
return {found = false}
"""

_WORST: Final = "return locks_contended(1)[1] or {}"

CHECKS: Final = (
    Check(
        name="deadlock",
        when=Threshold("deadlocks.*.seconds", ">=", 1.0),
        drill=_NAME_CIRCLE,
        confirm=Threshold("found", "==", True),
        severity="critical",
        observation="{drill.count} threads wait for each other for ever, for {value} s so far: {drill.told}",
        hypothesis="The locks are taken in a different order at {drill.first} and {drill.last}",
        cause="deadlock",
        entities=("{drill.first}", "{drill.last}", "{drill.lock}"),
        remedy="Take these locks in one order everywhere, or one at a time; meanwhile restart the process.",
    ),
    Check(
        name="lock_held_over_io",
        when=Threshold("worst.contended_part", ">=", 0.3),
        also=(
            Threshold("worst.waiting_max", ">=", 2),
            Threshold("worst.longest_wait_ms", ">=", 200.0),
            Threshold("worst.holder_waits_part", ">=", 0.5),
        ),
        drill=_WORST,
        confirm=Threshold("holder_waits_part", ">=", 0.5),
        severity="critical",
        observation=(
            "{drill.waiting_mean} threads on average ({drill.waiting_max} at most) wait for the lock {drill.lock} at "
            "{drill.waits_at}, up to {drill.longest_wait_ms} ms, while its holder stands at {drill.holder_at} in "
            "{drill.holder_function}, waiting in {drill.holder_doing}"
        ),
        context="Seen in {drill.contended_part} of {drill.looks} looks; holder's thread: {drill.holder_thread}",
        hypothesis="{drill.holder_function} does I/O, or sleeps, while it holds the lock",
        cause="lock_over_io",
        entities=("{drill.holder_at}", "{drill.lock}", "{drill.holder_function}"),
        remedy="Do the waiting call at {drill.holder_at} before the lock is taken, or after it is let go of.",
    ),
    Check(
        name="lock_contention",
        when=Threshold("worst.contended_part", ">=", 0.5),
        also=(
            Threshold("worst.waiting_max", ">=", 2),
            Threshold("worst.longest_wait_ms", ">=", 500.0),
            Threshold("worst.holder_waits_part", "<", 0.5),
        ),
        drill=_WORST,
        confirm=Threshold("longest_wait_ms", ">=", 500.0),
        severity="warning",
        observation=(
            "{drill.waiting_mean} threads on average ({drill.waiting_max} at most) wait for the lock {drill.lock} at "
            "{drill.waits_at}, up to {drill.longest_wait_ms} ms; its holder works at {drill.holder_at} in "
            "{drill.holder_function}"
        ),
        context="Seen in {drill.contended_part} of {drill.looks} looks; holder's thread: {drill.holder_thread}",
        cause="lock_contention",
        entities=("{drill.holder_at}", "{drill.lock}"),
        remedy="Hold the lock for less, or split what it protects.",
    ),
)
"""The checks, the most telling first."""
