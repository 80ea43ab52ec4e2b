"""Walking modules for large containers: named, without running code, without showing keys."""

from __future__ import annotations

import functools
import gc
import sys
import threading
import types
from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Any

import pytest

from beamlens.skills.interpreter.bounds import bound_of
from beamlens.skills.interpreter.container_history import ContainerHistory
from beamlens.skills.interpreter.containers import Found, Walker
from beamlens.skills.interpreter.holders import Kind, Node, holders

_MANY = range(500)


@pytest.fixture
def module() -> Iterator[Any]:
    made = types.ModuleType("shop_for_walk")
    made.__file__ = "/srv/shop/shop_for_walk.py"
    sys.modules["shop_for_walk"] = made
    yield made
    del sys.modules["shop_for_walk"]


def _found(budget_ms: float = 2000.0) -> dict[str, Found]:
    # The test runner's own modules are the application here, so the budget is generous.
    return {found.path: found for found in Walker(budget_ms).walk().found if "shop_for_walk" in found.path}


class Holder:
    def __init__(self) -> None:
        self.entries = dict.fromkeys(_MANY)

    @property
    def dangerous(self) -> Any:
        raise AssertionError("a property ran")

    def __len__(self) -> int:
        raise AssertionError("__len__ ran")

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"__getattr__({name}) ran")


class Slotted:
    __slots__ = ("items", "unset")

    def __init__(self) -> None:
        self.items = list(_MANY)


class Odd(dict[str, int]):
    def __len__(self) -> int:
        raise AssertionError("__len__ ran")


def test_containers_are_named_as_a_reader_would(module: Any) -> None:
    kept = list(_MANY)
    module.CACHE = dict.fromkeys(_MANY)
    module.service = types.SimpleNamespace()
    module.holder = Holder()
    module.slotted = Slotted()
    module.queue = deque(_MANY)
    module.ordered = OrderedDict.fromkeys(_MANY)
    module.odd = Odd({str(number): number for number in _MANY})
    module.closure = lambda: kept
    found = _found()
    sizes = {path.removeprefix("shop_for_walk."): each.size for path, each in found.items()}
    names = ("CACHE", "holder.entries", "slotted.items", "queue", "ordered", "odd", "closure.<kept>")
    assert sizes == dict.fromkeys(names, 500)
    assert {each.file for path, each in found.items() if path.endswith("CACHE")} == {"shop/shop_for_walk.py"}


def test_keys_are_never_shown(module: Any) -> None:
    module.SESSIONS = {"alice@example.org-secret": list(_MANY)}
    assert list(_found()) == ["shop_for_walk.SESSIONS[...]"]


def test_caches_of_functools_are_found_with_their_bound(module: Any) -> None:
    module.unbounded = functools.lru_cache(maxsize=None)(abs)
    module.bounded = functools.lru_cache(maxsize=1000)(abs)
    for number in _MANY:
        module.unbounded(number)
        module.bounded(number)
    found = _found()
    assert found["shop_for_walk.unbounded"].bound is None
    assert found["shop_for_walk.bounded"].bound == 1000


def test_large_containers_are_not_looked_into(module: Any) -> None:
    module.OUTER = {number: list(_MANY) for number in range(200)}
    assert list(_found()) == ["shop_for_walk.OUTER"]


def test_instances_without_large_containers_keep_their_inline_attributes(module: Any) -> None:
    class Plain:
        def __init__(self) -> None:
            self.small_thing_of_plain = [1]

    module.plain = Plain()
    _found()
    assert not _dicts_with("small_thing_of_plain"), "its __dict__ was made"
    kept = vars(module.plain)
    assert _dicts_with("small_thing_of_plain") == [kept], "the check above sees nothing"


def _dicts_with(key: str) -> list[dict[str, Any]]:
    """Return the dictionaries that have this key; from Python 3.13 on an instance does not lead to its own."""
    return [each for each in gc.get_objects() if type(each) is dict and key in each]


def test_the_walk_keeps_no_reference_to_what_it_saw(module: Any) -> None:
    module.holder = Holder()
    walker = Walker(2000.0)
    before = sys.getrefcount(module.holder), sys.getrefcount(module.holder.entries)
    walk = walker.walk()
    assert walk.found
    assert (sys.getrefcount(module.holder), sys.getrefcount(module.holder.entries)) == before


def test_a_walk_ends_when_its_budget_is_used_and_the_next_goes_on(module: Any) -> None:
    module.CACHE = dict.fromkeys(_MANY)
    walker = Walker(budget_ms=0.3)
    walks = [walker.walk() for _ in range(3)]
    assert not walks[0].complete
    for _ in range(5000):
        if any("shop_for_walk" in found.path for found in walks[-1].found):
            break
        walks.append(walker.walk())
    assert any(found.path == "shop_for_walk.CACHE" for found in walks[-1].found)


def test_a_thread_that_changes_a_small_container_meanwhile_does_no_harm(module: Any) -> None:
    module.small = {}
    ended = threading.Event()

    def change() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            module.small[number % 50] = [number]
            if number % 3 == 0:
                module.small.pop(next(iter(module.small)), None)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(20):
            Walker(2000.0).walk()
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize(
    ("container", "names", "bound"),
    [
        ("entries", {"maxsize": 10}, 10),
        ("entries", {"_max_entries": 10, "entries": {}}, 10),
        ("CACHE", {"MAX_CACHE": 7}, 7),
        ("CACHE", {"CACHE_LIMIT": 7}, 7),
        ("CACHE", {"MAX_RETRIES": 7}, None),
        ("CACHE", {"MAX_CACHE": "7"}, None),
        ("CACHE", {"MAX_CACHE": True}, None),
        ("CACHE", {"CACHE_HITS": 7}, None),
        ("CACHE", {"capacity": -1}, None),
    ],
)
def test_a_bound_is_what_neighbours_say(container: str, names: dict[str, Any], bound: int | None) -> None:
    assert bound_of(container, names) == bound


def test_growth_is_reported_and_the_bound_spares_a_container(module: Any) -> None:
    module.LEAK, module.POOL, module.MAX_POOL = {}, {}, 10_000
    history = ContainerHistory()
    history._walker = Walker(2000.0)
    for second in range(12):
        module.LEAK.update(dict.fromkeys(range(second * 300, second * 300 + 300)))
        module.POOL.update(dict.fromkeys(range(second * 300, second * 300 + 300)))
        history.look(float(second))
    mine = [row["path"] for row in history.growing(50) if "shop_for_walk" in row["path"]]
    assert mine == ["shop_for_walk.LEAK"]
    del module.MAX_POOL  # the defence off: then it is a leak like any other
    history.look(12.0)
    assert {"shop_for_walk.LEAK", "shop_for_walk.POOL"} <= {row["path"] for row in history.growing(50)}


def test_a_function_does_not_lead_to_the_builtins() -> None:
    def shop() -> None: ...

    shop.cache = dict.fromkeys(_MANY)  # type: ignore[attr-defined]
    held = [value for _, value in holders(Node(shop, Kind.FUNCTION, None, "shop", 0), None)]
    assert held == [shop.cache]  # type: ignore[attr-defined]
