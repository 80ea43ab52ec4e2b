"""The skill `ports`: open files, sockets and other descriptors, and what becomes of their number."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from beamlens.errors import SkillError
from beamlens.skills.checks import Check, Threshold
from beamlens.skills.descriptors.history import DescriptorHistory
from beamlens.skills.descriptors.listing import Listing, read_limit
from beamlens.skills.skill import RunsIn, Skill

__all__ = ["Ports"]

_MOST_ROWS: Final = 50
_SHOWN: Final = 5

_PROMPT: Final = """\
You watch the open descriptors of a running Python application: files, sockets, pipes.

What to look for:
- Leaks: `growing` has the groups whose number grew in every part of the time that is known. Files that are opened
  again and again under one pattern and never closed are a leak.
- `used_part`: how much of the process' limit is used; at 1 every open, accept and import fails with EMFILE.
- Sockets in CLOSE_WAIT: the other side has closed, the application has not: it forgot them.
- `backlogs`: connections that nobody has accepted yet, by listening socket. Some for a moment are usual; many that stay
  mean that the application does not get to accept.
- Connections grow with traffic: that alone is no leak. A pool comes to its bound; `outgoing` connections that grow
  by hundreds for a minute and longer have none.
Names have digits as `#`. You run outside of the application and see only what the system knows of it."""

_DOCS: Final = """\
Read from the system, at no cost for the application. Groups are a kind and what is open, with digits as `#`.

### ports_groups(limit)
The largest groups: `key` (`file var/invoices/invoice-#.json`, `socket tcp to 10.0.0.5:5432`), `kind` (`file`, `socket`,
`pipe`, `device`, `other`), `count`, `examples` (descriptor numbers). `limit` 1 to 50, default 10.

```lua
local top = ports_groups(1)[1]
return top and top.key .. ": " .. top.count
```

### ports_growing(limit)
The groups that keep growing, the fastest first: `key`, `kind`, `outgoing` (connections that the application opened),
`count`, `change` within `seconds`, `per_minute`. `limit` 1 to 50, default 10.

```lua
return ports_growing(3)
```

### ports_sockets()
TCP sockets by state: `states` (`ESTABLISHED`, `CLOSE_WAIT`, ...), `total`.

```lua
return ports_sockets().states.CLOSE_WAIT or 0
```

### ports_queues(limit)
What waits in sockets, by group, the most first: `backlogs` (listening sockets: `key`, `waiting`: connections that
nobody has accepted yet), `queues` (`key`, `unsent_kb`, `unread_kb`). `limit` 1 to 50, default 10.

```lua
local b = ports_queues(1).backlogs[1]
return b and b.waiting
```

### ports_limits()
`open`, `limit`, `left`, `used_part`; nil where the system does not say.

```lua
return ports_limits().left
```
"""

_DRILL: Final = """
for _, group in ipairs(ports_groups(50)) do
  if group.key == check.key then
    local limits = ports_limits()
    return {still = group.count >= check.value, count = group.count, kind = group.kind, left = limits.left,
            open = limits.open, examples = table.concat(group.examples, ", ")}
  end
