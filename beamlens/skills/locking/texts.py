"""What the `locks` skill tells the model: its subject, and its callbacks with examples."""

from __future__ import annotations

from typing import Final

__all__ = ["DOCS", "SYSTEM_PROMPT"]

SYSTEM_PROMPT: Final = """\
You watch the locks of a running Python application: which threads wait, for which lock, and who holds it. Locks need no
registration; they are found in the threads' stacks.

What to look for:
- `deadlocks`: threads that wait for each other; none of them will ever go on. Always critical.
- `worst`: the lock that is waited for the most. `holder_waits_part` near 1 means that it is held over I/O or a sleep:
  name the holder's line. Near 0 the holder computes: hold it for less.
- Threads that wait for work (a queue, a condition) are idle, not stuck, and are not counted here.
Waits below a tenth of a second are not seen. A value that is missing (nil) was not measured; never take it for 0."""

DOCS: Final = """\
Times are in milliseconds where the name says `_ms`, else in seconds. Values of variables are never shown.

### locks_deadlocks()
Circles of threads that wait for each other: `key`, `seconds`, and `threads`, each with `thread`, `lock`, `at`, `func`,
`holder_thread`, `holder_at`. A thread that waits for a lock that it holds itself is a circle of one.

```lua
for _, d in ipairs(locks_deadlocks()) do print(d.key, d.seconds) end
```

### locks_waiting(limit)
The threads that have waited for a lock for a quarter of a second or more, longest first: `thread`, `lock`, `at`,
`func`, `seconds`, and `holder_thread`, `holder_at`, `holder_func` where the holder is known for certain. `limit` 1 to
50, default 20.

```lua
local w = locks_waiting(1)[1]
return w and {w.thread, w.lock, w.seconds, w.holder_at}
```

### locks_contended(limit)
Locks that threads waited for in the last 15 seconds, the most waited for first: `lock`, `waiting` (last seen),
`waiting_mean`, `waiting_max`, `longest_wait_ms`, `contended_part` (of all `looks`), `waits_at`, `holder_at`,
`holder_function`, `holder_thread`, `holder_doing`, `holder_states`, `holder_waits_part`. `limit` 1 to 50, default 10.

```lua
local l = locks_contended(1)[1]
return l and l.holder_at .. " holds " .. l.lock
```

### locks_in_code(name)
Where a function or method takes locks, read off its bytecode: rows of `lock`, `line`, `func`. `name` as in
`shop.stock.Stock.take`; only of modules that are loaded.

```lua
return locks_in_code("threading.Timer.run")
```
"""
