"""Web applications that behave, after a while, otherwise than they used to, within what would be fine for others."""

from __future__ import annotations

import asyncio
import logging
import math
import queue
import random
import threading
import time
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

__all__ = ["cache_lost", "importer_falls_silent", "noisy_and_stationary", "slow_tide"]

_log = logging.getLogger("shop.importer")
_CHANGED_AFTER: Final = 60.0


def _app(seconds: Any) -> Starlette:
    async def show(request: Request) -> Response:
        await asyncio.sleep(seconds())
        return JSONResponse({"number": request.path_params["number"]})

    return Starlette(routes=[Route("/{number:int}", show)])


def cache_lost() -> Starlette:
    """Answer within 5 ms, until the cache in front of the database is lost; then within 60 ms."""
    began, chance = time.monotonic(), random.Random(3)
    return _app(lambda: chance.gauss(0.06 if time.monotonic() - began > _CHANGED_AFTER else 0.005, 0.001))


def importer_falls_silent() -> Starlette:
    """Import what partners deliver, a few things a second, until a partner's certificate ends and nothing comes."""
    delivered: queue.Queue[int] = queue.Queue()
    began = time.monotonic()

    def deliver() -> None:
        while time.monotonic() - began < _CHANGED_AFTER:
            delivered.put(1)
            time.sleep(0.1)

    def take() -> None:
        while True:
            _log.info("delivery of %d things imported", delivered.get())

    _log.setLevel(logging.INFO)
    for work in (deliver, take):
        threading.Thread(target=work, name=work.__name__, daemon=True).start()
    return _app(lambda: 0.005)


def noisy_and_stationary() -> Starlette:
    """Answer within 5 to 80 ms, as it happens, and log now and then."""
    chance = random.Random(5)
    _log.setLevel(logging.INFO)

    def seconds() -> float:
        if chance.random() < 0.1:
            _log.info("a slow one")
        return 0.005 + 0.02 * chance.expovariate(1.0)

    return _app(seconds)


def slow_tide() -> Starlette:
    """Answer more slowly and more quickly by turns, as the day goes."""
    began = time.monotonic()
    return _app(lambda: 0.03 + 0.01 * math.sin((time.monotonic() - began) / 4.0))
