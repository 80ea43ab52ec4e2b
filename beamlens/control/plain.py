"""Values of all kinds as plain JSON data of bounded size, for who looks from outside."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from typing import Any, Final

from beamlens.domain import Completion

__all__ = ["plain"]

_DEEPEST: Final = 12
_MOST: Final = 500
_LONGEST: Final = 20_000
_SHORT: Final = 200
_INT64: Final = 2**63


def plain(value: Any, depth: int = _DEEPEST) -> Any:
    """Return the value as JSON data: long texts and lists cut, what is no data described. Never raises."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}... ({len(value)} characters)"
    if depth == 0:
        return "..."
    if isinstance(value, Mapping):
        return {str(key)[:_SHORT]: plain(each, depth - 1) for key, each in list(value.items())[:_MOST]}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each, depth - 1) for each in list(value)[:_MOST]]
    return _object(value, depth)


def _number(value: int | float) -> Any:
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    return int(value) if -_INT64 <= value < _INT64 else hex(value)[:_SHORT]


def _object(value: Any, depth: int) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return f"<{len(value)} bytes>"
    if isinstance(value, Completion):
        value = replace(value, snapshots=())  # they are large, and the transcript has them
    try:
        if isinstance(value, BaseException):
            return {"type": type(value).__name__, "text": plain(str(value))}
        if callable(getattr(value, "to_dict", None)):
            return plain(value.to_dict(), depth - 1)
        if is_dataclass(value) and not isinstance(value, type):
            return {field.name: plain(getattr(value, field.name), depth - 1) for field in fields(value)}
        return repr(value)[:_SHORT]
    except Exception as error:
        return f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"
