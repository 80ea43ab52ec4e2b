"""The default store: SQLite, in a file or in memory."""

from __future__ import annotations

import os
import sqlite3
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from beamlens.errors import ConfigurationError
from beamlens.legion.store.sql import SqlStore

__all__ = ["SqliteStore"]

_PATIENCE = 30.0  # seconds for another program's transaction to end


class SqliteStore(SqlStore):
    """Keep agents in SQLite. Any thread, several programs at the same file.

    Args:
        path: of the file, which only its owner may read; None: in memory, as long as the program runs. Agents survive
            the death of their processes either way.
        clock: for tests.

    Raises:
        ConfigurationError: the file cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, clock: Callable[[], float] = time.time) -> None:
        super().__init__(clock)
        name = ":memory:" if path is None else os.fspath(path)
        try:
            if path is not None:
                Path(name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                os.close(os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._connection = sqlite3.connect(name, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
            if path is None:
                # A tree drops the store that it made for itself and closes nothing; Python 3.13 would complain of that.
                weakref.finalize(self, self._connection.close)
            self._connection.execute("PRAGMA journal_mode = WAL")
            # A crash of the machine may lose the last turns, one of the program loses nothing.
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self.create_tables()
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationError(f"the store {name} cannot be opened: {error}") from error

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Yield a cursor of a transaction that no other one writes beside."""
        cursor = self._connection.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        try:
            yield cursor
        except BaseException:
            cursor.execute("ROLLBACK")
            raise
        else:
            cursor.execute("COMMIT")
        finally:
            cursor.close()

    def identity_filter(self, column: str, identity: dict[str, str]) -> tuple[str, list[Any]]:
        """Return a condition that holds where a JSON column contains an identity."""
        if not identity:
            return "1 = 1", []
        one = f"EXISTS (SELECT 1 FROM json_each({column}) AS entry WHERE entry.key = ? AND entry.value = ?)"
        return " AND ".join([one] * len(identity)), [text for entry in identity.items() for text in entry]

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()
