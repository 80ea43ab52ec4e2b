"""Web applications that are changed while they run, to their harm; and such in which nothing changes but the time."""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
import tempfile
import threading
import tracemalloc
from pathlib import Path
from typing import Any, Final

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks.cases.traffic import _partner

__all__ = [
    "code_replaced",
    "debugging_a_quiet_part",
    "debugging_left_on",
    "modules_needed_later",
    "partner_moved",
    "settings_read_again",
    "tracing_for_a_moment",
    "tracing_left_on",
]

_log = logging.getLogger("shop.checkout")
_CHANGED_AFTER: Final = 15.0


class Config:
    """Hold what an administrator may set."""

    def __init__(self, partner: str = "") -> None:
        self.partner = partner
        self.retries = 3


config = Config()


def _app(handler: Any) -> Starlette:
    return Starlette(routes=[Route("/{number:int}", handler)])


def _answer(request: Request, value: Any = None, status: int = 200) -> Response:
    return JSONResponse({"number": request.path_params["number"], "value": value}, status)


def _later(change: Any, seconds: float = _CHANGED_AFTER) -> None:
    timer = threading.Timer(seconds, change)
    timer.daemon = True
    timer.start()


# -- logs and tracing ------------------------------------------------------------------------------------


class _AsJson(logging.Formatter):
    """Format as many log collectors want it."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "at": self.formatTime(record),
            "level": record.levelname,
            "line": record.lineno,
            "file": record.pathname,
        }
        return json.dumps(told | {"logger": record.name, "thread": record.threadName, "message": record.getMessage()})


def debugging_left_on() -> Starlette:
    """Let somebody turn on debugging to look at something, who forgets to turn it off."""
    handler = logging.StreamHandler(open(os.devnull, "w"))  # noqa: SIM115 - as long as the program
    handler.setFormatter(_AsJson())
    _log.addHandler(handler)
    _log.propagate = False
    _log.setLevel(logging.INFO)
    _later(lambda: _log.setLevel(logging.DEBUG))

    async def show(request: Request) -> Response:
        for step in range(100):
            _log.debug("step %d of order %d: %s", step, request.path_params["number"], request.scope)
        return _answer(request)

    return _app(show)


def debugging_a_quiet_part() -> Starlette:
    """Let somebody turn on debugging for a part that says little."""
    _log.setLevel(logging.INFO)
    _later(lambda: _log.setLevel(logging.DEBUG))

    async def show(request: Request) -> Response:
        if request.path_params["number"] % 20 == 0:
            _log.debug("order %d came by %s", request.path_params["number"], request.method)
        return _answer(request)

    return _app(show)


def tracing_left_on() -> Starlette:
    """Let somebody trace allocations to look at something, who forgets to stop it."""
    _later(lambda: tracemalloc.start(10))
    return _listing()


def tracing_for_a_moment() -> Starlette:
    """Let somebody trace allocations for ten seconds, twice."""
    for seconds in (10.0, 40.0):
        _later(lambda: tracemalloc.start(10), seconds)
        _later(tracemalloc.stop, seconds + 10.0)
    return _listing()


def _listing() -> Starlette:
    async def show(request: Request) -> Response:
        return _answer(request, [str(each) for each in range(50)])

    return _app(show)


# -- settings --------------------------------------------------------------------------------------------


def partner_moved() -> Starlette:
    """Have the partner's address changed to one that answers slowly."""
    config.partner = _partner(0.02)
    slow = _partner(1.6)
    _later(lambda: setattr(config, "partner", slow))
    return _asking()


def settings_read_again() -> Starlette:
    """Read the settings anew, again and again; they say the same."""
    address = _partner(0.02)

    def read() -> None:
        config.partner = str(address)
        config.retries = int("3")
        os.environ["SHOP_REGION"] = "north"
        _later(read, 1.0)

    read()
    return _asking()


def _asking() -> Starlette:
    client = httpx.AsyncClient(timeout=10.0)

    async def show(request: Request) -> Response:
        if request.path_params["number"] % 10:
            return _answer(request)
        return _answer(request, (await client.get(config.partner)).status_code)

    return _app(show)


# -- code ------------------------------------------------------------------------------------------------

_STOCK: Final = "def left(number):\n    return number % 7\n"
_LABELS: Final = "from {package}.stock import left\n\n\ndef label(number):\n    return f'{{left(number)}} left'\n"
_NEW_STOCK: Final = "def available(number, region='north'):\n    return number % 7\n"
_NEW_LABELS: Final = _LABELS.replace("left(", "available(").replace("import left", "import available")


def _package(name: str) -> Path:
    directory = Path(tempfile.mkdtemp(prefix="shop-")) / name
    directory.mkdir()
    (directory / "__init__.py").write_text("")
    (directory / "stock.py").write_text(_STOCK)
    (directory / "labels.py").write_text(_LABELS.format(package=name))
    sys.path.insert(0, str(directory.parent))
    return directory


def code_replaced() -> Starlette:
    """Have new code put over the old one, of which a part is loaded and another part is needed only now and then."""
    directory = _package("warehouse")
    stock = importlib.import_module("warehouse.stock")

    def deploy() -> None:
        (directory / "stock.py").write_text(_NEW_STOCK)
        (directory / "labels.py").write_text(_NEW_LABELS.format(package="warehouse"))

    _later(deploy, 8.0)

    async def show(request: Request) -> Response:
        number = request.path_params["number"]
        if number < 1000 or number % 10:
            return _answer(request, stock.left(number))
        try:
            return _answer(request, importlib.import_module("warehouse.labels").label(number))
        except ImportError:
            _log.exception("no label for order %d", number)
            return _answer(request, status=500)

    return _app(show)


def modules_needed_later() -> Starlette:
    """Import modules only when they are needed, and write new packages beside the program, which nothing loads."""
    directory = _package("storehouse")
    stock = importlib.import_module("storehouse.stock")
    later = ["wave", "colorsys", "sndhdr", "chunk", "plistlib", "netrc", "fileinput", "cmd"]

    async def show(request: Request) -> Response:
        number = request.path_params["number"]
        if number % 200 == 0 and later:
            name = later.pop()
            (directory / f"{name}_labels.py").write_text(_LABELS.format(package="storehouse"))
            importlib.import_module(f"storehouse.{name}_labels")
        return _answer(request, stock.left(number))

    return _app(show)
