"""What the `changes` skill tells the model: its subject, and its callbacks with examples."""

from __future__ import annotations

from typing import Final

__all__ = ["DOCS", "SYSTEM_PROMPT"]

SYSTEM_PROMPT: Final = """\
You watch what changes in how a Python program is made and set: packages, code on disk, environment, settings, log
levels, switches of the interpreter. You compare with the start of the program, with its last life, and with the other
workers of the same program.

What to look for:
- A change shortly before a trouble began may have caused it. Say when it was; a change alone is no fault.
- `since_last_start`: what was different when the program was started, as after a deployment.
- `traffic.shift`: other requests come than before; new load is no fault of the program.
- `workers.odd`: one worker that has several times as much of something as its siblings.
Values of settings and of the environment are never known here, only that they changed. Names that change again and
again are counters and are left out (`moving`).
A value that is missing (nil) was not measured; `missing` says why. Never take it for 0."""

DOCS: Final = """\
Sections: `packages` (versions), `code` (files of loaded modules, `commit`), `environment` and `settings` (names only:
capitals of the application's modules, attributes of settings objects), `log_levels`, `runtime`.

### changes_list(limit, section)
What is different from the start, newest first: `changes`, rows of `key`, `section`, `name`, `kind` (added, removed,
changed), `was`, `now` (only of packages, log_levels, runtime), `seconds_ago`. `total`; `moving`; `facts`: how many are
compared by section. `limit` 1 to 50, default 20; `section` one of the above, default all.

```lua
for _, c in ipairs(changes_list(10).changes) do print(c.key, c.kind, c.seconds_ago) end
```

### changes_since_last_start(limit)
What was different at the start from the life before, of packages and environment: `known`, `last_start_seconds_ago`,
`changes` (rows as changes_list, without seconds_ago), `total`, `problem`. `limit` 1 to 50, default 20.

```lua
local l = changes_since_last_start(10)
return l.known and l.total
```

### changes_packages(part)
`packages`: versions of installed packages by name, at most 200, with `part` in the name (default all); `total`.

```lua
return changes_packages("pykka").packages
```

### changes_log_levels()
`levels` of loggers that have one of their own, by name.

```lua
return changes_log_levels().levels.root
```

### changes_runtime()
`runtime`: garbage collector, tracing, profiling, limits, hooks, handlers of signals.

```lua
return changes_runtime().runtime.gc
```

### changes_traffic()
What part of the requests each route had in the last minute and in the quarter of an hour before: `known`,
`requests_last_minute`, `requests_before`, `shift` (0: nothing changed; 1: entirely other routes are asked), `routes`,
the most changed first: rows of `key`, `part`, `part_before`, `change`. Nil where the skill http counts no requests.

```lua
return changes_traffic().shift
```

### changes_workers()
The workers of the same program (same parent, same command), this one too: `workers`, rows of `pid`, `this`, `rss_mb`,
`threads`, `descriptors`, `cpu_percent`; `total`; `odd`: who differs from the others, as in the snapshot.

```lua
return changes_workers().total
```
"""
