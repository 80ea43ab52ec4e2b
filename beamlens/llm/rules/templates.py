"""Fill the texts of a check. One pass over the template: nothing that a snapshot says is ever read as a template."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from beamlens.llm.rules.conditions import Match
from beamlens.llm.rules.paths import MISSING, look, number
from beamlens.llm.rules.words import UNKNOWN, put_value, shorten

__all__ = ["Filled", "Surroundings", "fill"]

_FIELD = re.compile(r"\{([A-Za-z_][^{}:\n]{0,200})(?::\.(\d)f)?\}")
_LONGEST = 2000  # characters of one text
_MATCH_FIELDS = frozenset(
    {"value", "first", "last", "seconds", "rate", "path", "key", "inner_key", "holds_for", "per_work"}
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a template's names are looked up: the match, the snapshot that it ended at, the drill's result."""

    match: Match
    data: object
    drill: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Filled:
    """A text, and whether every name in it was known."""

    text: str
    complete: bool


def fill(template: str, around: Surroundings) -> Filled:
    """Return the template with each `{name}` replaced; a missing value is put as "unknown"."""
    missing = False

    def value(field: re.Match[str]) -> str:
        nonlocal missing
        found = _value(field[1].strip(), around)
        if found is MISSING or found is None:
            missing = True
            return UNKNOWN
        return put_value(found, int(field[2]) if field[2] and number(found) is not None else None)

    return Filled(shorten(_FIELD.sub(value, template), _LONGEST), not missing)


def _value(name: str, around: Surroundings) -> object:
    own = _own(name, around.match)
    if own is not MISSING:
        return own
    if name == "drill" or name.startswith("drill."):
        if around.drill is None:
            return MISSING
        return dict(around.drill) if name == "drill" else look(around.drill, name.removeprefix("drill."))
    if name in around.match.groups:
        return around.match.groups[name]
    return look(around.data, name, around.match.keys)


def _own(name: str, match: Match) -> object:
    """Return one of the match's own values."""
    if name in _MATCH_FIELDS:
        found: object = getattr(match, name)
        return found
    if name == "change":
        first, last = number(match.first), number(match.last)
        return MISSING if first is None or last is None else last - first
    return MISSING
