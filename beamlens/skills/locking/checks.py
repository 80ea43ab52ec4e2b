"""What the `locks` skill's numbers mean: general statements about programs with threads."""

from __future__ import annotations

from typing import Final

from beamlens.skills.checks import Check, Threshold
from beamlens.skills.interpreter.shared_checks import lock_checks

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
    *lock_checks("worst", "return locks_contended(1)[1] or {}"),
)
"""The checks, the most telling first."""
