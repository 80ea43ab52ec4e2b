"""Whether a container on the way from a root to an object is meant to have an end."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Sequence
from types import ModuleType
from typing import Any, Final

from beamlens.skills.interpreter.bounds import bound_of
from beamlens.skills.interpreter.holders import attributes_by_name, class_names, has_dict, namespace

__all__ = ["bound_on"]

_WRAPPED: Final = type(functools.lru_cache(None)(len))
_CONTAINERS: Final = (dict, list, set, deque)


def bound_on(objects: Sequence[Any], labels: Sequence[str]) -> int | None:
    """Return how many items the first container on a path that has a bound may have; None if none has one.

    The object itself counts where it is an attribute: what is asked for may be the container.

    Args:
        objects: from the root to the object.
        labels: by which text each is reached from the one before.
    """
    on_the_way = objects if labels[-1].startswith(".") else objects[:-1]
    for at, value in enumerate(on_the_way):
        bound = _own_bound(value)
        if bound is None and isinstance(value, _CONTAINERS):
            bound = bound_of(_name(labels[: at + 1]), _neighbours(objects[:at], value))
        if bound is not None and _length(value) <= bound:
            return bound
    return None


def _own_bound(value: Any) -> int | None:
    if type(value) is _WRAPPED:
        most = value.cache_info().maxsize
        return None if most is None else int(most)
    return value.maxlen if isinstance(value, deque) else None


def _name(labels: Sequence[str]) -> str:
    """Return the name of a container: the last label that is one."""
    return next((label for label in reversed(labels) if label.startswith(".")), "").lstrip(".")


def _neighbours(above: Sequence[Any], value: Any) -> dict[str, Any]:
    """Return what the nearest module, class or instance above a container holds beside it."""
    own = attributes_by_name(value) if has_dict(type(value)) else {}
    for holder in reversed(above):
        if isinstance(holder, ModuleType):
            return {**namespace(holder), **own}
        if isinstance(holder, type):
            return {**class_names(holder), **own}
        if type(holder) is dict and "__name__" in holder and "__spec__" in holder:
            return {**holder, **own}
        if not isinstance(holder, (*_CONTAINERS, tuple)):
            return {**class_names(type(holder)), **attributes_by_name(holder), **own}
    return own


def _length(value: Any) -> int:
    if type(value) is _WRAPPED:
        return int(value.cache_info().currsize)
    base = next((base for base in _CONTAINERS if isinstance(value, base)), None)
    return 0 if base is None else int(base.__len__(value))
