"""What the `asyncio` skill tells the model: its subject, and its callbacks with examples."""

from __future__ import annotations

from typing import Final

__all__ = ["DOCS", "SYSTEM_PROMPT"]

SYSTEM_PROMPT: Final = """\
You watch the event loops of a running Python application and the tasks in them, of all loops in all threads.

What to look for:
- Blocks: `blocked_now` names the line that blocks a loop while it does; `usual_place` the line at which it was blocked
  for most of the last minute; `longest_block.ms` is exact to 25 ms. `whole_process` means that no other thread got on
  either: C code held the interpreter lock there.
- Lag: `lag_ms_p50` is how late timers come. High without blocks means that other threads or the machine are busy.
- Tasks: `tasks.growing` lists kinds of tasks that only become more and never end. Confirm with `asyncio_tasks`: where
  they wait, who created them. Tasks that read from clients (`reads`) are as many as there are clients: no leak.
- `unawaited` counts coroutines that never ran because nobody awaited them.
A value that is missing (nil) was not measured. Never take it for 0."""

DOCS: Final = """\
Times are in milliseconds where the name says `_ms` or `ms`. Values of variables are never shown.

### asyncio_loops()
All event loops, by the thread that runs them: `lag_ms`, `lag_ms_p50`, `lag_ms_p95` (one minute), `blocked_now`,
`longest_block`, `usual_place`, `blocks`, `blocks_last_minute`, `blocked_part`, `ready` (callbacks waiting to run),
`timers`, `kind`, `running`.

```lua
for _, l in ipairs(asyncio_loops()) do print(l.name, l.lag_ms_p95, l.blocked_ms) end
```

### asyncio_blocks(limit)
The last blocks of all loops, newest first: `ms` (exact to 25), `over`, `at`, `func`, `doing` (what the line calls),
`looks`, `looks_at_this_line`, `ago_seconds`, `whole_process`, `starved_ms` (the thread only waited for a processor).
`limit` 1 to 50, default 20.

```lua
local b = asyncio_blocks(1)[1]
return b and {b.ms, b.at, b.doing}
```

### asyncio_tasks(limit)
All tasks grouped by what they run (`key`, `runs`) and where they wait: `count`, `oldest_seconds`, `at`, `func`, `kind`
(`sleep`, `queue get`, `lock`, `event`, `socket read`, `task`, `gather`, `executor`, `future`, `running`, ...), `doing`,
`reads` (waits for what somebody is to send), `born_at`, `born_in`, `births_known`. `limit` 1 to 50, default 20.

```lua
for _, g in ipairs(asyncio_tasks(5).groups) do print(g.count, g.runs, g.at, g.kind, g.born_at) end
```

### asyncio_oldest_tasks(limit)
The oldest tasks one by one: `name`, `age_seconds`, `runs`, `at`, `kind`, `doing`, `waits_for` (names of tasks),
`born_at`. `limit` 1 to 50, default 10.

```lua
return asyncio_oldest_tasks(3)
```

### asyncio_waits(limit)
Which tasks wait for which: `edges` (`task`, `waits_for`, `at`, `other_at`), and `cycles`, lists of names of tasks that
wait for each other for ever. `limit` of edges 1 to 50, default 20.

```lua
return asyncio_waits(10).cycles
```

### asyncio_unawaited(limit)
`coroutines` that were never awaited: `function`, `defined_at`, `dropped_at`, `count`. `failed` is the number of tasks
that ended with an exception that nobody asked for, `failed_functions` what they ran. `limit` 1 to 50, default 10.

```lua
return asyncio_unawaited(5).coroutines
```
"""
