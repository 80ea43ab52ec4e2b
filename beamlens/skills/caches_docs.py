"""What the `caches` skill tells the model: its subject, and its callbacks with examples."""

from __future__ import annotations

from typing import Final

__all__ = ["DOCS", "SYSTEM_PROMPT"]

SYSTEM_PROMPT: Final = """\
You watch the containers of a running Python application (dictionaries, lists, sets, queues, function caches) from
inside its process.

What to look for:
- `containers.growing` lists containers that modules lead to and that grew in every part of the time that is known and
  name no bound; a plateau, a sawtooth and a cache with a `bound` are not in it. `caches_info(path)` says what it holds.
- `heap.steady` with nothing in `containers.growing`: something grows that no module names. `caches_anywhere()` looks at
  all objects, in a copy of the process, and names what grew and who keeps it: a local variable of a function that never
  ends, a closure, a task, a thread.
- `caches_who_keeps(name)` tells for a container or a class which path of references keeps it alive. Say that path.
- A function cache whose `bound` is nil grows with each new argument.
Large is not sick: report growth without a bound, not size. A value that is missing (nil) was not measured; `missing`
says why. Never take it for 0."""

DOCS: Final = """\
Containers are named by how they are reached from modules, such as `shop.cache.STORE._entries`; `[...]` stands for a key
or an index. Keys and values are never shown, and nothing here changes the application. Sizes in MB are 2^20 bytes.

### caches_list(limit)
The largest containers of 100 items and more: `containers`, rows of `path`, `kind`, `items`, `bound` (items that its
owner allows; nil if nothing is said), `file`, `change`, `per_minute`, `seconds`, `steady` (nil while too little of the
past is known). `visited`, `complete` (false where there were too many modules for one walk), `cost_ms`.
`limit` 1 to 50, default 20.

```lua
local c = caches_list(1).containers[1]
return c and {c.path, c.items, c.bound}
```

### caches_growing(limit)
Those that grew steadily within the last two minutes and have no bound, the fastest first: `growing`, rows as above;
`visited`, `complete`, `cost_ms`.
`limit` 1 to 50, default 10.

```lua
local c = caches_growing(5).growing[1]
return c and {c.path, c.items, c.per_minute}
```

### caches_info(path)
One container, named as in `caches_list`: `key` and `path`, the other fields of its row (`kind`, `items`, `bound`,
`file`, `change`, `per_minute`, `seconds`, `steady`), and `growing`, `about_mb` (estimated from its 100 newest members),
`newest` (types of these: `type`, `count`).

```lua
local top = caches_list(1).containers[1]
return top and caches_info(top.path).newest
```

### caches_functions(limit)
Function caches (`functools.lru_cache`, `functools.cache`), the largest first: `caches`, rows of `name`, `at`, `items`,
`bound` (nil: none), `hits`, `misses` (counters since the start), `hit_part`. `count` in all. `limit` 1 to 50,
default 20.

```lua
return caches_functions(5).caches
```

### caches_who_keeps(name)
Who keeps a container (a path as in `caches_list`) or objects of a class (`shop.models.Session`; 5 of them) alive:
`paths`, the most frequent first, rows of `path`, `objects`, `root` (`module global`, `class attribute`, `task`, `event
loop`, `thread`, `context variable`, `lru_cache`, `frame local`, `reference cycle`, `outside Python`, `not found`),
`root_name`, `root_at`, `steps`, `holders` (types on the way), `bound`, `items`. `asked`, `kept`, `kept_without_bound`,
`garbage` count the objects. `how` it was looked: `in a copy of the process`, or `in place` where none can be made;
`stop_ms` is how long the application stood still for it, `seconds` it took; `missing`. `name` as it was understood.
`linked` says how many objects make up a chain, a tree or a ring, whose way from outside is shown then; else nil.
Refused where that would be too long.

```lua
return caches_who_keeps("shop.models.Session").paths[1].path
```

### caches_anywhere(seconds, limit)
Containers of 300 items and more anywhere on the heap that grew within `seconds` (at most 10, default 3; the call takes
that long), also those that no module leads to: `growing`, rows of `path`, `kind`, `items`, `change`, `root`,
`root_name`, `root_at`, `bound`. `looked_at` objects; `complete` is false where the time was over before all were
looked at; `seconds`, `stop_ms`, `missing`. Refused where the process cannot be copied. `limit` 1 to 10, default 5.

```lua
local g = caches_anywhere(3).growing[1]
return g and {g.path, g.items, g.change, g.root_at}
```
"""
