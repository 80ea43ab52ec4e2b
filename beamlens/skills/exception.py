"""The skill `exception`: exceptions that nobody caught, and those that were caught and logged."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from beamlens.errors import SkillError
from beamlens.skills.checks import Check, Threshold
from beamlens.skills.raised.hooks import Hooks
from beamlens.skills.raised.sighting import sighting_of
from beamlens.skills.raised.store import ExceptionStore
from beamlens.skills.skill import Skill

__all__ = ["Exceptions"]

_MOST_ROWS: Final = 50
_SHOWN: Final = 8

_PROMPT: Final = """\
You watch the exceptions of a running Python application.

What to look for:
- Storms: `groups` counts equal exceptions (type and line) by the minute; `per_second` over the last 15 seconds,
  `active_seconds` how many of these had any. A few exceptions a minute are everyday business.
- `ways` says how they were seen: `logging` was caught and logged (a framework's 500 too), `thread` ended a thread,
  `main` the program, `unraisable` could not be raised.
- Use `exception_stacktrace` to see where one came from, and `source` to read the lines around.
Exceptions that code catches and does not log are not seen. Texts of exceptions are never shown."""

_DOCS: Final = """\
Types and places only: texts of exceptions and values of variables are never shown. What is logged twice counts twice.

### exception_stats()
Counts since the start: `total`, `last_minute`, `group_count`, `ways`, `unexamined` (in a flood only 200 a second are
looked at), `not_grouped`, `noting_us` (microseconds that noting one takes).

```lua
return exception_stats().last_minute
```

### exception_groups(limit)
Equal exceptions, those with the most in the last minute first: `key` (`KeyError at shop/pricing.py:12`), `type`, `code`
(of an OSError: `EMFILE`), `at` and `func` (the application's innermost line), `raised_at`, `count`, `last_minute`,
`per_second`, `active_seconds` (of the last 15), `first_ago_seconds`, `last_ago_seconds`, `ways`. `limit` 1 to 50.

```lua
local top = exception_groups(1)[1]
return top and top.key .. ": " .. top.per_second .. " a second"
```

### exception_recent(limit)
The last ones, newest first: `id`, `type`, `key`, `way`, `ago_seconds`. `limit` 1 to 50, default 10; 500 are kept.

```lua
return exception_recent(5)
```

### exception_by_type(type, limit)
As `exception_recent`, of those whose type contains a text; upper and lower case are the same.

```lua
return #exception_by_type("Timeout", 50)
```

### exception_stacktrace(key)
The stack of the last exception of a group, or of the one with an id: `type`, `key`, `stack` (`file:line in function`,
innermost first), `ago_seconds`.

```lua
return exception_stacktrace(exception_groups(1)[1].key).stack
```
"""

_DRILL: Final = """
for _, group in ipairs(exception_groups(50)) do
  if group.key == check.key then
    local seen = exception_stacktrace(group.key)
    return {goes_on = group.last_ago_seconds <= 10, type = group.type, at = group.at, func = group.func,
            last_minute = group.last_minute, per_second = group.per_second, raised_at = group.raised_at,
            stack = table.concat(seen.stack, " < ")}
  end
end
return {goes_on = false}
"""

_CHECKS: Final = (
    Check(
        name="exception_storm",
        when=Threshold("groups.*.per_second", ">=", 1.0),
        also=(Threshold("groups.*.active_seconds", ">=", 8),),
        drill=_DRILL,
        confirm=Threshold("goes_on", "==", True),
        severity="critical",
        observation=(
            "{drill.type} was raised {drill.last_minute} times in the last minute at {drill.at} in {drill.func}, "
            "{value} times a second over the last 15 s"
        ),
        context="Stack, innermost first: {drill.stack}",
        hypothesis="{drill.func} meets something that it does not expect, again and again",
        cause="exception_storm",
        entities=("{drill.at}", "{drill.func}"),
        remedy="Read the lines around {drill.at}; handle what is missing there, or mend where it comes from.",
    ),
    Check(
        name="threads_die",
        when=Threshold("ended_threads_last_minute", ">=", 3),
        severity="warning",
        observation="{value} threads ended with an exception within the last minute",
        context="In all {total} exceptions were seen since the start, in {group_count} groups",
        cause="errors",
        remedy="Look at the groups whose way is `thread`: the work of these threads is not done any more.",
    ),
)


class Exceptions(Skill):
    """Watch exceptions: the interpreter's hooks and log records that carry one.

    It changes nothing: hooks of the application are called as before, and are put back at the end.
    """

    id: ClassVar[str] = "exception"
    title: ClassVar[str] = "Exceptions"
    description: ClassVar[str] = (
        "Exceptions: uncaught ones and those that were logged (errors of requests, too), by type and line, their rate"
    )
    system_prompt: ClassVar[str] = _PROMPT
    additive: ClassVar[tuple[str, ...]] = ("total", "last_minute")

    def __init__(self) -> None:
        self._store = ExceptionStore()
        self._hooks = Hooks(self._note)
        self._noted, self._noting = 0, 0.0

    def start(self) -> None:
        """Put the hooks in."""
        self._hooks.install()

    def stop(self) -> None:
        """Put back what was there."""
        self._hooks.remove()

    def snapshot(self) -> dict[str, Any]:
        """Return counts and the groups with the most; well below a millisecond."""
        groups = self._store.groups(_MOST_ROWS)
        return {
            **self._figures(),
            "groups": groups[:_SHOWN],
            "ended_threads_last_minute": sum(
                group["last_minute"] for group in groups if "thread" in group["ways"] or "main" in group["ways"]
            ),
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
            "exception_stats": self._figures,
            "exception_groups": self.groups,
            "exception_recent": self.recent,
            "exception_by_type": self.by_type,
            "exception_stacktrace": self.stacktrace,
        }

    def groups(self, limit: int = 10) -> list[dict[str, Any]]:
        """Return equal exceptions, counted."""
        return self._store.groups(_rows("exception_groups", limit))

    def recent(self, limit: int = 10) -> list[dict[str, Any]]:
        """Return the last exceptions."""
        return self._store.recent(_rows("exception_recent", limit))

    def by_type(self, type: str, limit: int = 10) -> list[dict[str, Any]]:
        """Return the last exceptions whose type contains a text."""
        return self._store.recent(_rows("exception_by_type", limit), type)

    def stacktrace(self, key: str) -> dict[str, Any]:
        """Return where the last exception of a group came from."""
        found = self._store.stack(key)
        if found is None:
            raise SkillError(
                "bad_arguments",
                f"exception_stacktrace: there is no {key!r:.100}; a `key` of exception_groups() or an `id` of "
                "exception_recent() is expected",
            )
        return {
            "type": found.type,
            "key": found.key,
            "stack": list(found.stack),
            "ago_seconds": round(time.time() - found.seen, 1),
        }

    def _figures(self) -> dict[str, Any]:
        noting = round(self._noting / self._noted * 1e6, 1) if self._noted else None
        return {**self._store.figures(), "noting_us": noting}

    def _note(self, kind: type[BaseException], error: BaseException | None, trace: Any, way: str) -> None:
        # On the thread that raised, in the middle of anything: it must neither fail nor take long.
        if not self._store.admits():
            return
        began = time.perf_counter()
        self._store.add(sighting_of(kind, error, trace, way))
        self._noting += time.perf_counter() - began
        self._noted += 1


def _rows(name: str, limit: int) -> int:
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise SkillError(
            "bad_arguments", f"{name}: limit is {limit!r}; a whole number from 1 to {_MOST_ROWS} is expected"
        )
    return min(limit, _MOST_ROWS)
