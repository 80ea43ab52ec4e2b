"""Texts for the model: cut by bytes without breaking a character, values shown as JSON, errors in words."""

from __future__ import annotations

import json
import math
from typing import Any

from beamlens.errors import ConfigurationError

__all__ = ["check_limit", "error_text", "shown", "truncated"]


def check_limit(limit: object) -> float:
    """Return a limit of bytes if it is one: a whole number above 0, or `math.inf` (or "infinity").

    Raises:
        ConfigurationError: it is none.
    """
    if limit == "infinity" or limit == math.inf:
        return math.inf
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise ConfigurationError(f"max_message_length is {limit!r}; bytes from 1 up, or math.inf, are expected")
    return limit


def truncated(text: str, limit: float) -> str:
    """Return a text of at most `limit` bytes of UTF-8 and a note that says how many were cut, where any were."""
    data = text.encode("utf-8", "replace")
    if len(data) <= limit:
        return data.decode()
    kept = data[: int(limit)].decode("utf-8", "ignore")
    return f"{kept}\n\n[... truncated {len(data) - len(kept.encode())} bytes ...]"


def shown(value: Any) -> str:
    """Return a value as the model is shown it: text as it is, all else as JSON, and `repr` for what is no data."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, default=_guarded)
    except (ValueError, RecursionError):
        return _guarded(value)


def error_text(error: BaseException) -> str:
    """Return what an error says, or its type where it says nothing."""
    try:
        return str(error) or type(error).__name__
    except Exception:  # a __str__ that raises
        return type(error).__name__


def _guarded(value: Any) -> str:
    try:
        return repr(value)
    except Exception as error:  # a __repr__ that raises must not end the agent
        return f"<{type(value).__name__}: its repr raised {type(error).__name__}>"
