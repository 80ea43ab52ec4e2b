"""Functions that findings of other skills name, traced in the sick programs themselves, under load: it is as they say.

The rules trace nothing by themselves; this is what somebody, or a model, does with such a finding.
"""

from __future__ import annotations

from typing import Any

import pytest

from beamlens.skills.tracer import Tracer
from supervision.testing import wait_until
from tests.beamlens.skills.watched import Watched, watched

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

_PROGRAM = "tests.beamlens.skills.tracer.busy_program"


def _traced(program: Watched, function: str, seconds: float, calls: int) -> dict[str, Any]:
    wait_until(lambda: "error" not in program.call("tracer_start", function, seconds, calls), timeout=30)
    wait_until(lambda: not program.call("tracer_get", 1)["active"], timeout=30)
    told: dict[str, Any] = program.call("tracer_get", 50)
    return told


def test_the_statement_that_is_sent_again_and_again_comes_from_one_line() -> None:
    with watched(Tracer, _PROGRAM, "databases:customer_of_each_order", "8") as program:
        told = _traced(program, "benchmarks.cases.databases._customer", 5.0, 50)
        assert told["count"] >= 50
        assert told["per_second"] > 20, "eight requests a second ask for 25 customers each"
        [caller] = told["callers"]
        assert caller["at"].startswith("benchmarks/cases/databases.py:")
        assert not told["raised"]


def test_the_call_that_holds_the_interpreter_lock_takes_as_long_as_it_was_said_to() -> None:
    with watched(Tracer, _PROGRAM, "traffic:regular_expression", "50") as program:
        told = _traced(program, "benchmarks.cases.traffic._is_address", 8.0, 20)
        assert 1 <= told["count"] < 40, "one request in a hundred needs it"
        assert told["ms"]["longest"] >= 50.0
        again = _traced(program, "benchmarks.cases.traffic._is_address", 4.0, 1)
        assert again["ended"] is not None
        assert program.look()["wrappers_left_behind"] == 0
