"""The shop: its parts put together, and what is done for which path."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from beamlens.demo.shop.catalogue import Catalogue
from beamlens.demo.shop.database import Database
from beamlens.demo.shop.http import Request, Response
from beamlens.demo.shop.invoices import Invoices
from beamlens.demo.shop.orders import Orders
from beamlens.demo.shop.partners import Partner
from beamlens.demo.shop.pricing import Prices
from beamlens.demo.shop.shipping import Shipping
from beamlens.demo.shop.stock import Stock
from beamlens.demo.shop.switches import Switches
from beamlens.demo.shop.tracking import Tracker

__all__ = ["Shop"]

T = TypeVar("T")

logger = logging.getLogger("shop")

_THREADS: Final = 12


class Shop:
    """Answer requests: handlers that wait run on a pool's threads, the one that awaits on the event loop.

    Args:
        directory: of the database and the invoices.
        partners: host and port of the services of others.
        switches: what is wrong.
    """

    def __init__(self, directory: Path, partners: tuple[str, int], switches: Switches) -> None:
        self._database = Database(directory / "shop.db")
        self._tracker = Tracker(switches)
        partner = Partner(*partners)
        self._catalogue = Catalogue(self._database, Prices(switches), switches)
        stock, invoices = Stock(self._database, switches), Invoices(directory / "invoices", switches)
        self._orders = Orders(self._database, stock, partner, invoices, self._tracker)
        self._shipping = Shipping(partner, switches)
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="shop-worker")
        self._routes: dict[str, Callable[[Request], Awaitable[Any]]] = {
            "product": self._product,
            "search": self._search,
            "order": self._order,
            "shipping": self._quote,
        }

    async def answer(self, request: Request) -> Response:
        """Answer a request; an exception of a handler is logged and answered as 500, as frameworks do."""
        route = self._routes.get(request.path.split("/")[1])
        if route is None:
            return Response.of({"error": "there is no such page"}, 404)
        try:
            return Response.of(await route(request))
        except ValueError as error:
            return Response.of({"error": str(error)}, 400)
        except Exception:
            logger.exception("a request failed: %s /%s", request.method, request.path.split("/")[1])
            return Response.of({"error": "internal error"}, 500)

    def close(self) -> None:
        """Give back threads and connections."""
        self._pool.shutdown(cancel_futures=True)
        self._tracker.close()
        self._database.close()

    async def _product(self, request: Request) -> str:
        number, visitor = int(request.path.rpartition("/")[2]), request.query.get("visitor", "somebody")
        return await self._on_pool(lambda: self._catalogue.page(number, visitor))

    async def _search(self, request: Request) -> list[dict[str, Any]]:
        category = request.query.get("category", "books")
        return await self._on_pool(lambda: self._catalogue.search(category))

    async def _order(self, request: Request) -> dict[str, Any]:
        product, amount = int(request.query["product"]), int(request.query.get("amount", "1000"))
        return await self._on_pool(lambda: self._orders.place(product, amount))

    async def _quote(self, request: Request) -> dict[str, int]:
        return {"price": await self._shipping.quote(int(request.query.get("weight", "500")))}

    async def _on_pool(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)
