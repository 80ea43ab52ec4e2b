"""What equal statements have in common: the text without anything that may be data. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

__all__ = ["fingerprint"]

_LONGEST_READ: Final = 20_000
_LONGEST: Final = 300
# What is not understood is taken for data: an unfinished quotation runs to the end.
_TOKENS: Final = re.compile(
    r"""
    (?P<comment>--[^\n]*|/\*.*?(?:\*/|\Z))
    | (?P<dollar>\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z))
    | (?P<text>[a-zA-Z]?'(?:[^']|'')*(?:'|\Z))
    | (?P<quoted>"(?:[^"]|"")*(?:"|\Z)|`[^`]*(?:`|\Z)|\[[^\]\[]*\])
    | (?P<parameter>\?\d*|%\([^)]*\)s|%s|[:@$]\w+)
    | (?P<number>\b(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)\b)
    | (?P<space>\s+)
    """,
    re.VERBOSE | re.DOTALL,
)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z_]{0,29}\Z")
_LISTS: Final = re.compile(r"\(\s*\?(?:\s*,\s*\?)+\s*\)")
_ROWS: Final = re.compile(r"\(\?\.\.\.\)(?:\s*,\s*\(\?\.\.\.\))+")


@lru_cache(maxsize=2048)
def fingerprint(sql: str) -> str:
    """Return a statement in lower case, on one line, with `?` for every literal and parameter.

    Args:
        sql: the statement.
    """
    text = _TOKENS.sub(_plain, sql[:_LONGEST_READ]).strip().rstrip(";").lower()
    text = _ROWS.sub("(?...)", _LISTS.sub("(?...)", text))
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _plain(found: re.Match[str]) -> str:
    kind = found.lastgroup if found.lastgroup != "tag" else "dollar"
    if kind in ("comment", "space"):
        return " "
    if kind == "quoted":
        # Between these quotes is a name as a rule, but SQLite takes what is no column for a text.
        name = found[0][1:-1]
        return name if _NAME.match(name) else "?"
    return "?"
