"""Web applications whose freed memory lies in pieces, and such that use much memory and give it back."""

from __future__ import annotations

import threading
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

__all__ = ["catalogue_in_memory", "large_buffers_given_back", "rows_among_rows", "texts_among_texts"]

_IMPORT_AFTER: Final = 3.0
_kept: list[Any] = []


def _app() -> Starlette:
    async def show(request: Request) -> Response:
        return JSONResponse({"number": request.path_params["number"], "kept": len(_kept)})

    return Starlette(routes=[Route("/{number:int}", show)])


def _later(work: Any, seconds: float = _IMPORT_AFTER) -> None:
    timer = threading.Timer(seconds, work)
    timer.daemon = True
    timer.start()


def rows_among_rows() -> Starlette:
    """Import a large table of small rows once and keep one row in five hundred, which lie all over the heap."""

    def import_table() -> None:
        rows = [(number, f"customer {number} of the northern branch", number * 0.5) for number in range(2_500_000)]
        _kept.extend(rows[::500])

    _later(import_table)
    return _app()


def texts_among_texts() -> Starlette:
    """Read a quarter of a million texts of one to three KB once, and keep one in a hundred: the heap cannot shrink."""

    def read_texts() -> None:
        texts = [b"x" * (1000 + number % 2000) for number in range(250_000)]
        _kept.extend(texts[::100])

    _later(read_texts)
    return _app()


def catalogue_in_memory() -> Starlette:
    """Hold a large catalogue for good, and need all of it."""
    _kept.extend(f"article {number} of the northern branch" for number in range(2_500_000))
    return _app()


def large_buffers_given_back() -> Starlette:
    """Need hundreds of megabytes for a moment, again and again, in buffers that the system gets back."""

    def convert() -> None:
        buffers = [bytearray(b"x" * 8_000_000) for _ in range(40)]
        _kept[:] = [len(each) for each in buffers]
        _later(convert, 5.0)

    _later(convert)
    return _app()
