"""What the `gc` skill tells the model: its subject, and its callbacks with examples."""

from __future__ import annotations

from typing import Final

__all__ = ["DOCS", "SYSTEM_PROMPT"]

SYSTEM_PROMPT: Final = """\
You watch the garbage collector of a running Python application from inside its process.

What to look for:
- Types: `types.growing` lists types whose objects became more in every part of the time that is known, and, where
  requests are counted, over requests too: a plateau or a sawtooth is not in it. Always ask `gc_holders(type)` who keeps
  them before you speak of a leak: objects that only their own cycles keep (`garbage`) wait for the collector and are no
  leak as long as it is enabled; a container with a `bound` is a cache that fills up.
- Pauses: each collection stops all threads. `pauses` is the last minute: `part` of the time, `longest_ms`, `long` (200
  ms and more). Full collections that free little and take long mean many long-lived objects.
- `enabled` false means that reference cycles are never freed. `garbage` should be 0.
`generations` are counters since the start of the program: never judge them as levels.
A value that is missing (nil) was not measured; `missing` says why. Never take it for 0."""

DOCS: Final = """\
Times are in milliseconds where the name says `_ms`. Nothing here changes the application, and nothing collects. Values
of variables and keys of dictionaries are never shown.

### gc_stats()
`enabled`, `thresholds`, `counts`, `generations` (by number, counters since the start: `collections`, `collected`,
`uncollectable`), `garbage`, `saves_all`, and the pauses of `last_minute` and `last_10_minutes`: `seconds`,
`collections`, `full` (of generation 2), `total_ms`, `part` (of the time), `longest_ms`, `p95_ms`, `long` (200 ms and
more), `collected`.

```lua
return gc_stats().last_10_minutes.longest_ms
```

### gc_pauses(limit)
Collections of 20 ms and more within the last 10 minutes, newest first: `pauses`, rows of `ago_seconds`, `generation`,
`ms`, `collected`, `uncollectable`, `thread` (digits as #); `count` in all. `limit` 1 to 50, default 20.

```lua
local p = gc_pauses(5).pauses[1]
return p and {p.ago_seconds, p.generation, p.ms}
```

### gc_growing_types(limit)
Types whose objects keep becoming more, fastest first, built-in ones only where no class grows: `growing`, rows of
`type`, `count`, `change`, `per_minute`, `seconds`, `steady`, `per_request` (nil where no requests are counted).
`objects` in all; `seconds` of past; `counted` in place or in a copy of the process, with `stop_ms`; `missing`.
`limit` 1 to 50, default 10.

```lua
local top = gc_growing_types(5).growing[1]
return top and {top.type, top.count, top.per_minute}
```

### gc_types(limit)
The most frequent types, growing or not: `types`, rows as above, with `objects`, `seconds`, `counted`, `stop_ms`,
`missing`. Texts, numbers and bytes are not tracked by the collector and not counted. `limit` 1 to 50, default 20.

```lua
return gc_types(3).types
```

### gc_measure(seconds)
Count now: three times within `seconds` (at most 12, default 6; the call takes that long and the counting). `growing`:
types that became more in both halves, rows of `type`, `count`, `first`, `second` (how many more in each half),
`per_minute`. `objects` in all, `stop_ms` at most, `cost_ms`. For a large heap, which is counted seldom by itself.

```lua
return gc_measure(4).growing[1]
```

### gc_holders(type, samples)
Who keeps objects of a `type` alive: `paths`, the most frequent first, rows of `path` (`shop.cache.STORE._entries[...]`,
where `[...]` stands for a key or an index), `objects` (how many of the samples), `root` (`module global`, `class
attribute`, `task`, `event loop`, `thread`, `context variable`, `lru_cache`, `frame local`, `reference cycle`, `outside
Python`, `not found`), `root_name`, `root_at`, `steps`, `holders` (types on the way), `bound` (items that a container
on the way may have), `items` of the nearest. `asked`, `kept`, `kept_without_bound`, `garbage` count the samples. `how`
it was looked: `in a copy of the process`, or `in place` where no copy can be made; `stop_ms` is how long the
application stood still for it. `seconds` it took; `missing`. It is refused where that would be too long.
`linked` says how many objects make up a chain, a tree or a ring, whose way from outside is shown then; else nil.
`samples` 1 to 8, default 5.

```lua
return gc_holders("shop.models.Session").paths[1].path
```

### gc_garbage(limit)
What the collector found and could not free (`gc.garbage`): `objects`, `types` (rows of `type`, `count`),
`uncollectable` (a counter), `saves_all` (the debug flag that puts everything there). `limit` 1 to 50, default 10.

```lua
return gc_garbage().objects
```
"""
