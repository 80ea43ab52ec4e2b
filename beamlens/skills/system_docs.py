"""What the `system` skill tells the model: its subject, and its callbacks with examples."""

from __future__ import annotations

from typing import Final

__all__ = ["DOCS", "SYSTEM_PROMPT"]

SYSTEM_PROMPT: Final = """\
You watch the machine under a Python application, and the container around it, from outside of its process.

What to look for:
- Memory: in a container `container.memory_used_part` counts, not the machine's; near 1 the kernel kills the process.
  `oom_kills_total` is a counter: only its growth says that something was killed now.
- Processor: a busy machine is not a sick one. `container.throttled_periods_total` against `periods_total` says how
  often the processor limit stopped the container; `process.cpu_wait_seconds_total` grows while threads of the
  application are ready and get no processor; `pressure.cpu` says the same of the whole machine, in per cent of time.
- Disks: `free_part`, `inodes_free_part`, and `full_in_minutes` where a file system fills steadily.
- Swapping and `pressure.memory`: where work stands still for memory, everything becomes slow.
A machine's load counts threads that wait for disks, too. A value that is missing (nil) was not measured; `missing` says
why. Never take it for 0."""

DOCS: Final = """\
Sizes are in MB (2^20 bytes). What ends in `_total` is a counter: only its growth means something. Names of processes
are those of programs; arguments are never shown.

### system_get_cpu()
`cores`, `load_1m`, `load_5m`, `load_15m` (threads that run or wait, disks included), `load_per_core_1m`, and of the
last `seconds`: `busy_percent` (of all cores), `iowait_percent`, `steal_percent` (taken by other machines on the same
host). `process_count`.

```lua
return system_get_cpu().load_per_core_1m
```

### system_get_memory()
The machine's: `total_mb`, `available_mb` (could be had without swapping), `free_mb`, `buffers_mb`, `cached_mb`,
`available_part`, `swap_mb`, `swap_used_part`, `swapped_in_pages_total`, `swapped_out_pages_total`, `oom_kills_total`.

```lua
return system_get_memory().available_part
```

### system_get_disks()
`disks`, the fullest first: `name` (where it is mounted), `type`, `total_mb`, `free_mb`, `free_part`,
`inodes_free_part`, `grown_mb_per_minute`, `full_in_minutes` (where it fills steadily, else nil). Read-only ones are
left out; remote ones are not asked, since that can hang: `not_asked`.

```lua
local d = system_get_disks().disks[1]
return d and {d.name, d.free_part}
```

### system_pressure()
Per cent of time in which work stood still for want of `cpu`, `memory` or `io`: `some_avg10`, `some_avg60` (at least one
task waited), `full_avg10`, `full_avg60` (all did), `some_seconds_total`. Nil for what the kernel does not tell.

```lua
local p = system_pressure().memory
return p and p.full_avg10
```

### system_container()
What control groups allow: `limited`, `version`, `memory_limit_mb`, `memory_used_mb` (without file pages that can be
dropped), `memory_used_part`, `memory_limit_hits_total`, `oom_kills_total`, `cpu_limit_cores`, `cpu_seconds_total`,
`periods_total`, `throttled_periods_total`, `throttled_seconds_total`, `tasks`, `tasks_limit`, `tasks_used_part`. Nil:
no such limit.

```lua
local c = system_container()
return c.limited and c.memory_used_part
```

### system_process()
The application's process: `pid`, `alive`, `state`, `rss_mb`, `swapped_mb`, `threads`, `cpu_percent` (of one core, since
the last look), `cpu_seconds_total`, `cpu_wait_seconds_total` (its threads were ready and had no processor),
`major_faults_total`, `oom_score`, `read_mb_total`, `written_mb_total`, `switches_total`, `forced_switches_total`.

```lua
return system_process().cpu_wait_seconds_total
```

### system_top_processes(limit, sort_by)
Which processes use the machine, over half a second: `processes`, rows of `pid`, `name`, `observed` (it is the
application), `state`, `cpu_percent` (of one core), `rss_mb`, `threads`. `process_count`, `seconds`, `missing`.
`limit` 1 to 50, default 10; `sort_by` is `cpu` (default) or `memory`.

```lua
local top = system_top_processes(3, "memory").processes[1]
return top and top.name
```
"""
