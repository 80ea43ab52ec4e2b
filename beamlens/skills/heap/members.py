"""What a container holds, told by types and sizes only, without running any code of the application."""

from __future__ import annotations

import gc
import sys
from collections import Counter, deque
from itertools import islice
from types import FunctionType, MethodDescriptorType, ModuleType, WrapperDescriptorType
from typing import Any, Final

from beamlens.skills.heap.edges import type_name

__all__ = ["about_bytes", "newest_members"]

_SAMPLE: Final = 100
_PLAIN: Final = (MethodDescriptorType, WrapperDescriptorType, type(object.__new__))
_SHARED: Final = (type, ModuleType, FunctionType)
_MOST_BELOW: Final = 50


def newest_members(container: Any, most: int = _SAMPLE) -> list[Any]:
    """Return the members that were added last, where the container keeps an order; else some.

    Args:
        container: a dict (its values), list, set, deque or what derives from one.
        most: how many.
    """
    try:
        if isinstance(container, dict):
            return (
                list(islice(dict.values(container), most)) if _reordered(container) else _last_values(container, most)
            )
        if isinstance(container, list):
            return list(list.__getitem__(container, slice(-most, None)))
        if isinstance(container, deque):
            return list(islice(deque.__reversed__(container), most))
        if isinstance(container, set):
            return list(islice(set.__iter__(container), most))
    except RuntimeError:  # it changed size meanwhile
        return []
    return []


def _reordered(container: dict[Any, Any]) -> bool:
    """Say whether a dictionary keeps its order itself, so that the built-in one's may be another."""
    return type(container).__reversed__ is not dict.__reversed__


def _last_values(container: dict[Any, Any], most: int) -> list[Any]:
    return list(islice(reversed(dict.values(container)), most))


def about_bytes(container: Any) -> tuple[int, dict[str, int]]:
    """Return about how much memory a container and its members take, and the members' types by number in the sample.

    A member counts with what it refers to itself; what several members share is counted for each.

    Args:
        container: as for `newest_members`.
    """
    sample = newest_members(container)
    base = next((base for base in (dict, list, set, deque) if isinstance(container, base)), None)
    items = int(base.__len__(container)) if base is not None else 0
    mean = sum(map(_with_referents, sample)) / len(sample) if sample else 0.0
    kinds = Counter(type_name(kind) for kind in map(type, sample))
    own = int(base.__sizeof__(container)) if base is not None else 0
    return int(own + mean * items), dict(kinds.most_common(5))


def _with_referents(value: Any) -> int:
    below = gc.get_referents(value)[:_MOST_BELOW] if gc.is_tracked(value) else []
    return _size(value) + sum(_size(each) for each in below if not isinstance(each, _SHARED))


def _size(value: Any) -> int:
    """Return an object's own size; 0 where a class of the application would be asked for it."""
    method = getattr(type(value), "__sizeof__", None)
    return sys.getsizeof(value) if isinstance(method, _PLAIN) else 0
