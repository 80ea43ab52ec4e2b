"""Web applications that keep what they should not, and such that keep much but no more than they should."""

from __future__ import annotations

import gc
from collections import OrderedDict, deque
from functools import cache, lru_cache
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

__all__ = [
    "bounded_cache",
    "bounded_function_cache",
    "busy_cycles",
    "cycles_never_collected",
    "endless_cache",
    "endless_function_cache",
    "endless_history",
    "linked_sessions",
    "ring_of_history",
    "sessions_that_end",
]

_ROW: Final = 40


def _page(number: int) -> list[str]:
    """Return what takes a while to make, so that keeping it makes sense."""
    return [f"{number}.{row} " + "x" * 60 for row in range(_ROW)]


def _app(handler: Any) -> Starlette:
    return Starlette(routes=[Route("/{number:int}", handler)])


def _answer(request: Request, size: int) -> Response:
    return JSONResponse({"number": request.path_params["number"], "size": size})


# -- caches -------------------------------------------------------------------------------------------


class Pages:
    """Keep pages by their key, at most `bound` of them; None: all."""

    def __init__(self, bound: int | None) -> None:
        self._bound = bound
        self._entries: OrderedDict[str, list[str]] = OrderedDict()

    def get(self, key: str, number: int) -> list[str]:
        """Return a page, made where it is not there."""
        if key not in self._entries:
            self._entries[key] = _page(number)
            if self._bound is not None and len(self._entries) > self._bound:
                self._entries.popitem(last=False)
        return self._entries[key]


class Site:
    """Hold what the handlers share."""

    pages: Pages


site = Site()


def endless_cache() -> Starlette:
    """Keep each page by a key that contains the visitor: no two are equal."""
    return _cached(None)


def bounded_cache() -> Starlette:
    """Do the same with a bound that is reached soon; meanwhile it grows."""
    return _cached(1500)


def _cached(bound: int | None) -> Starlette:
    site.pages = Pages(bound)

    async def show(request: Request) -> Response:
        number = request.path_params["number"]
        return _answer(request, len(site.pages.get(f"visitor {number}", number)))

    return _app(show)


@cache
def _kept_for_ever(number: int) -> list[str]:
    return _page(number)


@lru_cache(maxsize=1024)
def _kept_for_a_while(number: int) -> list[str]:
    return _page(number)


def endless_function_cache() -> Starlette:
    """Remember a function's results without a bound, for arguments that are always new."""

    async def show(request: Request) -> Response:
        return _answer(request, len(_kept_for_ever(request.path_params["number"])))

    return _app(show)


def bounded_function_cache() -> Starlette:
    """Do the same with a bound."""

    async def show(request: Request) -> Response:
        return _answer(request, len(_kept_for_a_while(request.path_params["number"])))

    return _app(show)


# -- histories -----------------------------------------------------------------------------------------


class Audit:
    """Write down what visitors did, in a list or in a ring."""

    def __init__(self, entries: list[Any] | deque[Any]) -> None:
        self.entries = entries

    def note(self, number: int) -> int:
        """Write one entry; return how many there are."""
        self.entries.append({"number": number, "page": _page(number)})
        return len(self.entries)


class Auditor:
    """Hold the one audit."""

    audit: Audit


def endless_history() -> Starlette:
    """Append to a list for each request, for ever."""
    return _audited([])


def ring_of_history() -> Starlette:
    """Append to a ring of a thousand entries."""
    return _audited(deque(maxlen=1000))


def _audited(entries: list[Any] | deque[Any]) -> Starlette:
    Auditor.audit = Audit(entries)

    async def show(request: Request) -> Response:
        return _answer(request, Auditor.audit.note(request.path_params["number"]))

    return _app(show)


# -- objects that refer to each other ------------------------------------------------------------------


class Session:
    """One visitor's, which knows the one before it."""

    def __init__(self, number: int, before: Session | None) -> None:
        self.number = number
        self.before = before
        self.page = _page(number)


class Visits:
    """Know the last session."""

    last: Session | None = None


def linked_sessions() -> Starlette:
    """Keep all sessions in a chain: no container grows, but the first is reached from the last."""

    async def show(request: Request) -> Response:
        Visits.last = Session(request.path_params["number"], Visits.last)
        return _answer(request, len(Visits.last.page))

    return _app(show)


def sessions_that_end() -> Starlette:
    """Know the session before, and forget the one before that."""

    async def show(request: Request) -> Response:
        if Visits.last is not None:
            Visits.last.before = None
        Visits.last = Session(request.path_params["number"], Visits.last)
        return _answer(request, len(Visits.last.page))

    return _app(show)


class Node:
    """A part of a document that knows its parent, so that a document is a cycle."""

    def __init__(self, parent: Node | None, number: int) -> None:
        self.parent = parent
        self.children = [Node(self, number) for _ in range(5)] if parent is None else []
        self.text = _page(number)[0]


def cycles_never_collected() -> Starlette:
    """Make cycles with the collector off, as somebody did once for speed."""
    gc.disable()
    return busy_cycles()


def busy_cycles() -> Starlette:
    """Make many cycles, which the collector frees."""

    async def show(request: Request) -> Response:
        documents = [Node(None, request.path_params["number"]) for _ in range(20)]
        return _answer(request, len(documents))

    return _app(show)
