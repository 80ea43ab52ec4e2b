"""Whether somebody meant a container to have an end: what its owner says of its size. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["bound_of"]

_SAYS_BOUND: Final = re.compile(r"max|limit|capacity|bound|most", re.IGNORECASE)
_GENERAL: Final = frozenset(
    {
        "maxsize", "maxlen", "maxitems", "maxentries", "maxcount", "capacity", "limit", "bound", "sizelimit", "most",
        "maxcachesize", "cachesize", "maxkeys", "maximumsize",
    }
)  # fmt: skip
_WORD: Final = re.compile(r"[a-z]{3,}")
_MEANS_NOTHING: Final = frozenset({"max", "maximum", "limit", "size", "len", "count", "capacity", "the", "most"})


def bound_of(container: str, names: Mapping[str, Any]) -> int | None:
    """Return how many items a container may have, as its neighbours say; None if none says so.

    A neighbour counts whose name is a bound in general (`maxsize`, `_max_entries`, `capacity`), or that speaks of
    a bound and shares a word with the container (`MAX_CACHE` beside `CACHE`).

    Args:
        container: the name under which it is held.
        names: what its owner holds, by name.
    """
    words = set(_WORD.findall(container.lower())) - _MEANS_NOTHING
    found = []
    for name, value in names.items():
        if type(value) is not int or value <= 0 or not isinstance(name, str) or not _SAYS_BOUND.search(name):
            continue
        plain = name.lower().replace("_", "")
        if plain in _GENERAL or words & (set(_WORD.findall(name.lower())) - _MEANS_NOTHING):
            found.append(value)
    return max(found, default=None)
