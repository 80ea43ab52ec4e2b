"""What the `http` skill tells the model: its subject, and its callbacks with examples."""

from __future__ import annotations

from typing import Final

__all__ = ["DOCS", "SYSTEM_PROMPT"]

SYSTEM_PROMPT: Final = """\
You watch the requests that a Python web application answers: rates, times to the first byte, errors, slow routes, and
the requests in flight with what each waits for.

What to look for:
- `routes.*.slower_ratio` compares a route with itself earlier; what has always been slow is not news.
- `stuck` counts requests without an answer for more than 10 s and three times as long as any before of that route.
- `http_in_flight` names the line at which each request stands, its task or thread and what it waits for: a lock, a
  query, another service. That line joins what other operators find.
- `requests`, `errors_5xx` are counters: compare two snapshots.
Routes are templates or paths without values. A value that is missing (nil) was not measured; never take it for 0."""

DOCS: Final = """\
Times are in milliseconds where the name says `_ms`, else in seconds; those of requests are to the first byte of the
answer. Values of variables, paths' parameters, queries and headers are never shown.

### http_in_flight(limit)
The requests in flight, oldest first: `route`, `kind` (`http`, `wsgi`, `websocket`), `age_seconds`, `responding` (the
answer has begun), `task` or `thread` that works for it, `at`, `func`, `waits_for` (`lock`, `sleep`, `socket`,
`executor`, `queue get`, `running`, ...), `doing`. `limit` 1 to 50, default 20.

```lua
for _, r in ipairs(http_in_flight(5)) do print(r.age_seconds, r.route, r.at, r.waits_for) end
```

### http_routes(limit)
Routes, those first that took the most time of late: `name`, `count`, `errors` (5xx), `client_errors` (4xx),
`abandoned` (ended without an answer), `p50_ms`, `p95_ms`, `p99_ms` and `samples` (half a minute), `baseline_ms`,
`slower_ratio`, `longest_ms`, `in_flight`, `oldest_seconds`, `stuck`. `limit` 1 to 50, default 20.

```lua
local r = http_routes(1)[1]
return r and {r.name, r.p95_ms}
```

### http_errors(limit)
Exceptions that reached the server, the most frequent first: `route`, `exception` (its type), `at`, `func`, `count`.
Errors that the application answered itself are only in `errors` of the routes. `limit` 1 to 50, default 10.

```lua
return http_errors(3)
```

### http_waits()
The requests in flight by where they stand: rows of `at`, `func`, `waits_for`, `requests`, `oldest_seconds`, `routes`.

```lua
local w = http_waits()[1]
return w and {w.requests, w.at, w.waits_for}
```
"""
