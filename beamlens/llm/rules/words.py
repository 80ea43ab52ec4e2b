"""The words that the rules use, and how they put values.

`CONFIRMED` is read back by the coordinator: a notification travels as text, and this sentence in its context says that
the operator looked closer.
"""

from __future__ import annotations

import json
import math
import re

__all__ = ["CONFIRMED", "UNKNOWN", "clean", "common", "plural", "put_value", "shorten", "tokens"]

CONFIRMED = "A closer look confirmed this."
UNKNOWN = "unknown"

_LONGEST_VALUE = 200
_COMMON = """
about context after again alert and any are can could did does for from has have how into its now our please reason see
seen should tell that the their there they this was were what when where which who why will with you your
"""
_COMMON_WORDS = frozenset(_COMMON.split())


def put_value(value: object, places: int | None = None) -> str:
    """Return a value as it reads in a sentence, on one line, 200 characters at most.

    Args:
        value: plain data.
        places: decimal places of a number; without it four digits that count.
    """
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number(value, places)
    if isinstance(value, str):
        return shorten(clean(value), _LONGEST_VALUE)
    if isinstance(value, list | tuple) and all(isinstance(item, str | int | float) for item in value):
        more = f" and {len(value) - 5} more" if len(value) > 5 else ""
        return shorten(", ".join(put_value(item) for item in value[:5]), _LONGEST_VALUE) + more
    return shorten(clean(json.dumps(value, default=str, sort_keys=True)), _LONGEST_VALUE)


def _number(value: float, places: int | None) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return UNKNOWN
    try:
        if places is not None:
            return f"{value:.{places}f}"
        if isinstance(value, int) or float(value).is_integer():
            return str(int(value)) if abs(value) < 1e15 else f"{value:.4g}"
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:.1f}"
    except (OverflowError, ValueError):  # an int too long for either
        return UNKNOWN


def clean(text: str) -> str:
    """Return a text on one line, without control characters or halves of surrogate pairs."""
    return "".join(char if char.isprintable() else " " for char in text[:20_000]).strip()


def shorten(text: str, longest: int) -> str:
    """Return a text of `longest` characters at most, with dots where it was cut."""
    return text if len(text) <= longest else text[: longest - 3] + "..."


def tokens(text: str) -> frozenset[str]:
    """Return the words of a text that say what it is about: lower case, without a plural's s."""
    words = re.findall(r"[a-z]{3,}", text.lower())
    return frozenset(word.removesuffix("s") if len(word) > 4 else word for word in words) - _COMMON_WORDS


def common(one: str, other: str) -> int:
    """Return how many words two texts share."""
    return len(tokens(one) & tokens(other))


def plural(count: int, word: str) -> str:
    """Return `1 finding`, `2 findings`."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
