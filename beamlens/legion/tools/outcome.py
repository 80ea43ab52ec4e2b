"""What a tool's function returned, made data: coroutines are run, iterators made lists, pydantic's models dicts."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

from beamlens.legion.records import is_model

__all__ = ["finished"]

_MOST_ITEMS: Final = 100_000
_MOST_BYTES: Final = 16 * 1024 * 1024  # far more than a result may have, and too little to hurt
_DEEPEST: Final = 8
# Not every iterator: reading an open file would be more than was returned.
_LAZY: Final = (types.GeneratorType, range, map, filter, zip, enumerate, reversed)


def finished(returned: Any) -> Any:
    """Return what a function's result comes to. The tool's thread.

    Each coroutine has an event loop of its own, which ends with it.

    Raises:
        ValueError: an iterator gives more than anybody could look at.
        BaseException: what the coroutine or the iterator raised.
    """
    if hasattr(type(returned), "__await__") or isinstance(returned, types.AsyncGeneratorType):
        import asyncio  # here: neither the application nor most agents need it

        returned = asyncio.run(_awaited(returned))
    if isinstance(returned, _LAZY):
        returned = _listed(returned)
    return _dumped(returned, 0)


async def _awaited(returned: Any) -> Any:
    if not isinstance(returned, types.AsyncGeneratorType):
        return await returned
    limit = _Limit()
    return [item async for item in returned if limit.counts(item)]


def _listed(items: Iterable[Any]) -> list[Any]:
    limit = _Limit()
    return [item for item in islice(items, _MOST_ITEMS + 1) if limit.counts(item)]


def _dumped(value: Any, depth: int) -> Any:
    """Return data in which models of pydantic's kind are dicts; all else is for the sandbox to judge."""
    if depth > _DEEPEST:
        return value
    if type(value) in (list, tuple):
        return [_dumped(each, depth + 1) for each in value]
    if type(value) is dict:
        return {key: _dumped(each, depth + 1) for key, each in value.items()}
    if is_model(type(value)) and hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return value


class _Limit:
    """Count items, and stop what has no end."""

    def __init__(self) -> None:
        self._items = 0
        self._bytes = 0

    def counts(self, item: object) -> bool:
        """Return True.

        Raises:
            ValueError: there were too many.
        """
        self._items += 1
        self._bytes += sys.getsizeof(item)
        if self._items > _MOST_ITEMS or self._bytes > _MOST_BYTES:
            raise ValueError(f"more than {_MOST_ITEMS} items, or {_MOST_BYTES >> 20} MB; ask for less")
        return True
