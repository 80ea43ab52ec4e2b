"""Real programs, each in its own process: what is sick is named, what is healthy but busy is not reported."""

from __future__ import annotations

import json

import pytest

from beamlens.skills.outbound import Outbound
from tests.beamlens.skills.watched import Watched, watched

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

_PROGRAM = "tests.beamlens.skills.outbound.program"
_FILE = "tests/beamlens/skills/outbound/program.py"


def _said(program: Watched) -> str:
    names = ("outbound_hosts", "outbound_in_flight", "outbound_errors")
    return json.dumps([program.look(), *(program.call(name) for name in names)])


def test_calls_that_hang_without_a_timeout_are_named_by_the_line_that_makes_them() -> None:
    with watched(Outbound, _PROGRAM, "hanging") as program:
        observation, *_, host, place = program.found("call_without_timeout_hangs")
        assert host.startswith("127.0.0.1:")
        assert place.startswith(f"{_FILE}:")
        assert observation.startswith("2 calls")
        [call, _] = program.call("outbound_in_flight")
        assert (call["func"], call["has_timeout"], call["what"]) == ("ask_without_timeout", False, "GET")
        assert "s3cr3t" not in _said(program)


def test_a_service_that_takes_long_while_calls_wait_for_it_is_named() -> None:
    with watched(Outbound, _PROGRAM, "slow") as program:
        observation, *_, host, place, function = program.found("dependency_slow")
        assert host.startswith("127.0.0.1:")
        assert place.startswith(f"{_FILE}:")
        assert function == "ask_a_slow_one"
        assert "in flight at once" in observation


@pytest.mark.parametrize(
    ("name", "kind", "function"), [("flaky", "status 503", "ask_a_flaky_one"), ("nobody", "Connection", "ask_nobody")]
)
def test_failing_calls_are_named_by_host_and_kind(name: str, kind: str, function: str) -> None:
    with watched(Outbound, _PROGRAM, name) as program:
        *_, host, place, said = program.found("dependency_fails")
        assert host.startswith("127.0.0.1:")
        assert place.startswith(f"{_FILE}:")
        assert said.startswith(kind)
        [row] = program.call("outbound_hosts")
        assert row["func"] == function
        assert "s3cr3t" not in _said(program)


def test_many_calls_polls_cancelled_ones_and_client_errors_are_no_findings() -> None:
    with watched(Outbound, _PROGRAM, "healthy") as program:
        assert program.alarms(14) == []
        data = program.look()
        assert set(data["libraries"]) >= {"httpx", "http.client"}
        assert data["collector"][0]["errors"] == 0
        assert sum(row["errors"] for row in data["hosts"]) == 0
        assert sum(row["count"] for row in data["hosts"]) > 100
