"""A program whose objects keep each other alive, in thousands; prints who keeps each kind, as JSON."""

from __future__ import annotations

import json
from typing import Any, Final

from beamlens.skills.heap.keepers import keepers_of_type

_MANY: Final = 20_000


class Link:
    """Knows the one before it."""

    def __init__(self, before: Link | None) -> None:
        self.before = before


class Double:
    """Knows the one before and the one after it, as in a ring."""

    before: Double
    after: Double


class Branch:
    """Knows its parent and its parts."""

    def __init__(self, parent: Branch | None) -> None:
        self.parent = parent
        self.parts: list[Branch] = []


class Lost:
    """Is in a chain that nothing holds but itself."""

    def __init__(self, before: Lost | None) -> None:
        self.before = before


class Visits:
    """Holds the ends."""

    last: Link | None = None
    ring: Any = None
    tree: Any = None


def _ring() -> Double:
    first = before = Double()
    for _ in range(_MANY):
        each = Double()
        each.before, before.after = before, each
        before = each
    first.before, before.after = before, first
    return first


def _tree() -> Branch:
    root = each = Branch(None)
    for number in range(_MANY):
        part = Branch(each)
        each.parts.append(part)
        each = part if number % 3 == 0 else each
    return root


def _lose() -> None:
    first = before = Lost(None)
    for _ in range(_MANY):
        before = Lost(before)
    first.before = before


def main() -> None:
    """Keep them, and ask."""
    for _ in range(_MANY):
        Visits.last = Link(Visits.last)
    Visits.ring, Visits.tree = _ring(), _tree()
    _lose()
    print(json.dumps({kind.__name__: keepers_of_type(kind, 5) for kind in (Link, Double, Branch, Lost)}))


if __name__ == "__main__":
    main()
