"""The shop's database: SQLite in a file, a connection for each thread."""

from __future__ import annotations

import random
import sqlite3
import threading
from pathlib import Path
from typing import Any, Final

__all__ = ["Database"]

_PRODUCTS: Final = 2000
_REVIEWS: Final = 180_000  # so that reading them all is slow on a quick machine, too
_SCHEMA: Final = """
CREATE TABLE products (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, category TEXT NOT NULL, price INTEGER NOT NULL,
    campaign TEXT, stock INTEGER NOT NULL
);
CREATE TABLE reviews (id INTEGER PRIMARY KEY, product INTEGER NOT NULL, stars INTEGER NOT NULL, text TEXT NOT NULL);
CREATE TABLE orders (id INTEGER PRIMARY KEY, product INTEGER NOT NULL, amount INTEGER NOT NULL, receipt TEXT NOT NULL);
CREATE INDEX products_by_category ON products (category, price);
CREATE INDEX reviews_by_product ON reviews (product);
"""
_CATEGORIES: Final = ("books", "games", "garden", "kitchen", "music", "shoes", "tools", "toys")
_CAMPAIGNS: Final = ("spring", "clearance", None, None, None)


class Database:
    """Hold the connections. Any thread.

    Args:
        path: of the file; made and filled where there is none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        if not path.exists():
            self._fill()

    def query(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Return the rows of a query."""
        return self._connection().execute(sql, values).fetchall()

    def change(self, sql: str, *values: Any) -> int:
        """Do a statement in a transaction of its own; return the number of the row that it added."""
        connection = self._connection()
        with connection:
            return connection.execute(sql, values).lastrowid or 0

    def close(self) -> None:
        """Close all connections; nobody may be using one."""
        while self._opened:
            self._opened.pop().close()

    def _connection(self) -> sqlite3.Connection:
        known: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if known is None:
            known = sqlite3.connect(self._path, timeout=10.0, check_same_thread=False)
            known.row_factory = sqlite3.Row
            known.execute("PRAGMA synchronous = OFF")
            self._local.connection = known
            self._opened.append(known)
        return known

    def _fill(self) -> None:
        chance = random.Random(7)
        products = [
            (f"{chance.choice(_CATEGORIES)} no. {number}", chance.choice(_CATEGORIES), chance.randrange(100, 20_000),
             chance.choice(_CAMPAIGNS), 1_000_000)
            for number in range(_PRODUCTS)
        ]  # fmt: skip
        reviews = [(chance.randrange(1, _PRODUCTS), chance.randrange(1, 6), "as described") for _ in range(_REVIEWS)]
        connection = sqlite3.connect(self._path)
        with connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_SCHEMA)
            connection.executemany(
                "INSERT INTO products (name, category, price, campaign, stock) VALUES (?, ?, ?, ?, ?)", products
            )
            connection.executemany("INSERT INTO reviews (product, stars, text) VALUES (?, ?, ?)", reviews)
        connection.close()
