"""What the `outbound` skill tells the model: its subject, and its callbacks with examples."""

from __future__ import annotations

from typing import Final

__all__ = ["DOCS", "SYSTEM_PROMPT"]

SYSTEM_PROMPT: Final = """\
You watch the calls that a Python application makes to other services, by host: times, errors, retries, timeouts that
are missing, and calls in flight.

What to look for:
- `slower_ratio` compares a host with itself earlier. What has always taken long may be its nature.
- `stuck_without_timeout`: calls that hang and that nothing will end.
- `errors` and `count` are counters: compare two snapshots. `retries` are calls repeated within 3 s after a failure.
- Calls are seen by httpx, aiohttp, redis, and all that is built on http.client (requests, urllib3, urllib, botocore).
A value that is missing (nil) was not measured; never take it for 0."""

DOCS: Final = """\
Times are in milliseconds where the name says `_ms`, else in seconds, until the answer's head has come. Of an address
only host and port are kept: no path, query, header, user or argument.

### outbound_hosts(limit)
Hosts, those first that keep calls waiting: `name` (`host:port`), `library`, `count`, `errors`, `timeouts`,
`server_errors` (5xx), `retries`, `without_timeout`, `p50_ms`, `p95_ms`, `p99_ms`, `samples` (half a minute),
`baseline_ms`, `slower_ratio`, `longest_ms`, `in_flight`, `oldest_seconds`, `oldest_at`, `stuck`,
`stuck_without_timeout`, `at`, `func` (the line that calls it most). `limit` 1 to 50, default 20.

```lua
for _, h in ipairs(outbound_hosts(5)) do print(h.name, h.p95_ms, h.in_flight, h.at) end
```

### outbound_in_flight(limit)
Calls in flight, the oldest first: `host`, `library`, `what` (method or command), `age_seconds`, `has_timeout`, `waits`
(a command that is meant to wait), `at`, `func`, `thread`. `limit` 1 to 50, default 20.

```lua
local c = outbound_in_flight(1)[1]
return c and {c.host, c.age_seconds, c.at}
```

### outbound_errors(limit)
Hosts with failed calls: `name`, `errors`, `timeouts`, `retries`, `at`, and `kinds` (`kind`, the exception's type or
`status 503`, and `count`). `limit` 1 to 50, default 20.

```lua
local e = outbound_errors(1)[1]
return e and e.kinds[1].kind
```
"""
