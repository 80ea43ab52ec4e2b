"""What the `vm_events` skill tells the model: its subject, and its callbacks with examples."""

from __future__ import annotations

from typing import Final

__all__ = ["DOCS", "SYSTEM_PROMPT"]

SYSTEM_PROMPT: Final = """\
You watch for the moments in which a running Python application, or a part of it, stands still.

What to look for:
- `gil_holds`: no other Python thread ran for 50 ms and more, while one computed: C code that does not let go of the
  interpreter lock. `usual_place` names the line that most of that time is owed to.
- `gc_pauses`: collections of 50 ms and more. They stop every thread.
- `loop_stalls`: an event loop did not answer for 100 ms and more; `usual_place` says where its thread stood.
- `suspensions`: nothing of the process ran at all: it was stopped, or the machine or the container was.
- `faults.major_per_second`: pages read from disk since memory is short.
One stall is no incident: report what keeps happening and say what it costs (`total_1m_ms` of 60,000 ms). The fields of
`faults` without `_per_second` are counters since the start: never judge them as levels.
A value that is missing (nil) was not measured; `missing` says why. Never take it for 0."""

DOCS: Final = """\
Times are in milliseconds where the name says `_ms`. Nothing here changes the application.

### vm_events_stats()
What stood still, by kind: `gil_holds`, `gc_pauses`, `loop_stalls`, `page_faults`, `suspensions`, each with
`threshold_ms`, `count_5m`, `count_1m`, `longest_ms` (5 minutes), `longest_1m_ms`, `total_1m_ms`, `usual_place` (`at`,
`func`, `doing`, `part` of the time; nil where no line is known).

```lua
return vm_events_stats().gil_holds.longest_ms
```

### vm_events_list(kind, limit)
The stalls of the last 5 minutes, newest first: `events`, rows of `kind`, `datetime`, `ago_seconds`, `ms`, `at`, `func`,
`doing`, `count` (objects collected, or pages). `kind` is one of `all` (default), `gc_pause`, `gil_hold`, `loop_stall`,
`page_faults`, `suspended`. `limit` 1 to 50, default 20.

```lua
local e = vm_events_list("gil_hold", 1).events[1]
return e and {e.ms, e.at, e.doing}
```

### vm_events_faults()
`major` (pages read from disk), `minor`, `involuntary_switches`, `voluntary_switches`: counters since the start;
`major_per_second`, `minor_per_second`, `involuntary_per_second`: over about ten seconds; `killed_for_memory`: processes
of the container that the kernel has killed, nil where that is not known.

```lua
return vm_events_faults().major_per_second
```
"""
