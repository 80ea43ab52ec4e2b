"""A small shop's data access, as applications write it: faults and their healthy counterparts."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection, Engine

SECRET = "sk-live-4f9a8b7c6d5e"


def fill(connection: sqlite3.Connection, customers: int = 30) -> None:
    connection.execute("CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT)")
    connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER)")
    connection.executemany("INSERT INTO customers VALUES (?, ?)", [(n, f"customer {n}") for n in range(customers)])
    connection.executemany("INSERT INTO orders VALUES (?, ?)", [(n, n) for n in range(customers)])


def customer_of(connection: sqlite3.Connection, order: Any) -> Any:
    return connection.execute("SELECT name FROM customers WHERE id = ?", (order[1],)).fetchone()


def orders_page(connection: sqlite3.Connection) -> list[Any]:
    """Ask for each order's customer: N+1."""
    orders = connection.execute("SELECT id, customer FROM orders").fetchall()
    return [customer_of(connection, order) for order in orders]


def joined_page(connection: sqlite3.Connection) -> list[Any]:
    sql = "SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer"
    return connection.execute(sql).fetchall()


def one_page(connection: sqlite3.Connection, number: int) -> Any:
    """Ask once: many requests for it, one after the other, are no N+1."""
    return connection.execute("SELECT name FROM customers WHERE id = ?", (number,)).fetchone()


def slow_page(connection: sqlite3.Connection) -> Any:
    sql = f"""WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900000)
              SELECT count(*) FROM n WHERE '{SECRET}' <> 'x'"""
    return connection.execute(sql).fetchone()


def keep_connections(engine: Engine, count: int) -> list[Connection]:
    """Check out connections and go on with something else."""
    return [engine.connect() for _ in range(count)]


def forget_transaction(connection: Connection) -> None:
    """Write, and neither commit nor roll back."""
    connection.execute(text("INSERT INTO notes VALUES (1)"))


def ask_all(engine: Engine, numbers: Iterable[int]) -> None:
    """Ask for each of several rows, after one statement that listed them; by SQLAlchemy."""
    with engine.connect() as connection:
        connection.execute(text("SELECT 1 AS first")).fetchall()
        for number in numbers:
            connection.execute(text("SELECT :number + 1"), {"number": number}).fetchone()


def pause(seconds: float) -> None:
    time.sleep(seconds)
