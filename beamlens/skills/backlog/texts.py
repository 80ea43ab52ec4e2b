"""What the `overload` skill tells the model: its subject, and its callbacks with examples."""

from __future__ import annotations

from typing import Final

__all__ = ["ACTIONS", "DOCS", "SYSTEM_PROMPT"]

SYSTEM_PROMPT: Final = """\
You watch the queues, mailboxes and worker pools of a running Python application: whether more work comes in than gets
done, what keeps the workers, and what to do.

What to look for:
- `queues.*.growing`: the backlog grew in every part of the measured time. A large backlog that shrinks, or that comes
  and goes, is work being done.
- `saturated_seconds`: all workers of a pool were busy and jobs waited, and it did not get less.
- `bottleneck.type` says what keeps those that take from it: `downstream` (they wait for I/O or sleep), `contention`
  (for a lock), `computing`, or `unknown`. Name the line.
- Where several queues fill, `overload_cascade` says which began first.
A value that is missing (nil) was not measured; never take it for 0."""

ACTIONS: Final = {
    "downstream": "Shorten the wait at {at} or give it a timeout, let more workers wait at once, and bound the queue.",
    "contention": "Let go of the lock sooner at {at}; more workers would not help. Bound the queue.",
    "computing": "Move the work at {at} into more processes; bound the queue, and refuse what cannot be done.",
    "unknown": "Bound the queue, so that who fills it is slowed down or refused; find out who takes from it.",
}

DOCS: Final = """\
Growth is measured over up to a minute; nothing is extrapolated.

### overload_queues(limit)
Queues and pools, the fullest first: `name`, `kind` (`queue`, `asyncio queue`, `thread pool`, `process pool`),
`size`, `bound`, `growing`, `change`, `per_minute`, `seconds`, `workers` (those seen to take from it), `most_workers`,
`saturated_seconds`, `bottleneck`. `limit` 1 to 50, default 20.

```lua
for _, q in ipairs(overload_queues(5)) do print(q.name, q.size, q.per_minute) end
```

### overload_bottleneck(name)
Where those stand that take from a queue or pool: `at`, `func`, `waits_for`, `part` of the `looks`, `type`
(`downstream`, `contention`, `computing`, `unknown`) and `action`, what to do about it. `name` as in `overload_queues`.

```lua
local q = overload_queues(1)[1]
return q and overload_bottleneck(q.name).at
```

### overload_cascade()
The queues that are not empty, the one that began to fill first: `name`, `size`, `since_seconds`, `at_least` (it filled
before it was first seen), `growing`.

```lua
local first = overload_cascade()[1]
return first and first.name
```

### overload_state()
All in a few words: `state` (`calm`, `backlog`, `saturated`, `growing`), `total`, `queues`, `worst` (name) and `action`.

```lua
return overload_state().state
```
"""
