"""Web applications whose databases are asked badly, and such that ask them much but well; by SQLAlchemy and without."""

from __future__ import annotations

import sqlite3
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import QueuePool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

__all__ = [
    "busy_pool_of_connections",
    "busy_statements",
    "connections_kept_over_call",
    "customer_of_each_order",
    "customers_joined",
    "index_missing",
    "transaction_forgotten",
    "transactions_ended",
]

_directory = tempfile.TemporaryDirectory(prefix="shop-")
_local = threading.local()


def _app(handler: Any) -> Starlette:
    return Starlette(routes=[Route("/{number:int}", handler)])


def _answer(request: Request, value: Any = None) -> Response:
    return JSONResponse({"number": request.path_params["number"], "value": value})


# -- without SQLAlchemy -----------------------------------------------------------------------------------


def _fill(reviews: int, *, index: bool) -> Path:
    path = Path(_directory.name, "shop.db")
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT)")
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER)")
        connection.execute("CREATE TABLE reviews (id INTEGER PRIMARY KEY, product INTEGER, stars INTEGER, said TEXT)")
        if index:
            connection.execute("CREATE INDEX by_product ON reviews (product)")
        rows = [(number, f"customer {number}") for number in range(500)]
        connection.executemany("INSERT INTO customers VALUES (?, ?)", rows)
        connection.executemany("INSERT INTO orders VALUES (?, ?)", [(number, number) for number in range(500)])
        connection.executemany(
            "INSERT INTO reviews (product, stars, said) VALUES (?, ?, ?)",
            ((number % 997, number % 5, f"review {number} of a product") for number in range(reviews)),
        )
    return path


def _connection(path: Path) -> sqlite3.Connection:
    found = getattr(_local, "connection", None)
    if found is None:
        found = _local.connection = sqlite3.connect(path)
    connection: sqlite3.Connection = found
    return connection


def _stars(connection: sqlite3.Connection, number: int) -> Any:
    sql = "SELECT avg(stars), count(*), max(length(said)) FROM reviews WHERE product = ?"
    return connection.execute(sql, (number % 997,)).fetchone()


def index_missing() -> Starlette:
    """Read all reviews for each product, since no index fits."""
    return _reviewed(_fill(4_000_000, index=False))


def busy_statements() -> Starlette:
    """Read the same by an index."""
    return _reviewed(_fill(200_000, index=True))


def _reviewed(path: Path) -> Starlette:
    def show(request: Request) -> Response:
        return _answer(request, _stars(_connection(path), request.path_params["number"]))

    return _app(show)


def _customer(connection: sqlite3.Connection, number: int) -> Any:
    return connection.execute("SELECT name FROM customers WHERE id = ?", (number,)).fetchone()


def customer_of_each_order() -> Starlette:
    """Ask for each order's customer by itself."""
    path = _fill(10, index=True)

    def show(request: Request) -> Response:
        connection, first = _connection(path), request.path_params["number"] % 400
        orders = connection.execute("SELECT id, customer FROM orders WHERE id >= ? LIMIT 25", (first,)).fetchall()
        return _answer(request, [_customer(connection, customer) for _, customer in orders])

    return _app(show)


def customers_joined() -> Starlette:
    """Ask for orders and their customers at once; and for one customer, often."""
    path = _fill(10, index=True)

    def show(request: Request) -> Response:
        connection, number = _connection(path), request.path_params["number"] % 400
        if number % 10:
            return _answer(request, _customer(connection, number))
        sql = "SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer WHERE o.id >= ? LIMIT 25"
        return _answer(request, connection.execute(sql, (number,)).fetchall())

    return _app(show)


# -- with SQLAlchemy -----------------------------------------------------------------------------------------


def _engine(size: int) -> Engine:
    url = f"sqlite:///{_directory.name}/notes.db"
    engine = create_engine(url, poolclass=QueuePool, pool_size=size, max_overflow=0, pool_timeout=3)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE notes (number INTEGER)"))
        connection.execute(text("INSERT INTO notes VALUES (1)"))
    return engine


def _ask_payment() -> None:
    time.sleep(0.6)


def connections_kept_over_call() -> Starlette:
    """Keep a connection while the payment service is asked; a pool of five is soon empty."""
    engine = _engine(5)

    def show(request: Request) -> Response:
        if request.path_params["number"] % 5:
            return _answer(request)
        with engine.connect() as connection:
            count = connection.execute(text("SELECT count(*) FROM notes")).scalar()
            _ask_payment()
        return _answer(request, count)

    return _app(show)


def busy_pool_of_connections() -> Starlette:
    """Give the connection back first."""
    engine = _engine(5)

    def show(request: Request) -> Response:
        with engine.connect() as connection:
            count = connection.execute(text("SELECT count(*) FROM notes")).scalar()
        if request.path_params["number"] % 20 == 0:
            _ask_payment()
        return _answer(request, count)

    return _app(show)


_forgotten: list[Connection] = []


def _reserve(engine: Engine) -> None:
    """Write, and on the way that hardly anybody takes, do not commit."""
    connection = engine.connect()
    connection.execute(text("SELECT number FROM notes"))
    _forgotten.append(connection)


def transaction_forgotten() -> Starlette:
    """Leave a transaction open, for one request in a thousand."""
    engine = _engine(20)

    def show(request: Request) -> Response:
        if request.path_params["number"] % 1000 == 7:
            _reserve(engine)
        with engine.connect() as connection:
            return _answer(request, connection.execute(text("SELECT count(*) FROM notes")).scalar())

    return _app(show)


def transactions_ended() -> Starlette:
    """Write in a transaction for some requests, and end it."""
    engine = _engine(20)

    def show(request: Request) -> Response:
        if request.path_params["number"] % 10 == 7:
            with engine.begin() as connection:
                connection.execute(text("UPDATE notes SET number = number + 1"))
        with engine.connect() as connection:
            return _answer(request, connection.execute(text("SELECT count(*) FROM notes")).scalar())

    return _app(show)
