"""How many objects of which types there are: counted in one step in a small heap, in a copy of a large one."""

from __future__ import annotations

import gc
import heapq
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from beamlens.skills.heap.copied import Send, copies, free_memory
from beamlens.skills.heap.edges import type_name
from beamlens.skills.interpreter.procfs import process_memory

__all__ = ["Counted", "count_types", "find_type", "refusal_to_count"]

SMALL_HEAP: Final = 300_000
"""Blocks up to which the objects are counted in place: at most 15 ms in one step."""

_KEPT: Final = 300
_SECONDS: Final = 6.0
_MOST_TYPES: Final = 50_000


@dataclass(frozen=True, slots=True)
class Counted:
    """Hold a count.

    Args:
        types: objects by type, the 300 most frequent; only what the collector tracks: no texts, numbers, bytes.
        total: all tracked objects.
        stop_ms: how long the application stood still for it.
        cost_ms: of processor time, in a copy too.
        where: `in place` or `in a copy of the process`.
    """

    types: dict[str, int] = field(default_factory=dict)
    total: int = 0
    stop_ms: float = 0.0
    cost_ms: float = 0.0
    where: str = "in place"


def refusal_to_count() -> str | None:
    """Return why the objects cannot be counted now; None if they can."""
    if sys.getallocatedblocks() <= SMALL_HEAP:
        return None
    refusal = copies.refusal()
    if refusal is not None:
        return f"{refusal}; and with {sys.getallocatedblocks():,} blocks counting in place would take too long"
    free, used = free_memory(), process_memory().rss
    if free is not None and used is not None and free < used:
        return f"counting copies what it touches, up to {used >> 20} MB, and {free >> 20} MB are free"
    return None


def count_types() -> Counted | str:
    """Return how many objects of which types there are, or the reason why that was refused. Any thread."""
    refusal = refusal_to_count()
    if refusal is not None:
        return refusal
    if sys.getallocatedblocks() <= SMALL_HEAP:
        began = time.perf_counter()
        types, total = _counted()
        taken = round((time.perf_counter() - began) * 1e3, 2)
        return Counted(types, total, taken, taken)
    copied = copies.run(_count_in_copy, _SECONDS)
    if not copied.lines:
        return copied.error or "the copy said nothing"
    said = copied.lines[0]
    return Counted(said["types"], said["total"], copied.pause_ms, said["cost_ms"], "in a copy of the process")


def _count_in_copy(send: Send) -> None:
    began = time.thread_time()
    types, total = _counted()
    send({"types": types, "total": total, "cost_ms": round((time.thread_time() - began) * 1e3, 2)})


def _counted() -> tuple[dict[str, int], int]:
    # In one expression, so that no other thread runs while the list of all objects exists: one that dies meanwhile
    # would be finalized by this thread. By number, since a metaclass may have a `__hash__` of its own.
    kinds = list(map(type, gc.get_objects()))
    counts = Counter(map(id, kinds))
    by_id = dict(zip(map(id, kinds), kinds, strict=True))
    named: dict[str, int] = {}
    for ident, count in heapq.nlargest(_KEPT, counts.items(), key=lambda item: item[1]):
        name = type_name(by_id[ident])
        named[name] = named.get(name, 0) + count
    return named, len(kinds)


def find_type(name: str) -> type | None:
    """Return the class that a name means: `shop.models.Session`, or its last part where only one class has it.

    Args:
        name: as `type_name` has it.
    """
    same_end = None
    for kind in _classes():
        full = type_name(kind)
        if full == name:
            return kind
        if full.endswith(f".{name}"):
            same_end = kind if same_end is None else object
    return None if same_end is object else same_end


def _classes() -> Iterator[type]:
    left: list[Any] = [object]
    seen: set[int] = {id(object)}
    while left and len(seen) < _MOST_TYPES:
        kind = left.pop()
        yield kind
        for each in type.__subclasses__(kind):
            if id(each) not in seen:
                seen.add(id(each))
                left.append(each)
