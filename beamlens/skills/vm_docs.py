"""What the `vm` skill tells the model: its subject, and its callbacks with examples."""

from __future__ import annotations

from typing import Final

__all__ = ["DOCS", "SYSTEM_PROMPT"]

SYSTEM_PROMPT: Final = """\
You watch the interpreter of a running Python application from inside its process.

What to look for:
- Memory: `memory.rss_growth` says how resident memory moved within a minute; `steady` is true only if it grew in every
  part of that time, so a warm-up, a plateau or a sawtooth is not. `containers.growing` names what grows. Confirm with
  `vm_growing_containers` and `vm_memory` before you speak of a leak: its verdict tells leak, fragmentation and native
  memory apart.
- Threads: `threads.growing` lists kinds of threads, by the line that starts them, whose number keeps growing.
- Event loops: `blocked_now` names the line that blocks a loop while it does; `usual_place` the line at which it was
  blocked for most of the last minute; `lag_ms_p50` well above 10 without blocks means that it does not get the
  interpreter lock.
- Locks: `locks.worst` says how many threads wait, where, and where the holder stands; `holder_waits_part` near 1 means
  that the lock is held over I/O or a sleep.
- Processor: `cpu.percent_5s` is per cent of one core. A busy program is not a sick one: report it only where something
  suffers from it.
A value that is missing (nil) was not measured; `missing` says why. Never take it for 0."""

DOCS: Final = """\
Times are in milliseconds where the name says `_ms`, sizes in MB (2^20 bytes) where it says `_mb`. Nothing here changes
the application. Values of variables and keys of dictionaries are never shown.

### vm_memory()
What resident memory is made of: `entries` (`small_objects_mb`, `pymalloc_free_mb`, `malloc_used_mb`, `malloc_free_mb`,
`files_mb`, `shared_mb`, `other_anonymous_mb`, `not_resident_mb`) add up to `rss_mb`. `growth_mb` has the change of each
since `since_seconds` ago; `verdict` is `leak`, `fragmentation`, `native`, `none` or `unknown`, and `why` a sentence.
`tracked_objects`, `tracked_mb`, `untracked_mb` are estimates, nil where the heap is too large to list. `missing` says
what could not be told.

```lua
local m = vm_memory()
return {verdict = m.verdict, why = m.why, objects = m.entries.small_objects_mb}
```

### vm_blocks()
Python's blocks of 512 bytes and less: `blocks`, `arenas_mb`, `used_mb`, `free_mb`, `usage_ratio`, and `sizes`, the 12
block sizes with the most live blocks: `size`, `live`, `free`, `live_mb`.

```lua
return vm_blocks().sizes[1]
```

### vm_growing_containers(limit)
Containers named by how they are reached from modules, such as `shop.cache.STORE._entries` (`[...]` stands for a key).
`growing`: those that grow steadily without a bound; `largest`: the largest, growing or not. Rows: `path`, `kind`,
`items`, `bound` (where its owner names one), `file`, `change`, `per_minute`, `seconds`, `steady`.
`limit` 1 to 50, default 10. `complete` is false where there were too many modules for one walk.

```lua
local top = vm_growing_containers(5).growing[1]
return top and {top.path, top.items, top.per_minute}
```

### vm_threads(limit)
Threads grouped by what started them (`born`, `born_in`) and what they run (`runs`), daemon ones too: `count`,
`daemon`, `names` (digits as #), `per_minute`, `stands_at` (rows of `at`, `threads`). `total`, `daemon`;
`unknown_to_threading` were started by other code. `limit` 1 to 50, default 20.

```lua
local g = vm_threads(5).groups[1]
return {g.key, g.count, g.per_minute}
```

### vm_thread_stacks(limit)
All threads' stacks now, equal ones once: `threads`, `names`, `at` (the application's innermost line), `frames`
(innermost first, without values). `limit` 1 to 50, default 20.

```lua
return vm_thread_stacks(3).stacks[1].frames
```

### vm_stacks_merged(seconds, hertz)
All threads' stacks merged over a while, waiting ones too: rows of `part`, `samples`, `stack` (outermost first), the 20
most frequent. `seconds` at most 5, default 1; `hertz` at most 100, default 50.

```lua
return vm_stacks_merged(1, 50).stacks[1]
```

### vm_hot_functions(seconds, hertz)
Which functions use the processor, over all threads: `functions` (innermost: `at`, `func`, `part` of the busy samples,
`owner`), `with_callees` (anywhere in the stack), `entries` (the application's outermost function: a request handler, a
worker). `cpu_percent` of one core, `busy_threads` on average. `seconds` at most 5, default 2; `hertz` at most 100.

```lua
local p = vm_hot_functions(2)
return {cpu = p.cpu_percent, hottest = p.functions[1]}
```

### vm_loops()
The event loops: as in the snapshot, and `recent_blocks`, the last 20, newest first: `ms`, `over`, `ago_seconds`, `at`,
`func`, `doing` (what the line calls), `looks`, `looks_at_this_line`, `starved_ms` (the thread only waited for a
processor). A block in which C code never lets go of the interpreter lock has no `at`.

```lua
return vm_loops().recent_blocks[1]
```

### vm_locks(limit)
Locks that threads waited for in the last 15 seconds, the most waited for first: `lock`, `waiting` (last seen),
`waiting_mean`, `waiting_max`, `longest_wait_ms`, `contended_part` (of all `looks`), `waits_at`, `holder_at`,
`holder_function`, `holder_thread`, `holder_doing`, `holder_states`, `holder_waits_part`. Waits below a tenth of
a second are not seen. `limit` 1 to 50, default 10.

```lua
local l = vm_locks(1).locks[1]
return l and l.holder_at .. " holds " .. l.lock
```

### vm_gil()
How long a thread waits for the interpreter lock: `wait_ms_p50`, `wait_ms_p95` (half a minute), `longest_wait_ms` (one
minute; 0 if none reached 50), `samples`, `switch_interval_ms`.

```lua
return vm_gil().wait_ms_p50
```

### vm_modules(limit)
Loaded modules: `total`, `application`, `library`, `standard`, `largest_packages`, `newest` (newest first: `name`,
`file`). `limit` 1 to 50, default 20.

```lua
return vm_modules(5).newest
```
"""
