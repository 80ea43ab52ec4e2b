"""What the `sql` skill's numbers mean: general statements about programs that ask databases."""

from __future__ import annotations

from typing import Final

from beamlens.skills.checks import Check, Rate, Threshold
from beamlens.skills.statements.store import SLOW_SECONDS

__all__ = ["CHECKS"]

_DRILL: Final = """
for _, row in ipairs(sql_slow(50)) do
  if row.key == check.key then
    return {slow = true, statement = row.statement, at = row.at or "an unknown line", func = row.func or "unknown",
            recent = row.recent, seconds = row.recent_seconds, mean_ms = row.mean_ms, p95_ms = row.p95_ms,
            max_ms = row.max_ms}
  end
end
return {slow = false}
"""

_REPEATED: Final = """
for _, row in ipairs(sql_repeats(50)) do
  if row.key == check.key then
    row.repeated = true
    row.at = row.at or "an unknown line"
    row.func = row.func or "an unknown function"
    return row
  end
end
return {repeated = false}
"""

_HOLDING: Final = """
for _, pool in ipairs(sql_pools()) do
  if pool.key == check.key then
    local holder = pool.holders[1] or {}
    return {checked_out = pool.checked_out, capacity = pool.capacity or "unbounded many", at = holder.at,
            func = holder.func, oldest_seconds = holder.oldest_seconds or 0, oldest_by = holder.oldest_by or "nobody"}
  end
end
return {}
"""

CHECKS: Final = (
    Check(
        name="slow_query",
        when=Threshold("slow.*.mean_ms", ">=", SLOW_SECONDS * 1e3),
        also=(Threshold("slow.*.recent", ">=", 5),),
        drill=_DRILL,
        confirm=Threshold("slow", "==", True),
        severity="critical",
        observation=(
            "A statement took {drill.mean_ms} ms on average (95th percentile {drill.p95_ms} ms) in {drill.recent} runs "
            "within {drill.seconds} s, sent at {drill.at} in {drill.func}: {drill.statement}"
        ),
        context="The longest run took {drill.max_ms} ms",
        hypothesis="No index fits the statement that {drill.func} sends, or it reads more than it needs",
        cause="slow_query",
        entities=("{drill.at}", "{drill.func}"),
        remedy="Look at the statement's query plan; add the index that it lacks, or ask for less.",
    ),
    Check(
        name="long_database_waits",
        when=Threshold("waits.*.mean_ms", ">=", 300),
        also=(Threshold("waits.*.count", ">=", 5), Threshold("connections", "==", 0)),
        severity="info",
        observation=(
            "The application waited {waits.*.count} times within the last minute for a database at {key} in "
            "{waits.*.func}, {value} ms on average, {waits.*.max_ms} ms at the longest"
        ),
        context="Seen in threads' stacks, where statements one after the other on one line look as one",
        cause="slow_query",
        entities=("{key}", "{waits.*.func}"),
        remedy="Look at what {waits.*.func} asks the database for.",
    ),
    Check(
        name="n_plus_one",
        when=Threshold("repeats.*.runs", ">=", 3),
        also=(Threshold("repeats.*.mean_length", ">=", 8),),
        drill=_REPEATED,
        confirm=Threshold("repeated", "==", True),
        observation=(
            "{drill.func} sent a statement {drill.mean_length} times in a row (up to {drill.max_length}) in one call, "
            "{drill.runs} times within the last minute, at {drill.at}: {drill.statement}"
        ),
        context="Each time after: {drill.after}. Together {drill.total_ms} ms within the minute",
        hypothesis="{drill.func} asks again for each row of what it asked before",
        cause="n_plus_one",
        entities=("{drill.at}", "{drill.func}"),
        remedy="Ask once: a join, an IN list, or eager loading (selectinload) of what the loop needs.",
    ),
    Check(
        name="pool_timeouts",
        when=Threshold("pools.*.timeouts_last_minute", ">=", 1),
        severity="critical",
        drill=_HOLDING,
        observation=(
            "{value} times within the last minute no connection was free in the pool of {key} until the time was over; "
            "{drill.checked_out} of {drill.capacity} are taken"
        ),
        context="Most are held since {drill.oldest_seconds} s by {drill.oldest_by} at {drill.at} in {drill.func}",
        hypothesis="{drill.func} keeps connections while it does something else, or never gives them back",
        cause="pool_exhausted",
        entities=("{key}", "{drill.at}", "{drill.func}"),
        remedy="Give connections back before waiting for anything else (with engine.connect()), at {drill.at}.",
    ),
    Check(
        name="pool_waits",
        when=Threshold("pools.*.wait_ms_p95", ">=", 500),
        also=(Threshold("pools.*.waits_last_minute", ">=", 5), Threshold("pools.*.timeouts_last_minute", "==", 0)),
        severity="critical",
        drill=_HOLDING,
        observation=(
            "Connections of the pool of {key} were waited for {pools.*.waits_last_minute} times within a minute, "
            "{value} ms (95th percentile); {drill.checked_out} of {drill.capacity} are taken"
        ),
        context="Most are held since {drill.oldest_seconds} s by {drill.oldest_by} at {drill.at} in {drill.func}",
        hypothesis="{drill.func} keeps connections for longer than it needs them",
        cause="pool_exhausted",
        entities=("{key}", "{drill.at}", "{drill.func}"),
        remedy="Give connections back before waiting for anything else (with engine.connect()), at {drill.at}.",
    ),
    Check(
        name="transaction_left_open",
        when=Threshold("transactions.*.idle_seconds", ">=", 15),
        observation=(
            "A transaction that began at {key} in {transactions.*.func} is open for {transactions.*.open_seconds} s; "
            "nothing was done in it for {value} s"
        ),
        context="{open_transactions} transactions are open in all; this one belongs to {transactions.*.by}",
        hypothesis="{transactions.*.func} neither commits nor rolls back on one of its ways",
        cause="idle_transaction",
        entities=("{key}", "{transactions.*.func}"),
        remedy="End it on every way (with engine.begin()); it keeps its connection, its locks, and old rows alive.",
    ),
    Check(
        name="statements_fail",
        when=Rate("errors", 0.1, of="statements", least_count=10),
        observation="{value} statements failed since the start, {rate:.2f} of all in the last {seconds:.0f} s",
        cause="errors",
        remedy="See sql_statements for the ones with errors, and the exceptions that they raised.",
    ),
    Check(
        name="database_lock_waits",
        when=Threshold("servers.*.longest_lock_wait_seconds", ">=", 5),
        severity="critical",
        drill="return sql_db_locks(1)[1] or {}",
        observation="On {key} {servers.*.waiting_for_locks} statements wait for locks, the longest for {value} s",
        context=(
            "Waiting: {drill.query}. Process {drill.blocking_pid} of the server, {drill.blocking_state}, holds it; "
            "its last statement: {drill.blocking_query}"
        ),
        hypothesis="The transaction of server process {drill.blocking_pid} stays open while others need its rows",
        cause="lock_contention",
        entities=("{key}",),
        remedy="End the transaction that holds the lock; shorten what is done between its first write and its commit.",
    ),
    Check(
        name="server_connections_near_limit",
        when=Threshold("servers.*.connections", ">=", {"path": "servers.*.max_connections", "factor": 0.9}),
        severity="critical",
        observation="{key} has {value} connections to this database; {servers.*.max_connections} are allowed in all",
        cause="pool_exhausted",
        entities=("{key}",),
        remedy="Bound the pools of all processes together below the server's limit.",
    ),
)
