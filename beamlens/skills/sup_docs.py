"""What the `sup` skill tells the model: its subject, and its callbacks with examples."""

from __future__ import annotations

from typing import Final

__all__ = ["DOCS", "SYSTEM_PROMPT"]

SYSTEM_PROMPT: Final = """\
You watch supervision trees, worker processes and pools of a running Python application.

What to look for:
- `crash_loops`: who died at least three times within two minutes after short lives. One crash that was followed by a
  restart is what supervisors are for, and no finding.
- `crashes_total`, `restarts_total`: counters; only their growth means something.
- `pools.broken`: an executor whose worker was killed refuses every further task.
- `processes.zombies`: children that ended and were never waited for, for 10 s and longer.
- A child that is `undefined` or `terminated` ended in order, or was stopped by somebody: a temporary or transient one
  is normal. Supervisors of BeamLens itself may be among the trees.
A value that is missing (nil) was not measured; `missing` says why. Never take it for 0."""

DOCS: Final = """\
Supervisors are named by their path, `shop/web`. Nothing here starts, stops or reaps a process.

### sup_list()
`supervisors`: rows of `name`, `strategy`, `children`, `running`, `restarts` (of all children so far).

```lua
local s = sup_list().supervisors[1]
return s and s.name
```

### sup_children(name)
The children of a supervisor, `name` as in sup_list, or its last part where that is unique: `children`, rows of `id`,
`type`, `state` (`running`, `restarting`, ...), `restart`, `restarts`, `pid`; `not_shown` more than 50.

```lua
local s = sup_list().supervisors[1]
return s and sup_children(s.name).children[1]
```

### sup_tree(name)
A supervisor and all below it, 4 levels deep: `name`, `strategy`, `children` (as sup_children, with `children` again;
`truncated` where it goes deeper).

```lua
local s = sup_list().supervisors[1]
return s and sup_tree(s.name)
```

### sup_integrity(name)
What is odd about one supervisor: `name`, `state`, `children`, `running`, `not_running` (ids), `crash_loops`,
`anomalies` (texts; empty if all is well).

```lua
local s = sup_list().supervisors[1]
return s and sup_integrity(s.name).anomalies
```

### sup_deaths(limit)
Who died, newest first: `deaths`, rows of `name`, `kind` (`child` of a tree, `worker` of multiprocessing), `reason`,
`normal`, `where` (file and line of the exception), `lived_seconds`, `ago_seconds`; `crash_loops` as in the snapshot.
`limit` 1 to 50, default 10.

```lua
for _, d in ipairs(sup_deaths(5).deaths) do print(d.name, d.reason, d.where) end
```

### sup_processes(limit)
The children of the application's process and its actors, the busiest first: `processes`, rows of `pid`, `name` (of the
actor, of the worker, or of the program), `kind`, `state`, `rss_mb`, `threads`, `cpu_seconds`. `total`, `missing`.
`limit` 1 to 50, default 20.

```lua
local p = sup_processes(5).processes[1]
return p and p.name
```

### sup_zombies(limit)
Children that ended and whose exit code nobody asked for, the oldest first: `zombies`, rows of `pid`, `name`, `seconds`
(for which it has been one). `total`, `missing`. `limit` 1 to 50, default 20.

```lua
return sup_zombies(5).total
```

### sup_pools(limit)
Executors, and gunicorn's workers where this is its arbiter, broken ones first: `pools`, rows of `name`, `kind`,
`workers`, `most`, `waiting` (tasks), `broken`. `total`. `limit` 1 to 50, default 20.

```lua
for _, p in ipairs(sup_pools(5).pools) do print(p.name, p.workers, p.waiting) end
```
"""
