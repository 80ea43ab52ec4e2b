"""Real programs, each in its own process: what is sick is named, what is healthy but busy is not reported."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from beamlens.skills.gc import Gc
from supervision.testing import wait_until
from tests.beamlens.skills.gc.program import PROGRAMS
from tests.beamlens.skills.watched import Watched, watched

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

_PROGRAM = "tests.beamlens.skills.gc.program"
_SESSION = f"{_PROGRAM}.Session".replace(_PROGRAM, "__main__")


@pytest.fixture(scope="module")
def programs() -> Iterator[dict[str, Watched]]:
    """All of them at once, since growth takes its time to be told from a warm-up."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(watched(Gc, _PROGRAM, name)) for name in PROGRAMS}


def test_a_type_that_keeps_growing_is_named_with_who_keeps_it(programs: dict[str, Watched]) -> None:
    program = programs["keeping"]
    observation, context, hypothesis, _, kind, path, _ = program.found("type_growth", timeout=90)
    assert kind == _SESSION
    assert path == "__main__.REGISTRY.open[...]"
    assert "8 of 8" in observation
    assert "module global" in context
    assert path in hypothesis
    said = [program.look(), program.call("gc_holders", _SESSION), program.call("gc_types"), observation, context]
    assert "secret-token" not in json.dumps(said)


def test_cycles_that_pile_up_without_a_collector_are_no_leak_but_named(programs: dict[str, Watched]) -> None:
    program = programs["switched_off"]
    observation, *_ = program.found("garbage_waits", timeout=90)
    assert "switched off" in observation
    assert "type_growth" not in program.findings(), "nothing keeps them but themselves"
    held = program.call("gc_holders", "__main__.Request", 4)
    assert held["garbage"] == 4
    assert held["kept"] == 0


def test_a_debug_flag_that_saves_everything_is_named(programs: dict[str, Watched]) -> None:
    observation, context, *_ = programs["saving"].found("uncollectable_growth")
    assert "gc.garbage holds" in observation
    assert "true" in context
    assert programs["saving"].call("gc_garbage", 3)["saves_all"] is True


def _largest(program: Watched) -> list[str]:
    return [row["type"] for row in program.call("gc_types", 1)["types"]]


def test_full_collections_of_a_large_heap_are_named_with_what_is_in_it(programs: dict[str, Watched]) -> None:
    program = programs["collecting"]
    wait_until(lambda: _largest(program) == ["list"], timeout=90, interval=0.5)
    observation, context, *_, largest = program.found("gc_pauses", timeout=90)
    assert "generation 2" in observation
    assert largest == "list"
    assert "collect_for_each_request" in context


def test_a_cache_with_a_bound_a_plateau_and_garbage_are_no_findings(programs: dict[str, Watched]) -> None:
    program = programs["healthy"]
    wait_until(lambda: program.look()["types"]["seconds"] >= 30, timeout=90, interval=1.0)
    assert program.alarms(6) == []
    growing = {row["type"] for row in program.call("gc_growing_types")["growing"]}
    assert _SESSION in growing, "it must still be growing, or the bound was not what spared it"
    assert program.call("gc_holders", _SESSION)["paths"][0]["bound"] == 2_000_000


def test_counting_and_timing_cost_what_was_saved_and_little_more(programs: dict[str, Watched]) -> None:
    for name in ("keeping", "healthy", "collecting"):
        data = programs[name].look()
        collector = data["collector"]
        assert collector["errors"] == 0, collector["last_error"]
        assert collector["core_percent"] < 1.0
        assert collector["counting_ms"] <= 1000 + 0.002 * 1000 * collector["seconds"] + 500
