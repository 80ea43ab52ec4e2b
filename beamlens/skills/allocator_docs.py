"""What the `allocator` skill tells the model: its subject, and its callbacks with examples."""

from __future__ import annotations

from typing import Final

__all__ = ["DOCS", "SYSTEM_PROMPT"]

SYSTEM_PROMPT: Final = """\
You watch the memory allocators of a running Python application: Python's own for blocks of 512 bytes and less
(`pymalloc`), and the C library's (`malloc`) for the rest.

What to look for:
- `free_part` well above a half, with hundreds of `free_mb`, for minutes (`fragmented_seconds`): freed memory that
  cannot be given back because live blocks lie in between. That is fragmentation, no leak.
- `used_growth.steady`: live memory that grows in every part of the time that is known. `allocator_sites(seconds)`
  traces for a moment which lines allocate what stays; it is refused where the application is busy, since tracing slows
  it down.
- `allocator_state()` has a verdict: leak, fragmentation, native or none.
Free memory after a peak is normal: report it only where it is much, stays, and memory is short.
A value that is missing (nil) was not measured; `missing` says why. Never take it for 0."""

DOCS: Final = """\
Sizes are in MB (2^20 bytes) where the name says `_mb`, times in milliseconds where it says `_ms`.

### allocator_state()
What the memory is made of now: `entries` add up to `rss_mb`: `small_objects_mb`, `pymalloc_free_mb`, `malloc_used_mb`,
`malloc_free_mb`, `files_mb`, `shared_mb`, `other_anonymous_mb`, `not_resident_mb`. `changes_mb` of each within the last
`seconds` (10 minutes at most). `verdict` is `leak`, `fragmentation`, `native`, `none` or `unknown`, and `why` a
sentence. `missing`, `cost_ms`.

```lua
local s = allocator_state()
return {s.verdict, s.why}
```

### allocator_sizes()
Python's blocks of 512 bytes and less: `blocks`, `arenas_mb`, `used_mb`, `free_mb`, `usage_ratio`, and `sizes`, the 12
block sizes with the most live blocks: `size`, `live`, `free`, `live_mb`. `missing`.

```lua
return allocator_sizes().usage_ratio
```

### allocator_history(limit)
What the allocators held lately, newest first: `rows` of `ago_seconds`, `rss_mb`, `used_mb`, `free_mb`, `free_part` (of
the anonymous memory). `limit` 1 to 50, default 20.

```lua
return allocator_history(5).rows
```

### allocator_sites(seconds)
Which lines allocate memory that stays, traced (tracemalloc, one frame) for `seconds`, at most 5, default 2; less where
there are many allocations. `growing`: lines whose live blocks became more in both halves; `largest`: all; rows of `at`,
`owner`, `blocks`, `kb`, `first`, `second` (how many more in each half), `kb_per_minute`. `seconds` that it took,
`traced` blocks, `stop_ms`, `missing`. Refused while the application uses more than half of a core, or traces itself.
Asked again within 20 seconds it gives the same answer, `ago_seconds` old. Tracing is off when the call returns.

```lua
local found = allocator_sites(1)
return found and found.growing[1]
```
"""
