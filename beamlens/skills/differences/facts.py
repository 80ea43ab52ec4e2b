"""Facts in sections, each a name with a text; and what differs between two sets of them. Pure but for the hashing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

__all__ = ["VISIBLE", "Difference", "Facts", "differences", "fingerprint"]

Facts: TypeAlias = Mapping[str, Mapping[str, str]]

VISIBLE: Final = frozenset(["log_levels", "packages", "runtime"])
"""Sections whose texts may be shown; of the others only names are, since what is set may be a secret."""

_PLAIN: Final = (int, float, str, bool, type(None), bytes)
_MOST_ITEMS: Final = 20


@dataclass(frozen=True, slots=True)
class Difference:
    """Name one difference.

    Args:
        section, name: of the fact.
        kind: what happened to it.
        was, now: the texts, None where there was none.
    """

    section: str
    name: str
    kind: Literal["added", "removed", "changed"]
    was: str | None
    now: str | None

    def shown(self) -> dict[str, Any]:
        """Return it for people and models: without values that may be secrets."""
        visible = self.section in VISIBLE
        return {
            "key": f"{self.section}:{self.name}",
            "section": self.section,
            "name": self.name,
            "kind": self.kind,
            "was": self.was if visible else None,
            "now": self.now if visible else None,
        }


def differences(before: Facts, now: Facts) -> Iterator[Difference]:
    """Yield what differs; a section that one of the two does not know is not compared."""
    for section in before.keys() & now.keys():
        old, new = before[section], now[section]
        for name in sorted(old.keys() | new.keys()):
            was, has = old.get(name), new.get(name)
            if was == has:
                continue
            kind: Literal["added", "removed", "changed"] = (
                "added" if was is None else "removed" if has is None else "changed"
            )
            yield Difference(section, name, kind, was, has)


def fingerprint(value: object, salt: bytes) -> str | None:
    """Return a short text that is the same for equal plain values and tells nothing of them; None for other values.

    Args:
        value: a number, a text, a bool, None, or a tuple of these.
        salt: secret of this program, or whoever has the fingerprints could try values.
    """
    if type(value) is tuple:
        if len(value) > _MOST_ITEMS or not all(type(each) in _PLAIN for each in value):
            return None
    elif type(value) not in _PLAIN:
        return None
    text = f"{type(value).__name__}:{value!r}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, key=salt, digest_size=8).hexdigest()
