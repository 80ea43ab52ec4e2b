"""Reduce what a skill returned to plain JSON data, within limits that are kept while reducing.

What has no form in JSON gets one: tuples, deques and views become lists, sets sorted lists, dataclasses and named
tuples dicts, enums their values, dates ISO text, durations seconds, decimals and fractions floats, NaN and the
infinities None, bytes text, paths and UUIDs text. Keys become texts. Anything else is an error that names its path.

Nothing larger than the limit is ever built: sizes are counted on the way and a container that cannot fit is not
begun. A container that other threads change meanwhile is copied in one step first.
"""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from enum import Enum
from itertools import islice
from json.encoder import encode_basestring
from pathlib import PurePath
from typing import Any, Final
from uuid import UUID

from beamlens.errors import SkillError

__all__ = ["DEPTH", "SIZE", "reduced"]

SIZE: Final = 262_144
"""Bytes of JSON that one answer may have."""

DEPTH: Final = 24
"""Levels of lists and dicts; a message between processes may have 32."""

_INTEGER_BITS: Final = 63
_LONGEST_PATH: Final = 120


def reduced(value: object, *, size: int = SIZE, depth: int = DEPTH) -> Any:
    """Return `value` as plain data: None, bool, int of 64 bits, float, str, list, dict with texts as keys.

    Args:
        value: anything.
        size: bytes of JSON that the result may have.
        depth: levels of lists and dicts inside each other.

    Raises:
        SkillError: `unserializable` with the path, or `too_large`.
        Exception: what the value's own code raised.
    """
    return _Reduction(size, depth).reduce(value)


