"""The skill `sql`: databases, what is asked of them, by which lines, how long it takes, and who waits for whom."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from beamlens.errors import SkillError
from beamlens.skills.checks import Check
from beamlens.skills.skill import Skill
from beamlens.skills.sql_checks import CHECKS
from beamlens.skills.sql_docs import DOCS, SYSTEM_PROMPT
from beamlens.skills.statements.alchemy import AlchemyTap
from beamlens.skills.statements.calls import LongCalls
from beamlens.skills.statements.classes import ClassTap
from beamlens.skills.statements.pools import PoolWatch
from beamlens.skills.statements.postgres import QUESTIONS
from beamlens.skills.statements.server import Server, ServerPoll, server_of
from beamlens.skills.statements.sqlite import SqliteTap
from beamlens.skills.statements.store import SLOW_SECONDS, StatementStore
from beamlens.skills.statements.transactions import OpenTransactions

__all__ = ["Sql"]

_MOST_ROWS: Final = 50
_SHOWN: Final = 5


class Sql(Skill):
    """Watch databases from inside of the application.

    SQLAlchemy and drivers are found through `sys.modules`, never imported. Calls of any driver that last are seen in
    the stacks of threads. PostgreSQL servers are asked read-only: those of SQLAlchemy's engines, and those given here.

    Args:
        servers: by name, functions that return a new DB-API connection to a PostgreSQL server.
    """

    id: ClassVar[str] = "sql"
    title: ClassVar[str] = "Databases"
    description: ClassVar[str] = (
        "SQL databases: slow statements and the lines that send them, N+1 queries, connection pools and who holds "
        "their connections, transactions left open, errors, waits; PostgreSQL: locks, long statements, indexes, sizes"
    )
    system_prompt: ClassVar[str] = SYSTEM_PROMPT
    additive: ClassVar[tuple[str, ...]] = ("statements", "errors", "seconds", "connections", "open_transactions")

    def __init__(self, servers: Mapping[str, Callable[[], Any]] | None = None) -> None:
        self._given = {name: Server(name, connect) for name, connect in (servers or {}).items()}
        self._store = StatementStore()
        self._pools = PoolWatch()
        self._transactions = OpenTransactions()
        self._sqlite = SqliteTap(self._store)
        self._classes = ClassTap(self._store)
        self._alchemy = AlchemyTap(self._store, self._pools, self._transactions)
        self._calls = LongCalls()
        self._poll = ServerPoll(self._servers)

    def start(self) -> None:
        """Begin to time and to look."""
        self._install()
        self._calls.start()
        self._poll.start()

    def stop(self) -> None:
        """Put everything back; SQLite connections that are timed go on without being noted."""
        self._store.on = False
        self._sqlite.remove()
        self._classes.remove()
        self._alchemy.remove()
        self._calls.stop()
        self._poll.stop()

    def _install(self) -> None:
        """Find what the application has imported by now."""
        self._sqlite.install()
        self._classes.install()
        self._alchemy.install()

    def snapshot(self) -> dict[str, Any]:
        """Return counts, what is slow or repeated, who waits and who holds; asks no server, takes about 0.2 ms."""
        self._install()
        return {
            **self.stats(),
            "slow": self._store.slow(_SHOWN),
            "running_long": self._store.running(SLOW_SECONDS, _SHOWN),
            "repeats": self._store.repeats.rows(_SHOWN),
            "pools": self._pools.rows()[:_SHOWN],
            "open_transactions": self._transactions.count(),
            "transactions": self._transactions.rows(_SHOWN),
            "waits": self._calls.rows(_SHOWN),
            "servers": self._poll.rows(),
            "missing": self._missing(),
        }

    def checks(self) -> Sequence[Check]:
        """Return what is wrong with any program of which it holds."""
        return CHECKS

    def callback_docs(self) -> str:
        """Return the callbacks' documentation."""
        return DOCS

    def callbacks(self) -> Mapping[str, Callable[..., Any]]:
        """Return the callbacks; all of them only look."""
        return {
            "sql_stats": self.stats,
            "sql_statements": self.statements,
            "sql_slow": self.slow,
            "sql_running": self.running,
            "sql_waits": self.waits,
            "sql_repeats": self.repeats,
            "sql_pools": self.pools,
            "sql_transactions": self.transactions,
            "sql_db_cache_hit": self.db_cache_hit,
            **{f"sql_db_{name}": self._asking(name) for name in QUESTIONS if name != "cache_hit"},
        }

    # -- callbacks --------------------------------------------------------------------------------

    def stats(self) -> dict[str, Any]:
        """Return the counts in all."""
        return {
            "statements": self._store.total,
            "errors": self._store.errors,
            "seconds": round(self._store.seconds, 3),
            "connections": self._store.connections,
            "drivers": [*self._classes.drivers, *(["sqlalchemy"] if self._alchemy.is_in else [])],
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

    def repeats(self, limit: int = 10) -> list[dict[str, Any]]:
        """Return the statements that are sent again for each row of another."""
        return self._store.repeats.rows(_rows("sql_repeats", limit))

    def pools(self) -> list[dict[str, Any]]:
        """Return SQLAlchemy's pools and who holds their connections."""
        return self._pools.rows()

    def transactions(self, limit: int = 10) -> list[dict[str, Any]]:
        """Return the open transactions."""
        return self._transactions.rows(_rows("sql_transactions", limit))

    def db_cache_hit(self) -> list[dict[str, Any]]:
        """Return how often PostgreSQL found what it needed in memory."""
        return self._ask("cache_hit", 1)

    def _asking(self, question: str) -> Callable[..., Any]:
        def ask(limit: int = 20) -> list[dict[str, Any]]:
            return self._ask(question, _rows(f"sql_db_{question}", limit))

        return ask

    # -- servers ----------------------------------------------------------------------------------

    def _servers(self) -> dict[str, Server]:
        found = {label: server_of(label, engine) for label, engine in list(self._alchemy.engines.items())}
        return {**{label: server for label, server in found.items() if server is not None}, **self._given}

    def _ask(self, question: str, limit: int) -> list[dict[str, Any]]:
        servers = self._servers()
        if not servers:
            raise SkillError(
                "refused",
                f"sql_db_{question}: no PostgreSQL server is known: neither a synchronous SQLAlchemy engine was used "
                "since the start, nor was one given as Sql(servers={name: connect})",
            )
        return [
            {"server": name, **row}
            for name, each in servers.items()
            for row in each.rows(QUESTIONS[question], (limit,))
        ]

    def _missing(self) -> list[str]:
        missing = []
        if not (self._alchemy.is_in or self._classes.drivers or "sqlite3" in sys.modules):
            missing.append("statements: the application has imported no driver that is timed; see `waits`")
        if not self._alchemy.is_in:
            missing.append("pools and transactions: the application has not imported SQLAlchemy")
        if "sqlite3" in sys.modules and not self._store.connections:
            missing.append("sqlite3: no connection was made since the start; earlier ones are seen in `waits` only")
        if not self._servers():
            missing.append("servers: no PostgreSQL server is known")
        return missing


def _rows(name: str, limit: int) -> int:
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise SkillError(
            "bad_arguments", f"{name}: limit is {limit!r}; a whole number from 1 to {_MOST_ROWS} is expected"
        )
    return min(limit, _MOST_ROWS)
