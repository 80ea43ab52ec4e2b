"""Whether what is found on a path has a bound: what stands beside it says so."""

from __future__ import annotations

from typing import Any

import pytest

from beamlens.skills.heap.bounded import bound_on


class Slotted:
    """Has no `__dict__` between it and what it holds, as instances of Python 3.13."""

    __slots__ = ("entries",)
    max_entries = 1000

    def __init__(self, count: int) -> None:
        self.entries: dict[int, Any] = dict.fromkeys(range(count))


class Plain:
    def __init__(self, count: int) -> None:
        self.entries: dict[int, Any] = dict.fromkeys(range(count))


@pytest.mark.parametrize(("holder", "bound"), [(Slotted(10), 1000), (Slotted(1001), None), (Plain(10), None)])
def test_a_container_that_is_asked_for_itself_has_the_bound_that_stands_beside_it(
    holder: Slotted | Plain, bound: int | None
) -> None:
    names: dict[str, Any] = {"__name__": "shop", "__spec__": None, "HOLDER": holder}
    assert bound_on([names, holder, holder.entries], ["", ".HOLDER", ".entries"]) == bound


def test_what_is_in_a_container_has_no_bound_of_its_own() -> None:
    holder, item = Slotted(1001), {"a": 1}
    holder.entries[0] = item
    names: dict[str, Any] = {"__name__": "shop", "__spec__": None, "HOLDER": holder}
    path = [names, holder, holder.entries, item]
    assert bound_on(path, ["", ".HOLDER", ".entries", "[...]"]) is None
    del holder.entries[1000], holder.entries[999]
    assert bound_on(path, ["", ".HOLDER", ".entries", "[...]"]) == 1000
