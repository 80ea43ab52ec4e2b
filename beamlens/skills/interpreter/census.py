"""How many objects the garbage collector tracks and what they occupy, estimated where that is quick enough."""

from __future__ import annotations

import gc
import random
import sys
import time
from dataclasses import dataclass
from types import MethodDescriptorType, WrapperDescriptorType
from typing import Final

__all__ = ["Census", "take_census"]

_MOST_BLOCKS: Final = 1_500_000
_SAMPLE: Final = 2_000
_PLAIN: Final = (MethodDescriptorType, WrapperDescriptorType, type(object.__new__))


@dataclass(frozen=True, slots=True)
class Census:
    """Hold an estimate.

    Args:
        objects: that the collector tracks.
        bytes: what they occupy themselves, without what they refer to; from a sample.
        sampled: objects that were measured.
        cost_ms: what it took.
    """

    objects: int
    bytes: int
    sampled: int
    cost_ms: float


def take_census() -> tuple[Census | None, str | None]:
    """Return the estimate, or None and the reason why it was refused.

    Listing all objects holds the interpreter lock (10 ms for a million), so it is refused for large heaps. The list
    lives as short as can be: an object that dies meanwhile would be finalized by this thread.
    """
    blocks = sys.getallocatedblocks()
    if blocks > _MOST_BLOCKS:
        return None, f"tracked: not counted, listing {blocks:,} blocks' objects would stop the application too long"
    began = time.perf_counter()
    count, sample = _sampled(gc.get_objects())
    sizes = [size for each in sample if (size := _size(each)) is not None]
    sample.clear()
    mean = sum(sizes) / len(sizes) if sizes else 0.0
    return Census(count, int(mean * count), len(sizes), round((time.perf_counter() - began) * 1e3, 2)), None


def _sampled(objects: list[object]) -> tuple[int, list[object]]:
    count = len(objects)
    return count, random.sample(objects, min(_SAMPLE, count))


def _size(value: object) -> int | None:
    """Return an object's own size; None where a class of the application would be asked for it."""
    method = getattr(type(value), "__sizeof__", None)
    return sys.getsizeof(value) if isinstance(method, _PLAIN) else None
