"""Who keeps an object alive, for each way in which Python can: in a copy of the process, and in place."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

_FILE = "tests/beamlens/skills/heap/holders_program.py"
_FOUND = {
    "instance attribute": ("module global", "__main__.HOLDER.entries[...]"),
    "slot": ("module global", "__main__.HOLDER.entries[...].held"),
    "odd attribute": ("module global", "__main__.NAMES[...]"),
    "class attribute": ("class attribute", "__main__.Holder.by_class[...]"),
    "lru_cache": ("lru_cache", "__main__.cached[...]"),
    "lru_cache with a bound": ("lru_cache", "__main__.cached_with_bound[...]"),
    "closure": ("module global", "__main__.CLOSURE.<closure>"),
    "default argument": ("module global", "__main__.default.<default>[...]"),
    "bounded": ("module global", "__main__.BOUNDED.entries[...]"),
    "long chain": ("module global", "__main__.CHAIN" + "[...]" * 41),
    "hub": ("module global", "__main__.HUB"),
    "in a large dict": ("module global", "__main__.LARGE[...][...]"),
    "beside a large dict": ("module global", "__main__.BESIDE[...][...]"),
    "key": ("module global", "__main__.KEYS[key]"),
    "task": ("task", "task job.<thing>"),
    "thread argument": ("thread", "thread __main__.work._args[...]"),
    "context variable": ("context variable", "context variable VARIABLE"),
    "cycle": ("reference cycle", "a reference cycle that was not collected yet"),
    "thread-local": ("module global", "__main__.LOCAL.<?>[...][...]"),
    "context of a thread": ("context variable", "context variable VARIABLE"),
}
_IN_COPY_ONLY = {
    "frame local": ("frame local", "work.<local>"),
    "below a frame local": ("frame local", "work.<hidden>[...][...]"),
}


@pytest.fixture(scope="module")
def asked() -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.beamlens.skills.heap.holders_program"],
        input=json.dumps([*_FOUND, *_IN_COPY_ONLY]) + "\n",
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.mark.parametrize("name", [*_FOUND, *_IN_COPY_ONLY])
def test_the_copy_tells_who_keeps_it(asked: dict[str, Any], name: str) -> None:
    row = asked["copy"][name]
    assert (row["root"], row["path"]) == {**_FOUND, **_IN_COPY_ONLY}[name]
    assert row["how"] == "in a copy of the process"
    assert row["stop_ms"] <= 50


@pytest.mark.parametrize("name", [name for name in _FOUND if name not in ("task", "long chain")])
def test_so_does_looking_in_place(asked: dict[str, Any], name: str) -> None:
    row = asked["place"][name]
    assert (row["root"], row["path"]) == _FOUND[name]
    assert row["how"] == "in place"
    assert row["stop_ms"] <= 50


def test_a_long_chain_in_place_ends_with_the_budget_and_says_so(asked: dict[str, Any]) -> None:
    row = asked["place"]["long chain"]
    assert row["root"] == "module global" or "has stopped the application" in " ".join(row["missing"])


@pytest.mark.parametrize("name", list(_IN_COPY_ONLY))
def test_in_place_no_running_function_is_read_and_the_answer_says_so(asked: dict[str, Any], name: str) -> None:
    row = asked["place"][name]
    assert row["root"] == "outside Python"
    assert "variables of running functions" in row["missing"]


def test_a_coroutine_is_named_in_place_without_its_variables(asked: dict[str, Any]) -> None:
    assert asked["place"]["task"]["path"] == "task job.<local>"
    assert asked["place"]["task"]["root_at"].startswith(f"{_FILE}:")


def test_a_bound_on_the_way_is_told(asked: dict[str, Any]) -> None:
    assert asked["copy"]["bounded"]["bound"] == 1000
    assert asked["copy"]["lru_cache with a bound"]["bound"] == 100
    assert asked["copy"]["lru_cache"]["bound"] is None
    assert asked["copy"]["instance attribute"]["bound"] is None


def test_no_key_and_no_name_that_is_data_is_shown(asked: dict[str, Any]) -> None:
    assert "secret" not in json.dumps(asked)
