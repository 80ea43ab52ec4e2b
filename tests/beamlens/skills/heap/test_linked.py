"""Who keeps objects that keep each other: a chain, a ring and a tree of thousands are named by what holds them all."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from typing import Any

import pytest

from beamlens.skills.heap.linked import linked
from beamlens.skills.heap.retaining import Search
from beamlens.skills.heap.roots import Roots

_KEPT = {"Link": ("__main__.Visits.last", 20_000), "Double": ("__main__.Visits.ring", 20_001)}
_KEPT["Branch"] = ("__main__.Visits.tree", 20_001)


class Part:
    """Knows others."""

    def __init__(self, *others: Part) -> None:
        self.others = list(others)


@pytest.fixture(scope="module")
def asked() -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.beamlens.skills.heap.linked_program"],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", _KEPT)
def test_what_holds_the_whole_is_named(asked: dict[str, Any], kind: str) -> None:
    path, objects = _KEPT[kind]
    found = asked[kind]
    assert [each["path"] for each in found["paths"]] == [path]
    assert (found["linked"], found["kept"]) == (objects, 1)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_ring_that_nothing_holds_is_not_said_to_be_kept(asked: dict[str, Any]) -> None:
    assert (asked["Lost"]["linked"], asked["Lost"]["kept"]) == (None, 0)


def test_without_looking_at_the_whole_the_search_loses_its_way_in_a_chain() -> None:
    first = each = Part()
    for _ in range(6000):
        each = Part(each)
    search = Search([first], Roots(copy=False), time.monotonic() + 20.0, copy=False)
    assert [path.root.kind for path in search.paths()] == ["not found"]
    del each


def test_the_end_of_a_chain_is_what_others_hold() -> None:
    parts = [Part()]
    for _ in range(100):
        parts.append(Part(parts[-1]))
    found = linked(parts, 8, time.monotonic() + 20.0)
    assert found is not None
    assert (found.entries, found.objects) == ([parts[-1]], 101)


def test_a_ring_is_held_where_something_else_refers_to_it() -> None:
    one, other = Part(), Part()
    one.others, other.others = [other], [one]
    holder = {"ring": one}
    found = linked([one, other], 8, time.monotonic() + 20.0)
    assert found is not None
    assert one in found.entries
    assert gc.is_tracked(holder)


def test_objects_that_do_not_hold_each_other_are_no_structure() -> None:
    assert linked([Part() for _ in range(100)], 8, time.monotonic() + 20.0) is None


def test_it_is_given_up_when_the_time_is_over() -> None:
    parts = [Part()]
    for _ in range(5000):
        parts.append(Part(parts[-1]))
    assert linked(parts, 8, time.monotonic() - 1.0) is None
