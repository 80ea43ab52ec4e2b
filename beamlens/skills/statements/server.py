"""A PostgreSQL server asked about itself: read-only, over a connection of our own, each statement with a time limit."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from beamlens.errors import SkillError
from beamlens.skills.statements.fingerprint import fingerprint

__all__ = ["Server", "ServerPoll", "server_of"]

_SECONDS: Final = 3
_POLL_SECONDS: Final = 10.0
_SETTINGS: Final = (
    "SET default_transaction_read_only = on",
    f"SET statement_timeout = {_SECONDS * 1000}",
    "SET lock_timeout = 500",
    "SET application_name = 'beamlens'",
)
_STATEMENT_COLUMNS: Final = frozenset({"query", "blocking_query"})

Connect = Callable[[], Any]


class Server:
    """Ask one server. Any thread; each question has a connection of its own, so that nothing is kept open.

    Args:
        name: for people.
        connect: returns a new DB-API connection.
    """

    def __init__(self, name: str, connect: Connect) -> None:
        self.name = name
        self._connect = connect

    def rows(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[dict[str, Any]]:
        """Return a question's rows as plain data; texts of statements without their literals.

        Raises:
            SkillError: the server cannot be reached, or refuses; the text has no statement and no password.
        """
        try:
            connection = self._connect()
        except Exception as error:
            raise SkillError("refused", f"{self.name} cannot be reached: {type(error).__name__}") from None
        try:
            return self._ask(connection, sql, parameters)
        except Exception as error:
            raise SkillError("refused", f"{self.name} did not answer: {type(error).__name__}{_code(error)}") from None
        finally:
            connection.close()

    def _ask(self, connection: Any, sql: str, parameters: tuple[Any, ...]) -> list[dict[str, Any]]:
        cursor = connection.cursor()
        for setting in _SETTINGS:
            cursor.execute(setting)
        connection.commit()  # the settings are of the session; what follows is in a read-only transaction
        cursor.execute(sql, parameters or None)
        names = [column[0] for column in cursor.description]
        rows = [
            {name: _plain(name, value) for name, value in zip(names, row, strict=True)} for row in cursor.fetchall()
        ]
        connection.rollback()
        return rows


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if name in _STATEMENT_COLUMNS and isinstance(value, str):
        return fingerprint(value)
    return value


def _code(error: Exception) -> str:
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    return f" {state}" if isinstance(state, str) else ""


def server_of(label: str, engine: Any) -> Server | None:
    """Return the server of a SQLAlchemy engine; None where it is no PostgreSQL, or is asked asynchronously only.

    It connects as the engine does, but beside its pool, which may be exhausted.
    """
    dialect = engine.dialect
    if dialect.name != "postgresql" or getattr(dialect, "is_async", False):
        return None

    def connect() -> Any:
        args, kwargs = dialect.create_connect_args(engine.url)
        return dialect.loaded_dbapi.connect(*args, **kwargs)

    return Server(label, connect)


_ACTIVITY: Final = """
SELECT count(*) FILTER (WHERE state = 'active') AS active,
       count(*) AS connections,
       current_setting('max_connections')::int AS max_connections,
       coalesce(max(extract(epoch FROM now() - query_start)) FILTER (WHERE state = 'active'), 0)::float
         AS longest_active_seconds,
       coalesce(max(extract(epoch FROM now() - state_change))
         FILTER (WHERE state IN ('idle in transaction', 'idle in transaction (aborted)')), 0)::float
         AS idle_in_transaction_seconds,
       count(*) FILTER (WHERE wait_event_type = 'Lock') AS waiting_for_locks,
       coalesce(max(extract(epoch FROM now() - query_start)) FILTER (WHERE wait_event_type = 'Lock'), 0)::float
         AS longest_lock_wait_seconds
FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND datname = current_database()
"""


class ServerPoll:
    """Ask each server every 10 seconds how many connections it has and who waits, for the snapshot.

    Args:
        servers: returns the servers that are known now, by name.
    """

    def __init__(self, servers: Callable[[], Mapping[str, Server]]) -> None:
        self._servers = servers
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="beamlens-sql-server", daemon=True)
        self._rows: list[dict[str, Any]] = []

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(_SECONDS + 2.0)

    def rows(self) -> list[dict[str, Any]]:
        """Return the last answers, one of each server."""
        return self._rows

    def look(self) -> None:
        """Ask once."""
        self._rows = [self._one(name, server) for name, server in self._servers().items()]

    def _one(self, name: str, server: Server) -> dict[str, Any]:
        try:
            return {"key": name, **server.rows(_ACTIVITY)[0], "error": None}
        except SkillError as error:
            return {"key": name, "error": error.text}

    def _run(self) -> None:
        while not self._over.wait(_POLL_SECONDS):
            if not sys.is_finalizing():
                self.look()
