"""Small real programs that log, sick and healthy."""

from __future__ import annotations

import logging
import threading
import time

logger = logging.getLogger("shop.orders")


class Collected(logging.Handler):
    """Make the message, as handlers do, and keep nothing."""

    def emit(self, record: logging.LogRecord) -> None:
        self.format(record)


class Slow(Collected):
    """Write to a disk that takes its time."""

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        time.sleep(0.05)


def _configured(handler: logging.Handler) -> None:
    logging.root.addHandler(handler)
    logging.root.setLevel(logging.INFO)


def place(number: int) -> None:
    try:
        raise ConnectionError("postgres://shop:hunter2secret@db refused")
    except ConnectionError:
        logger.exception("order %d of customer %s failed", number, f"c{number}@example.com")


def failing(ended: threading.Event) -> None:
    _configured(Collected())
    number = 0
    while not ended.wait(0.02):
        number += 1
        place(number)


def refused(ended: threading.Event) -> None:
    """Log errors without an exception, to a logger that does not propagate."""
    own = logging.getLogger("uvicorn.error")
    own.propagate = False
    own.addHandler(Collected())
    while not ended.wait(0.02):
        own.error("Invalid HTTP request received.")


def warning_storm(ended: threading.Event) -> None:
    _configured(Collected())
    while not ended.wait(0.005):
        logger.warning("the pool is full, discarding connection to %s", "10.0.0.1")


def chatty(ended: threading.Event) -> None:
    """Compute long texts for records of which nobody asked so many."""
    _configured(Collected())

    class Long(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            text = super().format(record)
            return "".join(f"{text}{number}" for number in range(2000))

    logging.root.handlers[-1].setFormatter(Long())
    while not ended.wait(0.0002):
        logger.info("row %s", {"id": 1})


def slow_disk(ended: threading.Event) -> None:
    _configured(Slow())
    while not ended.wait(0.001):
        logger.info("request served")


def busy_and_well(ended: threading.Event) -> None:
    """Log each of many requests, and now and then something that went wrong."""
    _configured(Collected())
    access = logging.getLogger("uvicorn.access")
    access.propagate = False
    access.addHandler(Collected())
    number = 0
    while not ended.wait(0.01):
        for _ in range(5):
            number += 1
            access.info('%s - "%s %s" %d', "127.0.0.1", "GET", f"/items/{number}", 200)
        if number % 500 == 0:
            place(number)
        if number % 100 == 0:
            logger.warning("item %d is nearly sold out", number)


def serve_with_uvicorn(ended: threading.Event) -> None:
    """Be a real ASGI server, with the logging that it configures itself: its loggers do not propagate."""
    import socket
    import urllib.request

    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def fails(_: Request) -> PlainTextResponse:
        raise LookupError("no such item: hunter2secret")

    app = Starlette(routes=[Route("/", lambda _: PlainTextResponse("well")), Route("/fails", fails)])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not ended.wait(0.01):
            for path in ("/", "/fails"):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{listening.getsockname()[1]}{path}", timeout=5).read()
                except OSError:
                    continue
        server.should_exit = True
        thread.join(20)
