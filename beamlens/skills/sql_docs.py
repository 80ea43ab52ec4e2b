"""What the `sql` skill tells a model: who it is, and what its callbacks return."""

from __future__ import annotations

from typing import Final

__all__ = ["DOCS", "SYSTEM_PROMPT"]

SYSTEM_PROMPT: Final = """\
You watch the database statements of a running Python application.

What to look for:
- `slow`: statements that take 100 ms or more on average within the last minute; `recent` says how often they ran. One
  slow report a day is nothing, a slow statement in every request is.
- `waits`: lines of the application that stood at a database call when they were looked at, whatever the driver.
- `repeats`: one statement sent again and again by one call of one function, after another statement: a query for each
  row of a query (N+1). `mean_length` says how often, `runs` how often that happened within the last minute.
- `pools`: SQLAlchemy's connection pools. `waits_last_minute` and `wait_ms_p95` say whether somebody had to wait,
  `timeouts_last_minute` who got none, `holders` which lines hold connections and since when.
- `transactions`: open ones; one with a long `idle_seconds` keeps its connection and its locks while nothing happens.
- `errors`: statements that failed (a counter).
- `servers`: PostgreSQL, asked every 10 s: connections, the longest statement, who waits for locks.
Find the line first: `at` and `func` name it, `source(at)` shows it. A slow statement, a pool without connections and an
open transaction often have one cause: look at who holds what since when.
Literals and parameters are never shown; statements are told apart by their text without them. `missing` says what is
not seen."""

DOCS: Final = """\
Statements have `?` for every literal. Times are of the last minute, but for `count` and `errors` (since the start).

### sql_stats()
`statements`, `errors`, `seconds` (in all), `connections` (that are timed), `sampler_us` (what a look at stacks costs).

```lua
return sql_stats().statements
```

### sql_statements(limit)
Those that took the most time first: `key`, `statement`, `at` and `func` (the line that sent it, where it took 20 ms),
`count`, `errors`, `recent`, `recent_seconds`, `mean_ms`, `p95_ms`, `max_ms`. `limit` 1 to 50, default 10.

```lua
local top = sql_statements(1)[1]
return top and top.statement
```

### sql_slow(limit)
As `sql_statements`, of those that take 100 ms or more on average, the slowest first. `limit` 1 to 50, default 10.

```lua
return sql_slow(3)
```

### sql_running(limit)
What runs now, the longest first: `statement`, `ms`. `limit` 1 to 50, default 10.

```lua
return sql_running(5)
```

### sql_waits(limit)
Lines that waited for a database within the last minute, seen in their threads' stacks ten times a second, any driver:
`at`, `func`, `count`, `mean_ms`, `max_ms`, `total_ms`. Waits below 0.2 s are hardly seen, and
calls without a pause on one line count as one. `limit` 1 to 50, default 10.

```lua
return sql_waits(3)
```

### sql_repeats(limit)
Statements that one call of one function sent 8 times and more in a row, after another one, within the last minute:
`statement`, `after`, `at` and `func` (the loop), `runs`, `mean_length`, `max_length`, `total_ms`. `limit` 1 to 50,
default 10.

```lua
local top = sql_repeats(1)[1]
return top and (top.at .. " sends it " .. top.mean_length .. " times")
```

### sql_pools()
SQLAlchemy's pools: `key`, `kind`, `capacity` (nil: no bound), `checked_out`, `checkouts` (since the start), `waiting`,
`waits_last_minute`, `wait_ms_p95`, `wait_ms_max`, `timeouts`, `timeouts_last_minute`, and `holders`, the longest first:
`at`, `func`, `count`, `oldest_seconds`, `oldest_by` (a task or thread).

```lua
local pool = sql_pools()[1]
return pool and pool.holders[1]
```

### sql_transactions(limit)
Open transactions, those in which nothing was done for the longest first: `at` and `func` (where it began), `by`,
`open_seconds`, `idle_seconds`. `limit` 1 to 50, default 10.

```lua
return sql_transactions(5)
```

### sql_db_connections(limit)
PostgreSQL: connections to this database by `application` and `state`: `count`, `longest_seconds`, `max_connections`.
All `sql_db_...` callbacks ask each known PostgreSQL server over a connection of their own, read-only, 3 s at most, and
return rows with `server`. They are refused where no server is known. `limit` 1 to 50, default 20.

```lua
return sql_db_connections(10)
```

### sql_db_long_running(limit)
PostgreSQL: what runs now or is idle in a transaction, the longest first: `pid`, `state`, `waits_for`, `seconds`,
`transaction_seconds`, `application`, `query` (without literals). `limit` as above.

```lua
return sql_db_long_running(5)
```

### sql_db_locks(limit)
PostgreSQL: who waits for a lock, and who holds it: `pid`, `seconds`, `query`, `blocking_pid`, `blocking_state`,
`blocking_query`, `blocking_transaction_seconds`. `limit` as above.

```lua
return #sql_db_locks(20)
```

### sql_db_cache_hit()
PostgreSQL: `hits`, `reads`, `hit_part` (nil: nothing was read), `commits`, `rollbacks`, `deadlocks`, `temp_bytes`;
counters since the server's statistics began.

```lua
return sql_db_cache_hit()[1].hit_part
```

### sql_db_table_sizes(limit)
PostgreSQL: the largest tables: `schema`, `name`, `total_bytes`, `table_bytes`, `index_bytes`, `rows`. `limit` as above.

```lua
return sql_db_table_sizes(5)
```

### sql_db_index_usage(limit)
PostgreSQL: tables by the rows that were read without an index: `schema`, `name`, `scans_of_all`, `rows_read_so`,
`scans_by_index`, `rows`, `index_part`. `limit` as above.

```lua
return sql_db_index_usage(5)[1]
```

### sql_db_unused_indexes(limit)
PostgreSQL: indexes that no statement used, the largest first: `schema`, `name`, `index`, `bytes`. `limit` as above.

```lua
return sql_db_unused_indexes(10)
```

### sql_db_bloat(limit)
PostgreSQL: dead rows by table: `schema`, `name`, `live_rows`, `dead_rows`, `dead_part`, `vacuumed_seconds_ago`.
`limit` as above.

```lua
return sql_db_bloat(5)
```

### sql_db_slow_statements(limit)
PostgreSQL with pg_stat_statements: `query`, `calls`, `mean_ms`, `max_ms`, `total_ms`, `rows`. `limit` as above.

```lua
return sql_db_slow_statements(5)
```
"""
