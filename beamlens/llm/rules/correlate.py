"""Put findings that belong together into groups, each with its cause first.

Findings belong together when they share an entity, when the table of causes says that one makes the other, or when two
operators see the same cause. What is left over and known to no table is put together only by time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from beamlens.llm.rules.causes import Effect, effects_between, hidden_causes, is_direct
from beamlens.llm.rules.told import Told

__all__ = ["Group", "correlate", "is_noise", "way"]

_SAME_STORY = 600.0  # seconds between findings that a cause can join
_SAME_TIME = 30.0  # seconds between findings that nothing else joins
_WARNING = 2


@dataclass(frozen=True, slots=True)
class Group:
    """Findings that belong together.

    Args:
        told: the cause first, then its effects.
        kind: how they belong together.
        hidden: the cause that would explain all of them where none of them is it.
    """

    told: tuple[Told, ...]
    kind: Literal["causal", "symptomatic", "temporal"]
    hidden: str | None = None

    @property
    def root(self) -> Told:
        """Return the finding that the others follow from."""
        return self.told[0]

    @property
    def operators(self) -> tuple[str, ...]:
        """Return who found them, in order."""
        return tuple(dict.fromkeys(told.operator for told in self.told))

    @property
    def ids(self) -> tuple[str, ...]:
        """Return the notifications' ids, in order."""
        return tuple(told.id for told in self.told)

    @property
    def shared(self) -> tuple[str, ...]:
        """Return the entities that two of them share, sorted."""
        pairs = combinations(self.told, 2)
        return tuple(sorted({name for one, other in pairs for name in one.entities & other.entities}))


def correlate(told: Iterable[Told]) -> list[Group]:
    """Return the groups, those that matter most first. The order of the findings given does not matter."""
    given = sorted(told, key=lambda one: (one.at, one.id))
    joined = _joined([[one] for one in given], _belong)
    joined = _joined(joined, _share_a_cause, alone=True)
    joined = _joined(joined, _happened_together, alone=True)
    return sorted((_group(members) for members in joined), key=_rank)


def is_noise(group: Group) -> bool:
    """Tell whether a group is no more than something worth knowing: nothing follows from it."""
    return len(group.told) == 1 and group.root.severity < _WARNING


def _joined(groups: list[list[Told]], belong: Callable[[Told, Told], bool], *, alone: bool = False) -> list[list[Told]]:
    """Join groups of which two findings belong together; with `alone` only findings that stand alone so far."""
    free = [members for members in groups if not alone or len(members) == 1]
    kept = [members for members in groups if alone and len(members) > 1]
    done: list[list[Told]] = []
    for members in free:
        near = [other for other in done if any(belong(one, two) for one in members for two in other)]
        done = [other for other in done if other not in near]
        done.append([one for other in near for one in other] + members)
    return kept + done


def _belong(one: Told, other: Told) -> bool:
    if one.entities & other.entities:
        return True
    if one.key is None or other.key is None or not _same_process(one, other) or abs(one.at - other.at) > _SAME_STORY:
        return False
    same = one.key == other.key and one.operator != other.operator
    return same or is_direct(one.key, other.key) or is_direct(other.key, one.key)


def _share_a_cause(one: Told, other: Told) -> bool:
    if one.key is None or other.key is None or one.operator == other.operator or not _same_process(one, other):
        return False
    close = abs(one.at - other.at) <= _SAME_STORY
    return close and min(one.severity, other.severity) >= _WARNING and bool(hidden_causes(one.key, other.key))


def _happened_together(one: Told, other: Told) -> bool:
    unknown = one.key is None and other.key is None
    close = abs(one.at - other.at) <= _SAME_TIME and _same_process(one, other)
    return unknown and close and one.operator != other.operator and min(one.severity, other.severity) >= _WARNING


def _same_process(one: Told, other: Told) -> bool:
    return not one.node or not other.node or one.node == other.node


def way(one: Told, other: Told, keys: Collection[str | None]) -> tuple[Effect, ...]:
    """Return the rows of the table by which one finding makes the other.

    Two rows count only where what is between them was found too, or where the findings share an entity.

    Args:
        one, other: the findings.
        keys: the causes that were found beside them.
    """
    if one.key is None or other.key is None:
        return ()
    rows = effects_between(one.key, other.key)
    sure = len(rows) < 2 or rows[0].effect in keys or bool(one.entities & other.entities)
    return rows if sure else ()


def _group(members: Sequence[Told]) -> Group:
    ordered = _in_order(members)
    keys = {one.key for one in members}
    if any(way(one, other, keys) for one in ordered for other in ordered):
        return Group(ordered, "causal")
    hidden = _hidden(ordered)
    if hidden or any(_is_same(one, two) for one, two in combinations(ordered, 2)):
        return Group(ordered, "symptomatic", hidden)
    return Group(ordered, "temporal")


def _is_same(one: Told, other: Told) -> bool:
    return bool(one.entities & other.entities) or (one.key is not None and one.key == other.key)


def _hidden(ordered: Sequence[Told]) -> str | None:
    for one, other in combinations(ordered, 2):
        if one.key is not None and other.key is not None and hidden_causes(one.key, other.key):
            return hidden_causes(one.key, other.key)[0]
    return None


def _before(one: Told, other: Told) -> bool:
    return one.key is not None and other.key is not None and bool(effects_between(one.key, other.key))


def _in_order(members: Sequence[Told]) -> tuple[Told, ...]:
    """Return causes before effects; among equals what explains more, is surer, worse and earlier."""
    left, ordered = list(members), []

    def rank(one: Told) -> tuple[bool, int, bool, bool, int, float, str]:
        is_effect = any(_before(other, one) for other in left)
        explains = sum(_before(one, other) for other in members)
        return is_effect, -explains, one.key is None, not one.confirmed, -one.severity, one.at, one.id

    while left:
        first = min(left, key=rank)
        left.remove(first)
        ordered.append(first)
    return tuple(ordered)


def _rank(group: Group) -> tuple[int, int, bool, float, str]:
    worst = max(told.severity for told in group.told)
    return -worst, -len(group.operators), not group.root.confirmed, group.root.at, group.root.id
