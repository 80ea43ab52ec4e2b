"""Web applications whose routes, partners, queues, logs or native calls go wrong, and such that are merely busy."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import logging
import queue
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

__all__ = [
    "backend_failing",
    "busy_log",
    "busy_partner",
    "busy_queue",
    "collecting_by_hand",
    "error_for_each",
    "hashing_in_threads",
    "missing_pages",
    "partner_hangs",
    "partner_slow",
    "pool_too_small",
    "queue_without_bound",
    "regular_expression",
    "requests_never_answered",
    "steady_partner",
    "steady_slow_route",
    "warning_for_each",
]

_log = logging.getLogger("shop.orders")


def _app(handler: Any) -> Starlette:
    return Starlette(routes=[Route("/{number:int}", handler)])


def _answer(request: Request, value: Any = None, status: int = 200) -> Response:
    return JSONResponse({"number": request.path_params["number"], "value": value}, status)


# -- routes ----------------------------------------------------------------------------------------------


def backend_failing() -> Starlette:
    """Answer 503 to one request in five, since something behind is down."""

    async def show(request: Request) -> Response:
        return _answer(request, status=503 if request.path_params["number"] % 5 == 0 else 200)

    return _app(show)


def missing_pages() -> Starlette:
    """Answer 404 to one request in five: somebody asks for what there is not."""

    async def show(request: Request) -> Response:
        return _answer(request, status=404 if request.path_params["number"] % 5 == 0 else 200)

    return _app(show)


_released = asyncio.Event()


async def _wait_for_approval(request: Request) -> Response:
    await _released.wait()
    return _answer(request)


def requests_never_answered() -> Starlette:
    """Have some requests wait for an event that nobody sets."""

    async def show(request: Request) -> Response:
        return await _wait_for_approval(request) if request.path_params["number"] % 100 == 0 else _answer(request)

    return _app(show)


def steady_slow_route() -> Starlette:
    """Take 400 ms for each request, as ever."""

    async def show(request: Request) -> Response:
        await asyncio.sleep(0.4)
        return _answer(request)

    return _app(show)


# -- partners --------------------------------------------------------------------------------------------


class _Partner(BaseHTTPRequestHandler):
    """Another company's service, which may become slow."""

    protocol_version = "HTTP/1.1"
    seconds = 0.02
    slow_after = 1e9
    began = 0.0

    def do_GET(self) -> None:
        """Answer, after a while."""
        kind = type(self)
        slow = time.monotonic() - kind.began > kind.slow_after
        time.sleep(1.5 if slow else kind.seconds)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _partner(seconds: float, slow_after: float = 1e9) -> str:
    kind = type("Partner", (_Partner,), {"seconds": seconds, "slow_after": slow_after, "began": time.monotonic()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, name="partner", daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}/"


def _asking(url: str, part: int, timeout: float | None = 5.0) -> Starlette:
    client = httpx.AsyncClient(timeout=timeout, limits=httpx.Limits(max_connections=200))

    async def show(request: Request) -> Response:
        if request.path_params["number"] % part:
            return _answer(request)
        return _answer(request, (await client.get(url)).status_code)

    return _app(show)


def partner_slow() -> Starlette:
    """Ask a partner that takes 20 ms, and after a while 1.5 s."""
    return _asking(_partner(0.02, slow_after=8.0), 10)


def partner_hangs() -> Starlette:
    """Ask a partner that accepts connections and never answers, without a timeout."""
    silent = socket.create_server(("127.0.0.1", 0), backlog=4000)
    _kept.append(silent)
    return _asking(f"http://127.0.0.1:{silent.getsockname()[1]}/", 100, timeout=None)


def busy_partner() -> Starlette:
    """Ask a quick partner, often."""
    return _asking(_partner(0.005), 2)


def steady_partner() -> Starlette:
    """Ask a partner that always takes 300 ms."""
    return _asking(_partner(0.3), 10)


_kept: list[Any] = []


# -- queues ----------------------------------------------------------------------------------------------

_orders: queue.Queue[int] = queue.Queue()


def _fulfil(seconds: float) -> None:
    while True:
        _orders.get()
        time.sleep(seconds)


def queue_without_bound() -> Starlette:
    """Queue an order for each request; one thread fulfils half of them in time."""
    return _ordering(0.02)


def busy_queue() -> Starlette:
    """Do the same; the thread keeps up."""
    return _ordering(0.002)


def _ordering(seconds: float) -> Starlette:
    threading.Thread(target=_fulfil, args=(seconds,), name="fulfil", daemon=True).start()

    async def show(request: Request) -> Response:
        _orders.put(request.path_params["number"])
        return _answer(request, _orders.qsize())

    return _app(show)


def pool_too_small() -> Starlette:
    """Give a pool of two threads more than two can do."""
    pool = ThreadPoolExecutor(2, thread_name_prefix="resize")

    async def show(request: Request) -> Response:
        if request.path_params["number"] % 2 == 0:
            pool.submit(time.sleep, 0.1)
        return _answer(request)

    return _app(show)


# -- logs ------------------------------------------------------------------------------------------------


def error_for_each() -> Starlette:
    """Log an error without an exception, for one request in ten."""

    async def show(request: Request) -> Response:
        if request.path_params["number"] % 10 == 0:
            _log.error("order %d could not be sent to the warehouse", request.path_params["number"])
        return _answer(request)

    return _app(show)


def warning_for_each() -> Starlette:
    """Log a warning for each request."""

    async def show(request: Request) -> Response:
        _log.warning("the field 'coupon' of order %d is deprecated", request.path_params["number"])
        return _answer(request)

    return _app(show)


def busy_log() -> Starlette:
    """Log each request as information, and rarely a warning."""
    _log.setLevel(logging.INFO)

    async def show(request: Request) -> Response:
        number = request.path_params["number"]
        _log.log(logging.INFO if number % 200 else logging.WARNING, "order %d was placed", number)
        return _answer(request)

    return _app(show)


# -- the interpreter's lock, and its collector -----------------------------------------------------------

_EMAIL: Final = re.compile(r"^(\w+\.?)+@shop$")
_LONG: Final = "a" * 24 + "!"


def _is_address(text: str) -> bool:
    return _EMAIL.match(text) is not None


def regular_expression() -> Starlette:
    """Match, in threads, an expression that takes exponential time, and the interpreter's lock all along."""

    async def show(request: Request) -> Response:
        if request.path_params["number"] % 100:
            return _answer(request)
        return _answer(request, await asyncio.to_thread(_is_address, _LONG))

    return _app(show)


def hashing_in_threads() -> Starlette:
    """Hash megabytes in threads, which needs no lock."""
    data = b"x" * 2_000_000

    async def show(request: Request) -> Response:
        if request.path_params["number"] % 10:
            return _answer(request)
        return _answer(request, await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest()))

    return _app(show)


def collecting_by_hand() -> Starlette:
    """Collect garbage by hand, now and then, in a program with four million objects."""
    _kept.append([[number] for number in range(4_000_000)])

    async def show(request: Request) -> Response:
        if request.path_params["number"] % 200 == 0:
            gc.collect()
        return _answer(request)

    return _app(show)
