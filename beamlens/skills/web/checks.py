"""What the `http` skill's numbers mean: general statements about programs that answer requests."""

from __future__ import annotations

from typing import Final

from beamlens.skills.checks import Check, Rate, Threshold, Trend

__all__ = ["CHECKS"]

_WHERE: Final = """
local places, most = {}, nil
local wanted = check.key
for _, request in ipairs(http_in_flight(50)) do
  if request.kind ~= "websocket" and not request.responding and (wanted == "" or request.route == wanted) then
    local key = (request.at or "an unknown line") .. "|" .. (request.waits_for or "?")
    places[key] = places[key] or {count = 0, at = request.at or "an unknown line",
      func = request.func or "an unknown function", waits_for = request.waits_for or "something unknown",
      doing = request.doing or "an unknown call", route = request.route, oldest = request.age_seconds}
    places[key].count = places[key].count + 1
    if most == nil or places[key].count > most.count then most = places[key] end
  end
end
if most == nil then return {count = 0, queued = false} end
local kinds = {lock = true, semaphore = true, ["queue put"] = true, condition = true, executor = true}
most.queued = most.count >= 2 and kinds[most.waits_for] == true
return most
"""

_FAULT: Final = """
local worst = http_errors(1)[1]
if worst ~= nil then
  return {exception = worst.exception, at = worst.at or "an unknown line", route = worst.route, count = worst.count}
end
local most
for _, each in ipairs(http_routes(50)) do
  if each.errors > 0 and (most == nil or each.errors > most.errors) then most = each end
end
return {exception = "an answer with a status of 500 or more, without an exception", at = "no line that is known",
        route = most and most.name or "a route that is not known", count = most and most.errors or 0}
"""

CHECKS: Final = (
    Check(
        name="requests_stuck",
        when=Threshold("routes.*.stuck", ">=", 3),
        drill=_WHERE,
        confirm=Threshold("count", ">=", 1),
        severity="critical",
        observation=(
            "{value} requests of {key} have waited for more than 10 s, and three times as long as any before, without "
            "an answer; {drill.count} of them stand at {drill.at} in {drill.func}, waiting for {drill.waits_for}"
        ),
        context="The oldest waits for {routes.*.oldest_seconds} s; {in_flight} requests are in flight",
        cause="slow_requests",
        entities=("{key}", "{drill.at}", "{drill.func}"),
        remedy="Look at what {drill.func} waits for at {drill.at}, and give that wait a timeout.",
    ),
    Check(
        name="requests_slower",
        when=Threshold("routes.*.slower_ratio", ">=", 4.0),
        also=(Threshold("routes.*.p50_ms", ">=", 200.0), Threshold("routes.*.samples", ">=", 8)),
        drill=_WHERE,
        severity="warning",
        observation=(
            "{key} takes {routes.*.p50_ms} ms (median), {value} times what it took before ({routes.*.baseline_ms} ms)"
        ),
        context="Most of those in flight stand at {drill.at} in {drill.func}, waiting for {drill.waits_for}",
        cause="slow_requests",
        entities=("{key}", "{drill.at}"),
        remedy="Find what changed for {key} at that time.",
    ),
    Check(
        name="requests_queue_up",
        when=Threshold("routes.*.p50_ms", ">=", 1000.0),
        also=(Threshold("routes.*.in_flight", ">=", 3), Threshold("routes.*.samples", ">=", 4)),
        drill=_WHERE,
        confirm=Threshold("queued", "==", True),
        severity="warning",
        observation=(
            "Half of the requests of {key} take more than {value} ms; of those in flight {drill.count} stand at "
            "{drill.at} in {drill.func}, waiting for {drill.waits_for} ({drill.doing})"
        ),
        context="{routes.*.in_flight} in flight, 95th percentile {routes.*.p95_ms} ms",
        hypothesis="The requests wait for one another at {drill.at}",
        cause="slow_requests",
        entities=("{key}", "{drill.at}", "{drill.func}"),
        remedy="Hold what {drill.func} takes for less, or have more of it.",
    ),
    Check(
        name="requests_pile_up",
        when=Trend("in_flight", least_change=20, least_ratio=2.0, snapshots=4, seconds=5.0),
        also=(Threshold("oldest_seconds", ">=", 2.0),),
        drill=_WHERE,
        confirm=Threshold("count", ">=", 1),
        severity="warning",
        observation=(
            "Requests in flight grew from {first} to {last} within {seconds:.0f} s, the oldest waits for "
            "{oldest_seconds} s; {drill.count} stand at {drill.at} in {drill.func}, waiting for {drill.waits_for}"
        ),
        context="{latency.per_second} requests a second, median {latency.p50_ms} ms",
        cause="overload",
        entities=("{drill.route}", "{drill.at}", "{drill.func}"),
        remedy="Shorten the wait at {drill.at}, or refuse requests beyond a bound.",
    ),
    Check(
        name="requests_fail",
        when=Rate("errors_5xx", 0.05, of="requests", least_count=5),
        drill=_FAULT,
        severity="critical",
        observation=(
            "{change} requests failed within {seconds:.0f} s, a part of {rate:.3f} of all, most of them {drill.route}"
        ),
        context="Most often {drill.exception}, at {drill.at}",
        cause="errors",
        entities=("{drill.route}", "{drill.at}", "{drill.exception}"),
        remedy="Look at what {drill.route} does: {drill.exception}, at {drill.at}.",
    ),
)
"""The checks, the most telling first."""
