"""The shop works, and each of its faults is what it says, and is off at the start."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from beamlens.demo.shop.cache import PageCache
from beamlens.demo.shop.catalogue import _SEARCH, _SEARCH_RANKED, pages
from beamlens.demo.shop.database import Database
from beamlens.demo.shop.partners import Partner
from beamlens.demo.shop.pricing import Prices
from beamlens.demo.shop.server import WebServer
from beamlens.demo.shop.shipping import Shipping
from beamlens.demo.shop.stock import Stock
from beamlens.demo.shop.switches import Switches
from supervision.testing import wait_until


class Customer:
    """Ask over one connection that stays open."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)

    def get(self, path: str) -> tuple[int, bytes]:
        self.connection.request("GET", path)
        answer = self.connection.getresponse()
        return answer.status, answer.read()


@pytest.fixture
def switches() -> Switches:
    return Switches()


@pytest.fixture
def customer(tmp_path: Path, partner: tuple[str, int], switches: Switches) -> Iterator[Customer]:
    server = WebServer.start(tmp_path, partner, switches)
    customer = Customer(server.ask("port", block=True))
    yield customer
    customer.connection.close()
    server.stop()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "shop.db")
    yield database
    database.close()


def test_a_customer_reads_searches_orders_and_asks_for_shipping_over_one_connection(customer: Customer) -> None:
    status, page = customer.get("/product/7?visitor=ann")
    assert (status, b"for ann" in page) == (200, True)
    status, found = customer.get("/search?category=books")
    assert (status, len(json.loads(found))) == (200, 40)
    status, order = customer.get("/order?product=7&amount=1999")
    assert (status, json.loads(order)) == (200, {"order": 1, "receipt": "R1"})
    assert customer.get("/shipping?weight=500") == (200, b'{"price": 440}')


def test_what_makes_no_sense_is_refused(customer: Customer) -> None:
    assert customer.get("/nowhere")[0] == 404
    assert customer.get("/product/seven")[0] == 400
    assert customer.get("/product/999999")[0] == 500  # a LookupError that nobody expected
    with socket.create_connection(("127.0.0.1", customer.port), timeout=20) as raw:
        raw.sendall(b"nonsense\r\n\r\n")
        assert raw.recv(1000).startswith(b"HTTP/1.1 400 ")
        assert raw.recv(1000) == b""
    with socket.create_connection(("127.0.0.1", customer.port), timeout=20) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(100)) + b"\r\n")
        assert raw.recv(1000).startswith(b"HTTP/1.1 400 ")


def test_a_connection_is_closed_on_request(customer: Customer) -> None:
    with socket.create_connection(("127.0.0.1", customer.port), timeout=20) as raw:
        raw.sendall(b"GET /search HTTP/1.1\r\nConnection: close\r\n\r\n")
        received = b""
        while part := raw.recv(65536):
            received += part
    assert received.startswith(b"HTTP/1.1 200 OK")


def test_no_switch_is_on_at_the_start_and_unknown_ones_are_refused(switches: Switches) -> None:
    assert not any(getattr(switches, name) for name in Switches.__slots__)
    with pytest.raises(ValueError, match=r"no fault 'x'; there are: cache, lock"):
        switches.set("x", True)


# -- faults -------------------------------------------------------------------------------------


def test_cache_is_bounded_until_the_fault(customer: Customer, switches: Switches) -> None:
    bound = pages.max_entries
    assert bound is not None
    for visitor in range(bound + 20):
        customer.get(f"/product/7?visitor={visitor}")
    assert len(pages) == bound
    switches.set("cache", True)
    for visitor in range(20):
        customer.get(f"/product/8?visitor={visitor}")
    assert len(pages) == bound + 20
    switches.set("cache", False)
    customer.get("/product/9")
    assert len(pages) == bound


def test_the_least_recently_used_page_goes_first() -> None:
    cache = PageCache(2)
    for key in ("a", "b", "a", "c"):
        cache.get(key, lambda: "page")
    assert list(cache._entries) == ["a", "c"]


