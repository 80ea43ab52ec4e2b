"""What the `outbound` skill's numbers mean: general statements about programs that call others."""

from __future__ import annotations

from typing import Final

from beamlens.skills.checks import Check, Rate, Threshold

__all__ = ["CHECKS"]

CHECKS: Final = (
    Check(
        name="call_without_timeout_hangs",
        when=Threshold("hosts.*.stuck_without_timeout", ">=", 1),
        severity="critical",
        observation=(
            "{value} calls of {key} hang: no answer for {hosts.*.oldest_seconds} s, three times as long as any before, "
            "and no timeout will end them; made at {hosts.*.oldest_at}"
        ),
        context="{hosts.*.in_flight} calls of {key} in flight, by {hosts.*.library}",
        cause="slow_dependency",
        entities=("{key}", "{hosts.*.oldest_at}"),
        remedy="Give the call at {hosts.*.oldest_at} a timeout.",
    ),
    Check(
        name="dependency_slower",
        when=Threshold("hosts.*.slower_ratio", ">=", 4.0),
        also=(Threshold("hosts.*.p50_ms", ">=", 200.0), Threshold("hosts.*.samples", ">=", 8)),
        severity="warning",
        observation=(
            "{key} answers within {hosts.*.p50_ms} ms (median), {value} times what it took before "
            "({hosts.*.baseline_ms} ms)"
        ),
        context="95th percentile {hosts.*.p95_ms} ms, {hosts.*.in_flight} in flight; called at {hosts.*.at}",
        cause="slow_dependency",
        entities=("{key}", "{hosts.*.at}", "{hosts.*.func}"),
        remedy="Look at {key}; meanwhile bound the wait at {hosts.*.at} and how many calls wait at once.",
    ),
    Check(
        name="dependency_slow",
        when=Threshold("hosts.*.p50_ms", ">=", 1000.0),
        also=(Threshold("hosts.*.samples", ">=", 5), Threshold("hosts.*.in_flight", ">=", 2)),
        severity="warning",
        observation=(
            "Half of the calls of {key} take more than {value} ms, and {hosts.*.in_flight} are in flight at once, the "
            "oldest for {hosts.*.oldest_seconds} s"
        ),
        context="95th percentile {hosts.*.p95_ms} ms; called at {hosts.*.at} by {hosts.*.library}",
        cause="slow_dependency",
        entities=("{key}", "{hosts.*.at}", "{hosts.*.func}"),
        remedy="Look at {key}; meanwhile bound the wait at {hosts.*.at} and how many calls wait at once.",
    ),
    Check(
        name="dependency_fails",
        when=Rate("hosts.*.errors", 0.05, of="hosts.*.count", least_count=5),
        drill="""
for _, host in ipairs(outbound_errors(50)) do
  if host.name == check.key then
    return {kind = host.kinds[1].kind, count = host.kinds[1].count, retries = host.retries, at = host.at or "?"}
  end
end
return {}
""",
        confirm=Threshold("count", ">=", 1),
        severity="critical",
        observation="{change} calls of {key} failed within {seconds:.0f} s, a part of {rate}, mostly by {drill.kind}",
        context="Called at {drill.at}; {drill.retries} calls were repeated after a failure",
        cause="errors",
        entities=("{key}", "{drill.at}", "{drill.kind}"),
        remedy="Look at {key}; repeat failed calls seldom and with growing pauses.",
    ),
)
"""The checks, the most telling first."""