end
return {still = false}
"""

_LEAK_TEXT: Final = (
    "{drill.count} descriptors are open on {key}, {value} more than {growing.*.seconds} s ago, growing by "
    "{growing.*.per_minute} a minute in every part of that time"
)

_CHECKS: Final = (
    Check(
        name="descriptor_growth",
        when=Threshold("growing.*.change", ">=", 10),
        also=(Threshold("growing.*.kind", "!=", "socket"),),
        drill=_DRILL,
        confirm=Threshold("still", "==", True),
        severity="critical",
        observation=_LEAK_TEXT,
        context="{drill.open} descriptors are open in all, {drill.left} more are allowed; the last: {drill.examples}",
        hypothesis="Whatever opens {key} does not close it",
        cause="fd_leak",
        entities=("{key}",),
        remedy="Find what opens {key} and close it on every way out: `with open(...)`.",
    ),
    Check(
        name="socket_growth",
        when=Threshold("growing.*.change", ">=", 30),
        also=(Threshold("growing.*.kind", "==", "socket"), Threshold("sockets.CLOSE_WAIT", ">=", 10)),
        drill=_DRILL,
        confirm=Threshold("still", "==", True),
        severity="critical",
        observation=_LEAK_TEXT + "; {sockets.CLOSE_WAIT} sockets were closed by the other side only",
        cause="socket_leak",
        entities=("{key}",),
        remedy="Close connections once their other side has: close responses, sessions and clients.",
    ),
    Check(
        name="connection_growth",
        when=Threshold("growing.*.change", ">=", 200),
        also=(Threshold("growing.*.outgoing", "==", True), Threshold("sockets.CLOSE_WAIT", "<", 10)),
        drill=_DRILL,
        confirm=Threshold("still", "==", True),
        observation=_LEAK_TEXT,
        context="{drill.open} descriptors are open in all, {drill.left} more are allowed; the last: {drill.examples}",
        hypothesis="Connections to {key} are opened again and again and not given back; a pool has an end",
        cause="socket_leak",
        entities=("{key}",),
        remedy="Close each connection on every way out, or keep one client with a pool for all requests.",
    ),
    Check(
        name="accept_backlog",
        when=Threshold("backlogs.*.waiting", ">=", 20, times=3),
        severity="warning",
        observation="{value} connections wait at {key} and nobody accepts them",
        context="{open} descriptors are open, {left} more are allowed",
        hypothesis="The thread or loop that accepts is busy or blocked, or no descriptor is left",
        cause="overload",
        entities=("{key}",),
        remedy="Find what the thread that accepts does instead: its stack, its loop, its locks.",
    ),
    Check(
        name="descriptors_near_limit",
        when=Threshold("used_part", ">=", 0.9, times=2),
        severity="critical",
        observation="{open} of {limit} allowed descriptors are open",
        context="By kind: {kinds.file} files, {kinds.socket} sockets, {kinds.pipe} pipes",
        cause="fd_leak",
        remedy="Look at ports_groups(10) for what is open; raise the limit only if it is all needed.",
    ),
)


class Ports(Skill):
    """Watch descriptors from outside of the application: it runs in the operator's process."""

    id: ClassVar[str] = "ports"
    title: ClassVar[str] = "Descriptors and sockets"
    description: ClassVar[str] = "Open files, sockets and pipes: leaks, sockets by state, how near the limit is"
    system_prompt: ClassVar[str] = _PROMPT
    additive: ClassVar[tuple[str, ...]] = ("open", "kinds.file", "kinds.socket", "kinds.pipe")
    runs_in: ClassVar[RunsIn] = "operator"

    def __init__(self) -> None:
        self._history: DescriptorHistory | None = None

    def start(self) -> None:
        """Begin to look, once a second."""
        self._history = DescriptorHistory(self.pid or os.getpid())
        self._history.look(time.monotonic())
        self._history.start()

    def stop(self) -> None:
        """Look no more."""
        if self._history is not None:
            self._history.stop()

    def snapshot(self) -> dict[str, Any]:
        """Return how many are open, of which kind, and what grows."""
        history = self._known()
        found, growing = history.last, history.growing(_SHOWN)
        return {
            **self.limits(),
            "kinds": None
            if found is None
            else {kind: found.kinds[kind] for kind in ("file", "socket", "pipe", "other")},
            "sockets": None if found is None else {"CLOSE_WAIT": 0, **found.states},
            "backlogs": None if found is None else _backlogs(found)[:_SHOWN],
            "growing": growing,
            "growing_count": len(growing),
            "looks": history.looks,
            "look_ms": history.cost_ms,
            "missing": [] if found is not None else ["all: the system does not show this process' descriptors"],
        }

    def checks(self) -> Sequence[Check]:
        """Return what is wrong with any program of which it holds."""
        return _CHECKS

    def callback_docs(self) -> str:
        """Return the callbacks' documentation."""
        return _DOCS

    def callbacks(self) -> Mapping[str, Callable[..., Any]]:
        """Return the callbacks; all of them only look."""
        return {
            "ports_groups": self.groups,
            "ports_growing": self.growing,
            "ports_sockets": self.sockets,
            "ports_queues": self.queues,
            "ports_limits": self.limits,
        }

    def groups(self, limit: int = 10) -> list[dict[str, Any]]:
        """Return the largest groups, as they are now."""
        rows = _rows("ports_groups", limit)
        found = self._known().last
        if found is None:
            return []
        return [
            {"key": group, "kind": found.kind_of[group], "count": count, "examples": found.examples[group]}
            for group, count in found.groups.most_common(rows)
        ]

    def growing(self, limit: int = 10) -> list[dict[str, Any]]:
        """Return the groups that keep growing."""
        return self._known().growing(_rows("ports_growing", limit))

    def sockets(self) -> dict[str, Any]:
        """Return the TCP sockets by state."""
        found = self._known().last
        states = {} if found is None else dict(found.states)
        return {"states": states, "total": sum(states.values())}

    def queues(self, limit: int = 10) -> dict[str, Any]:
        """Return what waits in sockets."""
        rows, found = _rows("ports_queues", limit), self._known().last
        return {"backlogs": _backlogs(found)[:rows], "queues": _queues(found)[:rows]}

    def limits(self) -> dict[str, Any]:
        """Return how many are open and how many may be."""
        found = self._known().last
        count, limit = None if found is None else found.open, read_limit(self.pid or os.getpid())
        known = count is not None and limit is not None
        return {
            "open": count,
            "limit": limit,
            "left": limit - count if known else None,  # type: ignore[operator]
            "used_part": round(count / max(1, limit), 4) if known else None,  # type: ignore[operator, type-var]
        }

    def _known(self) -> DescriptorHistory:
        if self._history is None:
            raise SkillError("refused", "the skill ports is not started")
        return self._history


def _is_listening(group: str) -> bool:
    return " listening on " in group


def _backlogs(found: Listing | None) -> list[dict[str, Any]]:
    """Return the connections that nobody has accepted yet, by listening socket, the most first."""
    if found is None:
        return []
    rows = [{"key": group, "waiting": count} for group, count in found.unread.most_common() if _is_listening(group)]
    return [row for row in rows if row["waiting"]]


def _queues(found: Listing | None) -> list[dict[str, Any]]:
    """Return the bytes that wait in connections, by group, the most first."""
    if found is None:
        return []
    rows = [
        {
            "key": group,
            "unsent_kb": round(found.unsent[group] / 1024, 1),
            "unread_kb": round(found.unread[group] / 1024, 1),
        }
        for group in found.unsent.keys() | found.unread.keys()
        if not _is_listening(group) and found.unsent[group] + found.unread[group]
    ]
    return sorted(rows, key=lambda row: (-row["unsent_kb"] - row["unread_kb"], row["key"]))


def _rows(name: str, limit: int) -> int:
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise SkillError(
            "bad_arguments", f"{name}: limit is {limit!r}; a whole number from 1 to {_MOST_ROWS} is expected"
        )
    return min(limit, _MOST_ROWS)
