"""Objects that keep each other alive: a chain, a tree or a graph of one type, and what holds it from outside.

A search backward from one object of a chain walks the whole chain. What holds the chain is found by looking at all of
its objects at once: nearly all are held by another one of their type; who holds the others, holds all.
"""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Linked", "linked"]

_BETWEEN: Final = (dict, list, tuple, set, frozenset, deque)
_LEAST_PART: Final = 0.5
_LOOK_AT_CLOCK: Final = 1024


@dataclass(frozen=True, slots=True)
class Linked:
    """Hold what holds objects that hold each other.

    Args:
        entries: what is held from outside: objects of the type, or containers that stand between them.
        ids: of all that belongs to the structure.
        objects: of the type, how many belong to it.
    """

    entries: list[Any]
    ids: set[int]
    objects: int


def linked(values: Sequence[Any], most: int, deadline: float) -> Linked | None:
    """Return the structure that objects of one type make up; None where most are not held by their like, or at a loss.

    Touches all that the objects refer to: for a copy of the process only. Stops nobody, imports nothing.

    Args:
        values: all objects of a type.
        most: entries to return.
        deadline: `time.monotonic()` at which it is given up.
    """
    ids = {id(value) for value in values}
    held: set[int] = set()
    between: set[int] = set()
    for value in _until(values, deadline):
        _follow(value, ids, held, between)
    if len(held) < _LEAST_PART * len(values) or time.monotonic() > deadline:
        return None
    entries = [value for value in values if id(value) not in held][-most:]
    whole = ids | between
    if not entries:  # a ring, or links in both directions: something else must hold one of them
        entries = _held_from_outside(whole, {id(values)}, most, deadline)
    return Linked(entries, whole, len(values)) if entries else None


def _until(values: Sequence[Any], deadline: float) -> Iterator[Any]:
    for number, value in enumerate(values):
        if number % _LOOK_AT_CLOCK == 0 and time.monotonic() > deadline:
            return
        yield value


def _follow(value: Any, ids: set[int], held: set[int], between: set[int]) -> None:
    """Note which objects of the type one refers to, itself or by a container; each container is looked into once."""
    for each in gc.get_referents(value):
        if id(each) in ids:
            if each is not value:
                held.add(id(each))
        elif type(each) in _BETWEEN and id(each) not in between:
            found = ids.intersection(map(id, gc.get_referents(each)))
            if found:
                held |= found - {id(value)}
                between.add(id(each))


def _held_from_outside(whole: set[int], ignored: set[int], most: int, deadline: float) -> list[Any]:
    found: list[Any] = []
    objects = gc.get_objects()
    ignored = ignored | {id(found), id(objects)}
    for holder in _until(objects, deadline):
        if id(holder) in whole or id(holder) in ignored:
            continue
        inner = gc.get_referents(holder)
        if not whole.isdisjoint(map(id, inner)):
            found.extend([each for each in inner if id(each) in whole and not _among(each, found)])
            if len(found) >= most:
                break
    return found[:most]


def _among(value: Any, values: list[Any]) -> bool:
    return any(each is value for each in values)
