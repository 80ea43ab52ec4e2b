"""Web applications at the limits of their machine or container, and such that use much and stay within."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections import OrderedDict
from typing import Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks.cases.surroundings import directory_given

__all__ = [
    "cache_larger_than_container",
    "cache_that_fits",
    "signatures_held_back",
    "signatures_with_room",
    "spool_never_emptied",
    "spool_that_rotates",
]

_SPOOLED: Final = 256 * 1024


def _app(handler: Any) -> Starlette:
    return Starlette(routes=[Route("/{number:int}", handler)])


def _answer(request: Request, value: Any = None) -> Response:
    return JSONResponse({"number": request.path_params["number"], "value": value})


# -- the processor ---------------------------------------------------------------------------------------


def signatures_held_back() -> Starlette:
    """Sign each answer, which takes a few milliseconds, in a container that is too small for it."""
    return _signing()


def signatures_with_room() -> Starlette:
    """Do the same in one that is large enough."""
    return _signing()


def _signing() -> Starlette:
    async def show(request: Request) -> Response:
        number = str(request.path_params["number"]).encode()
        signed = await run_in_threadpool(hashlib.pbkdf2_hmac, "sha256", number, b"shop", 20_000)
        return _answer(request, signed.hex())

    return _app(show)


# -- memory ----------------------------------------------------------------------------------------------


def cache_larger_than_container() -> Starlette:
    """Keep pictures up to a bound that somebody derived from the machine's memory, not from the container's."""
    return _pictures(1900)


def cache_that_fits() -> Starlette:
    """Do the same with a bound that fits."""
    return _pictures(900)


def _pictures(most: int) -> Starlette:
    """Keep at most so many pictures of 256 KB, the first half of them from the start."""
    pictures: OrderedDict[int, bytes] = OrderedDict((-each, os.urandom(_SPOOLED)) for each in range(1, most // 2))

    async def show(request: Request) -> Response:
        number = request.path_params["number"]
        pictures[number] = os.urandom(_SPOOLED)
        while len(pictures) > most:
            pictures.popitem(last=False)
        return _answer(request, len(pictures))

    return _app(show)


# -- disks -----------------------------------------------------------------------------------------------


def spool_never_emptied() -> Starlette:
    """Spool what customers upload, and leave it there."""
    return _spooling(None)


def spool_that_rotates() -> Starlette:
    """Do the same over old files, so that half of the space stays free."""
    return _spooling(250)


def _spooling(files: int | None) -> Starlette:
    numbers = itertools.count()

    async def show(request: Request) -> Response:
        if request.path_params["number"] % 4:
            return _answer(request)
        number = next(numbers)
        name = f"{number if files is None else number % files}.part"
        (directory_given() / name).write_bytes(b"x" * _SPOOLED)
        return _answer(request, name)

    return _app(show)
