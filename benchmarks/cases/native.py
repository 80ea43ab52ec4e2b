"""Web applications whose event loop calls C code that keeps the interpreter lock: for seconds, or for a moment."""

from __future__ import annotations

import random
import re
import time
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

__all__ = ["expression_explodes", "expressions_match", "large_list_sorted", "small_lists_sorted"]

_SECONDS: Final = 2.0
_EVERY: Final = 300
_POSTCODE: Final = re.compile(r"^(\w+-?)+ shop$")


def _app(handle: Any) -> Starlette:
    async def show(request: Request) -> Response:
        number = request.path_params["number"]
        return JSONResponse({"number": number, "value": handle(number)})

    return Starlette(routes=[Route("/{number:int}", show)])


def _is_postcode(text: str) -> bool:
    return _POSTCODE.match(text) is not None


def _exploding() -> str:
    """Return a text for which the expression takes seconds on this machine."""
    for length in range(12, 60):
        text, began = "a" * length + "!", time.perf_counter()
        _is_postcode(text)
        if time.perf_counter() - began >= _SECONDS:
            return text
    raise AssertionError("a regular expression of exponential time was quick for 60 letters")


def expression_explodes() -> Starlette:
    """Match, now and then, a text for which the expression takes seconds."""
    text = _exploding()
    return _app(lambda number: _is_postcode(text if number % _EVERY == 0 else "ab-12 shop"))


def expressions_match() -> Starlette:
    """Match many texts for each request, quickly."""
    return _app(lambda number: sum(_is_postcode(f"ab-{each} shop") for each in range(200)))


def _ranked(prices: list[float]) -> float:
    return sorted(prices)[len(prices) // 2]


def large_list_sorted() -> Starlette:
    """Sort, now and then, all prices there are."""
    chance = random.Random(1)
    prices = [chance.random() for _ in range(1_000_000)]
    began = time.perf_counter()
    _ranked(prices)
    prices *= 1 + int(_SECONDS / (time.perf_counter() - began))
    random.Random(2).shuffle(prices)
    return _app(lambda number: _ranked(prices) if number % _EVERY == 0 else 0.0)


def small_lists_sorted() -> Starlette:
    """Sort some prices for each request."""
    chance = random.Random(1)
    prices = [chance.random() for _ in range(5_000)]
    return _app(lambda number: _ranked(prices))
