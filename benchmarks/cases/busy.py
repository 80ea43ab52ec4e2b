"""Web applications that are well but look as if they were not: bursts, many collections, errors now and then."""

from __future__ import annotations

import logging
import queue
import threading
import time
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

__all__ = ["bursts_that_drain", "errors_now_and_then", "short_lived_objects"]

_log = logging.getLogger("shop.basket")


def _app(handle: Any) -> Starlette:
    async def show(request: Request) -> Response:
        number = request.path_params["number"]
        return JSONResponse({"number": number, "value": handle(number)})

    return Starlette(routes=[Route("/{number:int}", show)])


def short_lived_objects() -> Starlette:
    """Make so many objects for each request that the collector runs all the time, and shortly."""
    return _app(lambda number: len([{"row": [row, number], "next": {}} for row in range(1_000)]))


def bursts_that_drain() -> Starlette:
    """Queue five hundred mails at once, now and then, which two threads send within seconds."""
    mails: queue.Queue[int] = queue.Queue()

    def send() -> None:
        while True:
            mails.get()
            time.sleep(0.01)

    for _ in range(2):
        threading.Thread(target=send, name="sender", daemon=True).start()

    def handle(number: int) -> int:
        if number % 1000 == 0:
            for mail in range(500):
                mails.put(mail)
        return mails.qsize()

    return _app(handle)


def errors_now_and_then() -> Starlette:
    """Log an error every few seconds, of another kind each time, and warn of some requests."""
    kinds = ("card was refused", "address is unknown", "voucher is over", "stock was counted wrongly")

    def handle(number: int) -> None:
        if number % 400 == 0:
            _log.error("order %d: %s", number, kinds[number // 400 % 4])
        if number % 25 == 0:
            _log.warning("order %d came without a language", number)

    return _app(handle)