class _Reduction:
    """Count what one reduction has built so far, and keep the path to where it is."""

    def __init__(self, size: int, depth: int) -> None:
        self._size = size
        self._left = size
        self._depth = depth
        self._path: list[str | int] = []

    def reduce(self, value: Any) -> Any:
        kind = type(value)
        if kind is str:
            return self._text(value)
        if value is None or kind is bool:
            self._spend(5)
            return value
        if isinstance(value, Enum):
            return self.reduce(value.value)
        if isinstance(value, str):
            return self._text(value)
        if kind is float or isinstance(value, numbers.Number) or hasattr(value, "__index__"):
            return self._number(value)
        items = _items_of(value)
        if items is not None:
            return self._dict(items)
        if isinstance(value, Iterable) and not isinstance(value, bytes | bytearray | memoryview | PurePath):
            return self._list(value)
        return self._other(value)

    # -- leaves ---------------------------------------------------------------------------------

    def _text(self, value: str) -> str:
        self._check(len(value))
        text = str.__str__(value)
        if not text.isascii():
            text = text.encode("utf-8", "backslashreplace").decode("utf-8")  # lone surrogates are no UTF-8
        self._spend(len(text) + 2 if text.isascii() and text.isprintable() else _json_bytes(text))
        return text

    def _number(self, value: Any) -> Any:
        self._spend(8)
        if isinstance(value, float):
            return float.__float__(value) if math.isfinite(value) else None
        index = getattr(value, "__index__", None)
        if index is not None:
            return _integer(int.__index__(index()))
        try:
            number = float(value)
        except OverflowError:
            return None
        except (TypeError, ValueError):
            raise self._unserializable(value) from None
        return number if math.isfinite(number) else None

    def _other(self, value: object) -> str | float:
        if isinstance(value, bytes | bytearray | memoryview):
            self._check(len(value))
            return self._text(bytes(value).decode("utf-8", "backslashreplace"))
        if isinstance(value, datetime | date | time):
            return self._text(value.isoformat())
        if isinstance(value, timedelta):
            self._spend(8)
            return value.total_seconds()
        if isinstance(value, PurePath | UUID):
            return self._text(str(value))
        raise self._unserializable(value)

    # -- containers -----------------------------------------------------------------------------

    def _dict(self, items: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
        self._enter()
        built: dict[str, Any] = {}
        for key, value in self._bounded(items):
            name = self._text(key if type(key) is str else self._key(key))
            if name in built:
                raise SkillError("unserializable", f"{self._place()} has two keys that become {name[:60]!r}")
            self._path.append(name)
            built[name] = self.reduce(value)
            self._path.pop()
            self._spend(2)
        return built

    def _list(self, items: Iterable[Any]) -> list[Any]:
        self._enter()
        unordered = isinstance(items, set | frozenset)
        built: list[Any] = []
        for number, value in enumerate(self._bounded(items)):
            self._path.append(number)
            built.append(self.reduce(value))
            self._path.pop()
            self._spend(1)
        return sorted(built, key=lambda item: (type(item).__name__, str(item))) if unordered else built

    def _key(self, key: Any) -> str:
        if isinstance(key, Enum):
            return self._key(key.value)
        if isinstance(key, str):
            return key
        if key is None or isinstance(key, bool):
            return str(key).lower() if key is not None else "null"
        convert = next((convert for kinds, convert in _KEYS if isinstance(key, kinds)), None)
        if convert is None:
            problem = f"a key of type {type(key).__name__}; texts and numbers are expected"
            raise SkillError("unserializable", f"{self._place()} has {problem}")
        return convert(key)

    def _bounded(self, items: Iterable[Any]) -> Iterable[Any]:
        """Copy a container of known length in one step; an endless iterator ends where the size does."""
        if isinstance(items, Collection):
            self._check(2 * len(items))
            return list(items)
        return islice(items, self._left + 1)

    def _enter(self) -> None:
        self._spend(2)
        level = len(self._path)
        if level >= self._depth:
            raise SkillError(
                "unserializable",
                f"{self._place()} is inside {level} levels of lists and dicts, or contains itself; "
                f"at most {self._depth} levels are allowed",
            )

    # -- errors -----------------------------------------------------------------------------------

    def _unserializable(self, value: object) -> SkillError:
        return SkillError(
            "unserializable",
            f"{self._place()} is of type {type(value).__qualname__}, which has no form in JSON; "
            "return texts, numbers, lists and dicts",
        )

    def _place(self) -> str:
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self._path)
        if not path:
            return "the result itself"
        return f"result{path}" if len(path) <= _LONGEST_PATH else f"result{path[:60]}...{path[-50:]}"

    # -- size -----------------------------------------------------------------------------------

    def _check(self, least: int) -> None:
        if least > self._left:
            raise SkillError(
                "too_large", f"the result has more than {self._size // 1024} KiB as JSON; return less, or ask for less"
            )

    def _spend(self, size: int) -> None:
        self._check(size)
        self._left -= size


def _items_of(value: Any) -> Iterable[tuple[Any, Any]] | None:
    """Return the items of what becomes a dict, None for anything else."""
    if isinstance(value, Mapping):
        return value.items()
    if isinstance(value, type):
        return None
    if dataclasses.is_dataclass(value):
        return [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    names = getattr(value, "_fields", None)
    if isinstance(value, tuple) and isinstance(names, tuple):
        return list(zip(names, value, strict=False))
    return None


_KEYS: Final[Sequence[tuple[Any, Callable[[Any], str]]]] = (
    (int, lambda key: str(_integer(int.__index__(key)))),
    (float, repr),
    (bytes, lambda key: key.decode("utf-8", "backslashreplace")),
    ((datetime, date, time), lambda key: key.isoformat()),
    ((UUID, PurePath), str),
)


def _integer(value: int) -> int | float | None:
    """Return what Lua and msgpack can hold: 64 bits, beyond that a float; None where that is infinite."""
    if value.bit_length() <= _INTEGER_BITS:
        return value
    return float(value) if value.bit_length() < 1024 else None


def _json_bytes(text: str) -> int:
    return len(encode_basestring(text).encode("utf-8"))
