"""The skill `sql`: database statements, how long they take and which line sends them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from beamlens.errors import SkillError
from beamlens.skills.checks import Check, Threshold
from beamlens.skills.skill import Skill
from beamlens.skills.statements.calls import LongCalls
from beamlens.skills.statements.sqlite import SqliteTap
from beamlens.skills.statements.store import SLOW_SECONDS, StatementStore

__all__ = ["Sql"]

_MOST_ROWS: Final = 50
_SHOWN: Final = 5

_PROMPT: Final = """\
You watch the database statements of a running Python application.

What to look for:
- `slow`: statements that take 100 ms or more on average within the last minute; `recent` says how often they ran. One
  slow report a day is nothing, a slow statement in every request is.
- `waits`: lines of the application that stood at a database call when they were looked at, whatever the driver.
- `errors`: statements that failed.
Literals and parameters are never shown; statements are told apart by their text without them. Only SQLite connections
that were made while you watch are timed; `missing` says what is not seen."""

_DOCS: Final = """\
Statements have `?` for every literal. Times are of the last minute, but for `count` and `errors` (since the start).

### sql_stats()
`statements`, `errors`, `seconds` (in all), `connections` (that are timed), `sampler_us` (what a look at stacks costs).

```lua
return sql_stats().statements
```

### sql_statements(limit)
Those that took the most time first: `key`, `statement`, `at` and `func` (the line that sent it, where it took 20 ms),
`count`, `errors`, `recent`, `recent_seconds`, `mean_ms`, `p95_ms`, `max_ms`. `limit` 1 to 50, default 10.

```lua
local top = sql_statements(1)[1]
return top and top.statement
```

### sql_slow(limit)
As `sql_statements`, of those that take 100 ms or more on average, the slowest first. `limit` 1 to 50, default 10.

```lua
return sql_slow(3)
```

### sql_running(limit)
What runs now, the longest first: `statement`, `ms`. `limit` 1 to 50, default 10.

```lua
return sql_running(5)
```

### sql_waits(limit)
Lines that waited for a database within the last minute, seen in their threads' stacks ten times a second, any driver:
`at`, `func`, `count`, `mean_ms`, `max_ms`, `total_ms`. Waits below 0.2 s are hardly seen, and
calls without a pause on one line count as one. `limit` 1 to 50, default 10.

```lua
return sql_waits(3)
```
"""

_DRILL: Final = """
for _, row in ipairs(sql_slow(50)) do
  if row.key == check.key then
    return {slow = true, statement = row.statement, at = row.at or "an unknown line", func = row.func or "unknown",
            recent = row.recent, seconds = row.recent_seconds, mean_ms = row.mean_ms, p95_ms = row.p95_ms,
            max_ms = row.max_ms}
  end
end
return {slow = false}
"""

_CHECKS: Final = (
    Check(
        name="slow_query",
        when=Threshold("slow.*.mean_ms", ">=", SLOW_SECONDS * 1e3),
        also=(Threshold("slow.*.recent", ">=", 5),),
        drill=_DRILL,
        confirm=Threshold("slow", "==", True),
        severity="critical",
        observation=(
            "A statement took {drill.mean_ms} ms on average (95th percentile {drill.p95_ms} ms) in {drill.recent} runs "
            "within {drill.seconds} s, sent at {drill.at} in {drill.func}: {drill.statement}"
        ),
        context="The longest run took {drill.max_ms} ms",
        hypothesis="No index fits the statement that {drill.func} sends, or it reads more than it needs",
        cause="slow_query",
        entities=("{drill.at}", "{drill.func}"),
        remedy="Look at the statement's query plan; add the index that it lacks, or ask for less.",
    ),
    Check(
        name="long_database_waits",
        when=Threshold("waits.*.mean_ms", ">=", 300),
        also=(Threshold("waits.*.count", ">=", 5), Threshold("connections", "==", 0)),
        severity="info",
        observation=(
            "The application waited {waits.*.count} times within the last minute for a database at {key} in "
            "{waits.*.func}, {value} ms on average, {waits.*.max_ms} ms at the longest"
        ),
        context="Seen in threads' stacks, where statements one after the other on one line look as one",
        cause="slow_query",
        entities=("{key}", "{waits.*.func}"),
        remedy="Look at what {waits.*.func} asks the database for.",
    ),
)


class Sql(Skill):
    """Watch databases from inside of the application.

    SQLite is found through `sys.modules`; its connections are timed if they are made after the start. Calls of any
    driver that last are seen in the stacks of threads.
    """

    id: ClassVar[str] = "sql"
    title: ClassVar[str] = "Database statements"
    description: ClassVar[str] = (
        "SQL databases: slow statements by fingerprint, the lines that send them, errors, waits"
    )
    system_prompt: ClassVar[str] = _PROMPT

    def __init__(self) -> None:
        self._store = StatementStore()
        self._tap = SqliteTap(self._store)
        self._calls = LongCalls()

    def start(self) -> None:
        """Begin to time and to look."""
        self._tap.install()
        self._calls.start()

    def stop(self) -> None:
        """Put `sqlite3.connect` back; connections that are timed go on without being noted."""
        self._store.on = False
        self._tap.remove()
        self._calls.stop()

    def snapshot(self) -> dict[str, Any]:
        """Return counts, what is slow, what runs long now, and which lines wait."""
        self._tap.install()  # the application may have imported sqlite3 since
        return {
            **self.stats(),
            "slow": self._store.slow(_SHOWN),
            "running_long": self._store.running(SLOW_SECONDS, _SHOWN),
            "waits": self._calls.rows(_SHOWN),
            "missing": self._missing(),
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
            "sql_stats": self.stats,
            "sql_statements": self.statements,
            "sql_slow": self.slow,
            "sql_running": self.running,
            "sql_waits": self.waits,
        }

    def stats(self) -> dict[str, Any]:
        """Return the counts in all."""
        return {
            "statements": self._store.total,
            "errors": self._store.errors,
            "seconds": round(self._store.seconds, 3),
            "connections": self._store.connections,
            "sampler_us": self._calls.cost_us,
        }

    def statements(self, limit: int = 10) -> list[dict[str, Any]]:
        """Return the statements that took the most time."""
        return self._store.statements(_rows("sql_statements", limit))

    def slow(self, limit: int = 10) -> list[dict[str, Any]]:
        """Return the slow statements."""
        return self._store.slow(_rows("sql_slow", limit))

    def running(self, limit: int = 10) -> list[dict[str, Any]]:
        """Return the statements that run now."""
        return self._store.running(0.0, _rows("sql_running", limit))

    def waits(self, limit: int = 10) -> list[dict[str, Any]]:
        """Return the lines that waited for a database."""
        return self._calls.rows(_rows("sql_waits", limit))

    def _missing(self) -> list[str]:
        if "sqlite3" not in sys.modules:
            return ["statements: the application has not imported sqlite3; other drivers are seen in `waits` only"]
        if not self._store.connections:
            return ["statements: no connection was made since the start; earlier ones are seen in `waits` only"]
        return []


def _rows(name: str, limit: int) -> int:
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise SkillError(
            "bad_arguments", f"{name}: limit is {limit!r}; a whole number from 1 to {_MOST_ROWS} is expected"
        )
    return min(limit, _MOST_ROWS)
