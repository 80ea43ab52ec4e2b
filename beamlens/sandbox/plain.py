"""Reduce what a callback returns to plain data: None, bool, int, float, str, and lists and dicts of these."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import PurePath
from typing import Any, Final
from uuid import UUID

__all__ = ["NotPlain", "is_plain", "to_plain"]

_LARGEST, _SMALLEST = (1 << 63) - 1, -(1 << 63)
_OVERHEAD: Final = 1  # bytes that each value costs at least, packed


class NotPlain(ValueError):
    """A value cannot be reduced; the text says which, where, and what to return instead."""


def to_plain(value: object, most_bytes: int, most_depth: int) -> Any:
    """Reduce a value.

    Tuples, sets (sorted) and deques become lists; dataclasses become dicts, without fields that begin with an
    underscore or are kept out of `repr`; enums their value; dates and times ISO text; timedeltas seconds;
    Decimal and Fraction floats; UUIDs and paths text; exceptions `Type: message`; bytes text. Integers beyond
    64 bits become text, since Lua has none. Keys of dicts become text.

    Args:
        value: what a callback returned.
        most_bytes: of the result, counted about as msgpack packs it.
        most_depth: of nested containers.

    Raises:
        NotPlain: too large, too deep (a cycle too), or an object that is none of these.
    """
    return _Reducer(most_bytes, most_depth).reduce(value, 0, "")


def is_plain(value: object, most_depth: int) -> bool:
    """Tell whether what came from a child is plain data, and no deeper than it may be."""
    if value is None or isinstance(value, bool | int | float | str):
        return True
    if most_depth <= 0:
        return False
    if type(value) is list:
        return all(is_plain(item, most_depth - 1) for item in value)
    if type(value) is dict:
        return all(type(key) is str and is_plain(item, most_depth - 1) for key, item in value.items())
    return False


class _Reducer:
    def __init__(self, most_bytes: int, most_depth: int) -> None:
        self._left = most_bytes
        self._most_bytes = most_bytes
        self._most_depth = most_depth

    def reduce(self, value: object, depth: int, path: str) -> Any:
        kind = type(value)
        if value is None or kind is bool or kind is float:
            self._spend(_OVERHEAD, path)
            return value
        if isinstance(value, str) and kind is str:
            return self._text(value, path)
        if isinstance(value, int) and kind is int:
            self._spend(_OVERHEAD, path)
            return value if _SMALLEST <= value <= _LARGEST else _long_text(value)
        return self._container(value, depth, path)

    def _container(self, value: object, depth: int, path: str) -> Any:
        if isinstance(value, Mapping):
            return self._map(value.items(), depth, path)
        if isinstance(value, list | tuple | deque):
            return self._list(value, depth, path)
        if isinstance(value, AbstractSet):
            return self._list(_in_order(value), depth, path)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._map(_shown_fields(value), depth, path)
        return self._other(value, depth, path)

    def _other(self, value: object, depth: int, path: str) -> Any:
        if isinstance(value, Enum):
            return self.reduce(value.value, self._deeper(depth, path), path)
        for kinds, change in _CHANGES:
            if isinstance(value, kinds):
                return self.reduce(change(value), self._deeper(depth, path), path)
        raise NotPlain(
            f"the result{_at(path)} is an object of type {type(value).__name__}; "
            "a callback returns plain data: None, bool, int, float, str, list, dict, dataclasses"
        )

    def _text(self, value: str, path: str) -> str:
        self._spend(len(value) + _OVERHEAD, path)
        encoded = value.encode("utf-8", "replace")  # a lone surrogate has no UTF-8
        self._spend(len(encoded) - len(value), path)
        return encoded.decode()

    def _list(self, items: Iterable[object], depth: int, path: str) -> list[Any]:
        self._spend(_OVERHEAD, path)
        deeper = self._deeper(depth, path)
        return [self.reduce(item, deeper, f"{path}[{number}]") for number, item in enumerate(items)]

    def _map(self, items: Iterable[tuple[object, object]], depth: int, path: str) -> dict[str, Any]:
        self._spend(_OVERHEAD, path)
        deeper = self._deeper(depth, path)
        found: dict[str, Any] = {}
        for key, item in items:
            name = self._text(_key_text(key, path), path)
            found[name] = self.reduce(item, deeper, f"{path}.{name}" if len(path) < 200 else path)
        return found

    def _deeper(self, depth: int, path: str) -> int:
        if depth >= self._most_depth:
            raise NotPlain(f"the result{_at(path)} is nested deeper than {self._most_depth} levels, or contains itself")
        return depth + 1

    def _spend(self, count: int, path: str) -> None:
        self._left -= count
        if self._left < 0:
            raise NotPlain(f"the result is larger than {self._most_bytes} bytes; ask for less (reached{_at(path)})")


def _at(path: str) -> str:
    return f" at {path[:100]}" if path else ""


def _key_text(key: object, path: str) -> str:
    if isinstance(key, Enum):
        key = key.value
    if isinstance(key, str):
        return str.__str__(key)
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, int):
        return _long_text(key)
    if key is None or isinstance(key, float | bytes | date | time | UUID | PurePath | tuple):
        return str(key)
    raise NotPlain(f"the result{_at(path)} has a key of type {type(key).__name__}; keys are text")


def _long_text(value: int) -> str:
    try:
        return str(value)
    except ValueError:
        return hex(value)  # longer than sys.get_int_max_str_digits() allows


def _in_order(items: AbstractSet[Any]) -> list[Any]:
    try:
        return sorted(items)
    except TypeError:
        return sorted(items, key=lambda item: (type(item).__name__, str(item)))


def _shown_fields(value: Any) -> list[tuple[object, object]]:
    shown = (field.name for field in dataclasses.fields(value) if field.repr and not field.name.startswith("_"))
    return [(name, getattr(value, name)) for name in shown]


def _bytes_text(value: Any) -> str:
    return bytes(value).decode("utf-8", "replace")


# What a subclass of a plain type becomes, and what other types of the standard library do.
_CHANGES: Final[tuple[tuple[tuple[type, ...], Callable[[Any], object]], ...]] = (
    ((str,), str.__str__),
    ((int,), int.__int__),
    ((float,), float.__float__),
    ((datetime, date, time), lambda value: value.isoformat()),
    ((timedelta,), timedelta.total_seconds),
    ((Decimal, Fraction), float),
    ((UUID, PurePath), str),
    ((bytes, bytearray, memoryview), _bytes_text),
    ((BaseException,), lambda error: f"{type(error).__name__}: {error}"),
)
