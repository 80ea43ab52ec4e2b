"""Find values in a snapshot by a path such as `loops.*.lag_ms`.

`*` stands for each item of a list or dict, `#` for the number of items. An item of a list is known by its `name`,
`key`, `id` or `site`, else by its number, so that it stays the same item when the list is sorted anew.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["MISSING", "Found", "find", "look", "number", "put", "split", "stars"]

_LABELS = ("name", "key", "id", "site")
_MOST_ITEMS = 1000  # of one `*`: a snapshot is small, and whoever sends more is not to keep the gateway busy


class _Missing:
    """Stands where a path leads nowhere; None is a value."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()


@dataclass(frozen=True, slots=True)
class Found:
    """A value and what the stars of its path stood for."""

    keys: tuple[str, ...]
    value: object


def split(path: str) -> tuple[str, ...]:
    """Return the segments of a path."""
    return tuple(path.split("."))


def stars(path: str) -> int:
    """Return how many `*` a path has."""
    return split(path).count("*")


def put(path: str, keys: tuple[str, ...]) -> str:
    """Return the path, for people, with its stars replaced by `keys`."""
    left = iter(keys)
    return ".".join(next(left, "*") if segment == "*" else segment for segment in split(path))


def find(data: object, path: str) -> tuple[Found, ...]:
    """Return every value that `path` leads to, in the snapshot's order."""
    return tuple(_walk(data, split(path), ()))


def look(data: object, path: str, keys: tuple[str, ...] = ()) -> object:
    """Return the one value of `path` with its stars standing for `keys`, or MISSING."""
    left = iter(keys)
    for segment in split(path):
        data = _item(data, next(left, None)) if segment == "*" else _step(data, segment)
    return data


def number(value: object) -> float | None:
    """Return a finite number as a float; None for all else, truth values too."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:  # an int beyond what a float holds
        return None
    return found if math.isfinite(found) else None


def _walk(data: object, segments: tuple[str, ...], keys: tuple[str, ...]) -> Iterator[Found]:
    if data is MISSING:
        return
    if not segments:
        yield Found(keys, data)
    elif segments[0] == "*":
        for key, item in _items(data).items():
            yield from _walk(item, segments[1:], (*keys, key))
    else:
        yield from _walk(_step(data, segments[0]), segments[1:], keys)


def _step(data: object, segment: str) -> object:
    if isinstance(data, dict) and segment in data:
        return data[segment]
    if segment == "#":
        return len(data) if isinstance(data, dict | list | tuple) else MISSING
    if isinstance(data, list | tuple):
        return _items(data).get(segment, MISSING)
    return MISSING


def _item(data: object, key: str | None) -> object:
    return MISSING if key is None else _items(data).get(key, MISSING)


def _items(data: object) -> dict[str, object]:
    if isinstance(data, dict):
        return {str(key): item for key, item in list(data.items())[:_MOST_ITEMS]}
    if not isinstance(data, list | tuple):
        return {}
    items: dict[str, object] = {}
    for place, item in enumerate(data[:_MOST_ITEMS]):
        label = _label(item, place)
        items[label if label not in items else f"{label} ({place})"] = item
    return items


def _label(item: object, place: int) -> str:
    if isinstance(item, dict):
        for field in _LABELS:
            value = item.get(field)
            if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
                return str(value)
    return str(place)
