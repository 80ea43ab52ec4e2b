"""A web application as many are: Starlette with a middleware, JSON routes, and one that works in the thread pool."""

from __future__ import annotations

import sqlite3
import threading
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

__all__ = ["build"]

_PRODUCTS: dict[int, dict[str, Any]] = {
    number: {"id": number, "name": f"product {number}", "price": 100 + number % 97, "tags": ["a", "b", str(number % 7)]}
    for number in range(2000)
}
_local = threading.local()


async def _home(request: Request) -> Response:
    return JSONResponse({"status": "ok", "products": len(_PRODUCTS)})


async def _product(request: Request) -> Response:
    found = _PRODUCTS.get(request.path_params["number"])
    return JSONResponse(found if found is not None else {"error": "no such product"}, 200 if found else 404)


async def _search(request: Request) -> Response:
    tag = request.query_params.get("tag", "0")
    found = [each for number in range(0, 2000, 10) if tag in (each := _PRODUCTS[number])["tags"]]
    return JSONResponse({"found": sorted(found, key=lambda each: each["price"])[:20]})


def _report(request: Request) -> Response:
    rows = _connection().execute("SELECT tag, count(*), sum(price) FROM sales GROUP BY tag ORDER BY tag").fetchall()
    return JSONResponse([{"tag": tag, "count": count, "sum": total} for tag, count, total in rows])


def _connection() -> sqlite3.Connection:
    """Return this thread's connection, to a small database of its own."""
    found: Any = getattr(_local, "connection", None)
    if found is None:
        found = _local.connection = sqlite3.connect(":memory:")
        found.execute("CREATE TABLE sales (tag TEXT, price INTEGER)")
        found.executemany("INSERT INTO sales VALUES (?, ?)", [(str(each % 7), each % 97) for each in range(300)])
    connection: sqlite3.Connection = found
    return connection


def build() -> Starlette:
    """Return the application."""
    routes = [
        Route("/", _home),
        Route("/products/{number:int}", _product),
        Route("/search", _search),
        Route("/report", _report),
    ]
    return Starlette(routes=routes, middleware=[Middleware(GZipMiddleware, minimum_size=4000)])
