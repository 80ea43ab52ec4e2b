"""Who belongs to the group that is restarted together."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from supervision.decisions.state import Child
from supervision.spec import Strategy

__all__ = ["group", "revived"]


def group(strategy: Strategy, children: Mapping[Hashable, Child], key: Hashable) -> tuple[Hashable, ...]:
    """Return the keys, in start order, of those that are stopped and started with this child.

    one_for_all: everybody; rest_for_one: the child and those after it; else nobody but the child.
    """
    if strategy == "one_for_all":
        return tuple(children)
    if strategy == "rest_for_one":
        keys = tuple(children)
        return keys[keys.index(key) :]
    return (key,)


def revived(children: Mapping[Hashable, Child], keys: tuple[Hashable, ...]) -> tuple[Hashable, ...]:
    """Return those of a group that are started again: all but temporary ones, running before or not."""
    return tuple(key for key in keys if not children[key].spec.is_temporary)
