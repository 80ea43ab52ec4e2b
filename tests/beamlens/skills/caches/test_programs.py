"""Real programs, each in its own process: what is sick is named, what is healthy but busy is not reported."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from beamlens.skills.caches import Caches
from supervision.testing import wait_until
from tests.beamlens.skills.caches.program import PROGRAMS
from tests.beamlens.skills.watched import Watched, watched

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

_PROGRAM = "tests.beamlens.skills.caches.program"
_FILE = "tests/beamlens/skills/caches/program.py"


@pytest.fixture(scope="module")
def programs() -> Iterator[dict[str, Watched]]:
    """All of them at once, since growth takes its time to be told from a warm-up."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(watched(Caches, _PROGRAM, name)) for name in PROGRAMS}


def test_what_grows_behind_an_attribute_in_a_class_and_in_a_function_cache_is_named(
    programs: dict[str, Watched],
) -> None:
    program = programs["serving"]
    observation, context, *_, path, file = program.found("cache_growth", timeout=90)
    names = {"__main__.SERVICE.entries", "__main__.Audit.seen", "__main__.price_of"}
    assert path in names
    assert file == _FILE
    assert "in every part of that time" in observation
    assert "nothing beside it names a bound" in context
    assert {row["path"] for row in program.call("caches_growing", 10)["growing"]} == names


def test_a_function_cache_is_told_with_its_hits_and_its_bound(programs: dict[str, Watched]) -> None:
    rows = {row["name"]: row for row in programs["serving"].call("caches_functions", 50)["caches"]}
    assert rows["__main__.price_of"]["bound"] is None
    assert rows["__main__.price_of"]["misses"] == rows["__main__.price_of"]["items"] > 0
    assert rows["__main__.price_of"]["at"].startswith(f"{_FILE}:")
    assert rows["__main__.discount_of"]["bound"] == 500_000


def test_what_a_container_holds_and_takes_is_told_by_types(programs: dict[str, Watched]) -> None:
    found = programs["serving"].call("caches_info", "__main__.Audit.seen")
    assert found["newest"] == [{"type": "tuple", "count": 100}]
    # A tuple of two and a number: about 100 bytes with its place in the list, the text is shared but counted.
    assert 50 <= found["about_mb"] * 2**20 / found["items"] <= 250


def test_a_dictionary_that_only_a_running_function_knows_is_named_with_its_line(programs: dict[str, Watched]) -> None:
    observation, context, *_, path, at = programs["polling"].found("hidden_growth", timeout=90)
    assert path == "poll.<known>"
    assert at.startswith(f"{_FILE}:")
    assert "dict that no module names" in observation
    assert "frame local" in context


def test_caches_with_a_bound_a_plateau_a_batch_and_a_table_are_no_findings(programs: dict[str, Watched]) -> None:
    program = programs["healthy"]
    wait_until(lambda: (program.look()["heap"]["seconds"] or 0) >= 35, timeout=90, interval=1.0)
    assert program.alarms(6) == []
    rows = {row["path"]: row for row in program.call("caches_list", 20)["containers"]}
    assert rows["__main__.BOUNDED.entries"]["bound"] == 1_000_000
    assert rows["__main__.discount_of"]["bound"] == 500_000
    assert rows["__main__.BOUNDED.entries"]["steady"], "it must still be filling, or the bound was not what spared it"


def test_no_key_and_no_value_leaves_the_program(programs: dict[str, Watched]) -> None:
    for name, program in programs.items():
        said = [program.look(), program.call("caches_list", 50), program.call("caches_functions", 50)]
        said.append(program.call("caches_who_keeps", "__main__.SERVICE.entries" if name == "serving" else "Service"))
        said.append(program.call("caches_anywhere", 0.5, 10))
        assert "secret" not in json.dumps(said)
        assert "error" not in said[4], said[4]


def test_the_walk_stays_below_one_per_cent_of_a_core(programs: dict[str, Watched]) -> None:
    for program in programs.values():
        collector = program.look()["collector"]
        assert collector["errors"] == 0, collector["last_error"]
        assert collector["core_percent"] < 1.0
