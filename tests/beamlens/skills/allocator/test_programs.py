"""Real programs, each in its own process: what is sick is named, what is healthy but busy is not reported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from beamlens.skills.allocator import Allocator
from supervision.testing import wait_until
from tests.beamlens.skills.allocator.program import PROGRAMS
from tests.beamlens.skills.watched import Watched, watched

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

_PROGRAM = "tests.beamlens.skills.allocator.program"
_FILE = "tests/beamlens/skills/allocator/program.py"


@pytest.fixture(scope="module")
def programs() -> Iterator[dict[str, Watched]]:
    """All of them at once, since growth takes its time to be told from a warm-up."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(watched(Allocator, _PROGRAM, name)) for name in PROGRAMS}


def test_memory_that_stays_is_named_by_the_line_that_allocates_it(programs: dict[str, Watched]) -> None:
    program = programs["keeping"]
    observation, *_, at = program.found("allocation_growth", timeout=90)
    assert at.startswith(f"{_FILE}:")
    assert "in every part of that time" in observation
    assert program.look()["tracing"] is False


def test_memory_in_pieces_is_told_from_a_leak(programs: dict[str, Watched]) -> None:
    program = programs["fragmented"]
    observation, context, *_ = program.found("allocator_fragmentation", timeout=90)
    assert "the system does not get back" in observation
    assert "of 448 bytes" in context
    assert program.call("allocator_state")["verdict"] == "fragmentation"


def test_what_is_freed_again_is_no_finding(programs: dict[str, Watched]) -> None:
    program = programs["healthy"]
    wait_until(lambda: program.look()["collector"]["seconds"] >= 45, timeout=90, interval=1.0)
    assert program.alarms(6) == []
    collector = program.look()["collector"]
    assert collector["errors"] == 0, collector["last_error"]
    assert collector["core_percent"] < 1.0


def test_a_busy_program_is_not_traced(programs: dict[str, Watched]) -> None:
    answer = programs["busy"].call("allocator_sites", 1.0)
    assert answer["error"] == "refused"
    assert "several times slower" in answer["text"]
    assert programs["busy"].look()["tracing"] is False
