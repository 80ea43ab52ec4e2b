"""A store in PostgreSQL, for several programs on several machines; needs the extra `postgres`."""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from beamlens.errors import ConfigurationError
from beamlens.legion.store.sql import SqlStore

__all__ = ["PostgresStore"]

_LOCK = 0x6C6567696F6E  # "legion", the number of the advisory lock

_CONNECT_SECONDS = 10


class PostgresStore(SqlStore):
    """Keep agents in PostgreSQL. Any thread, any number of programs.

    A connection that was lost is made anew at the next call; the call in which it was lost raises.

    Args:
        conninfo: how to connect, such as `postgresql://user@host/database`.
        clock: for tests.

    Raises:
        ConfigurationError: psycopg is not installed, or the server cannot be reached.
    """

    blob: ClassVar[str] = "BYTEA"
    mark: ClassVar[str] = "%s"

    def __init__(self, conninfo: str, clock: Callable[[], float] = time.time) -> None:
        super().__init__(clock)
        try:
            psycopg = importlib.import_module("psycopg")
        except ImportError as error:
            raise ConfigurationError("PostgresStore needs psycopg: pip install 'beamlens[postgres]'") from error
        self._psycopg = psycopg
        self._conninfo = conninfo
        self._connection: Any = None
        try:
            self.create_tables()
        except psycopg.OperationalError as error:
            raise ConfigurationError(f"the store cannot be reached: {error}") from error

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Yield a cursor of a transaction that no other one of Legion's is beside."""
        if self._connection is None or self._connection.closed or self._connection.broken:
            own = {} if "connect_timeout" in self._conninfo else {"connect_timeout": _CONNECT_SECONDS}
            self._connection = self._psycopg.connect(self._conninfo, **own)
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            yield cursor

    def identity_filter(self, column: str, identity: dict[str, str]) -> tuple[str, list[Any]]:
        """Return a condition that holds where a JSON column contains an identity."""
        return f"CAST({column} AS JSONB) @> CAST(? AS JSONB)", [json.dumps(identity)]

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