def _sold_side_by_side(stock: Stock) -> bool:
    """Tell whether two customers can pay at the same time."""
    meeting = threading.Barrier(2)

    def pay() -> bool:
        try:
            meeting.wait(1.0)
        except threading.BrokenBarrierError:
            return False
        return True

    paid: list[bool] = []
    threads = [threading.Thread(target=lambda: paid.append(stock.sell(1, pay))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return all(paid)


def test_lock_is_held_over_the_payment_only_with_the_fault(database: Database, switches: Switches) -> None:
    stock = Stock(database, switches)
    assert _sold_side_by_side(stock)
    switches.set("lock", True)
    assert not _sold_side_by_side(stock)
    assert database.query("SELECT stock FROM products WHERE id = 1")[0]["stock"] == 1_000_000 - 4


async def _ticks_meanwhile(shipping: Shipping) -> int:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.005)

    ticking = asyncio.create_task(tick())
    assert await shipping.quote(500) == 440
    ticking.cancel()
    return ticks


def test_loop_stands_still_only_with_the_fault(partner: tuple[str, int], switches: Switches) -> None:
    shipping = Shipping(Partner(*partner), switches)
    assert asyncio.run(_ticks_meanwhile(shipping)) > 5
    switches.set("loop", True)
    assert asyncio.run(_ticks_meanwhile(shipping)) <= 1


def test_threads_are_left_only_with_the_fault_and_end_with_the_shop(customer: Customer, switches: Switches) -> None:
    def parcels() -> int:
        return sum(thread.name.startswith("parcel-") for thread in threading.enumerate())

    customer.get("/order?product=7")
    assert parcels() == 0
    switches.set("threads", True)
    for _ in range(5):
        customer.get("/order?product=7")
    assert parcels() == 5  # that they end, the leak guard of all tests says


def test_exceptions_come_only_with_the_fault(customer: Customer, switches: Switches) -> None:
    assert {customer.get(f"/product/{number}")[0] for number in range(1, 30)} == {200}
    switches.set("exceptions", True)
    assert {customer.get(f"/product/{number}?visitor=new")[0] for number in range(1, 30)} == {200, 500}
    prices = Prices(switches)
    assert prices.of(1000, "spring") == 900
    with pytest.raises(KeyError):
        prices.of(1000, None)


def test_descriptors_are_left_only_with_the_fault(customer: Customer, switches: Switches, tmp_path: Path) -> None:
    def invoices() -> list[int]:
        numbers = map(int, os.listdir("/proc/self/fd"))
        return [number for number in numbers if "/invoices/" in _target(number)]

    customer.get("/order?product=7")
    assert invoices() == []
    switches.set("descriptors", True)
    for _ in range(5):
        customer.get("/order?product=7")
    left = invoices()
    for number in left:
        os.close(number)  # the shop forgot them
    assert len(left) == 5
    assert len(list((tmp_path / "invoices").iterdir())) == 6


def _target(number: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{number}")
    except OSError:
        return ""


@pytest.mark.parametrize(("sql", "scans"), [(_SEARCH, False), (_SEARCH_RANKED, True)])
def test_query_reads_all_reviews_only_with_the_fault(database: Database, sql: str, scans: bool) -> None:
    plan = [str(row["detail"]) for row in database.query(f"EXPLAIN QUERY PLAN {sql}", "books")]
    assert any(step.startswith("SCAN r") for step in plan) is scans
    assert any("USING INDEX products_by_category" in step for step in plan)


def test_search_answers_with_the_fault_too(customer: Customer, switches: Switches) -> None:
    switches.set("query", True)
    status, found = customer.get("/search?category=toys")
    assert status == 200
    assert 0 < len(json.loads(found)) <= 40


def test_close_waits_for_what_runs(tmp_path: Path, partner: tuple[str, int]) -> None:
    server = WebServer.start(tmp_path, partner, Switches())
    customer = Customer(server.ask("port", block=True))
    done: list[int] = []
    thread = threading.Thread(target=lambda: done.append(customer.get("/search?category=books")[0]))
    thread.start()
    wait_until(lambda: bool(done))
    server.stop()
    thread.join()
    customer.connection.close()
    assert done == [200]
