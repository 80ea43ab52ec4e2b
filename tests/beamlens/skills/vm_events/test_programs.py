"""Real programs, each in its own process: what is sick is named, what is healthy but busy is not reported."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from beamlens.skills.vm_events import VmEvents
from supervision.testing import wait_until
from tests.beamlens.skills.watched import Watched, watched

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

_PROGRAM = "tests.beamlens.skills.vm_events.program"
_FILE = "tests/beamlens/skills/vm_events/program.py"


def _events(program: Watched, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = program.call("vm_events_list", kind, 50)["events"]
    return found


def test_c_code_that_keeps_the_interpreter_lock_is_named_with_its_line() -> None:
    with watched(VmEvents, _PROGRAM, "holding") as program:
        observation, _, hypothesis, _, at, function = program.found("gil_held")
        assert at.startswith(f"{_FILE}:")
        assert function == "holds_the_lock"
        assert "sum" in hypothesis
        assert "no other thread ran" in observation
        assert {event["func"] for event in _events(program, "gil_hold")} == {"holds_the_lock"}
        assert _events(program, "suspended") == []


def test_full_collections_are_named_and_are_no_holds_of_anybody() -> None:
    with watched(VmEvents, _PROGRAM, "collecting") as program:
        observation, *_ = program.found("gc_stalls")
        assert "a collection of generation 2" in observation
        # While the heap was made the lock may well have been held for a moment; since then only collections stop it.
        assert [event for event in _events(program, "gil_hold") if event["ago_seconds"] < 2] == []


def test_a_blocked_event_loop_is_named_with_its_line() -> None:
    with watched(VmEvents, _PROGRAM, "blocking") as program:
        observation, *_, at, function = program.found("loop_stalls")
        assert function == "_blocks"
        assert at.startswith(f"{_FILE}:")
        assert "time.sleep" in observation
        lengths = [event["ms"] for event in _events(program, "loop_stall")]
        # The heartbeat comes up to 100 ms after the block began; waits for a processor around it are taken off.
        assert all(200 <= length <= 700 for length in lengths[1:]), lengths


def test_a_process_that_was_stopped_is_told_from_one_that_computed() -> None:
    with watched(VmEvents, _PROGRAM, "idle") as program:
        wait_until(lambda: program.look()["collector"]["looks"] >= 5, timeout=20, interval=0.2)
        os.kill(program.process.pid, signal.SIGSTOP)
        wait_until(lambda: _state(program.process.pid) == "T", timeout=10)
        _pass(0.6)
        os.kill(program.process.pid, signal.SIGCONT)
        wait_until(lambda: _events(program, "suspended"), timeout=20, interval=0.2)
        assert _events(program, "suspended")[0]["ms"] >= 400
        assert _events(program, "gil_hold") == []
        assert program.findings() == {}


def _state(pid: int) -> str:
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(") ")[2][0]


def _pass(seconds: float) -> None:
    """Let time pass: there is no condition to wait for, since the program stands still."""
    with pytest.raises(TimeoutError):
        wait_until(lambda: False, timeout=seconds)


def test_threads_that_compute_and_a_loop_that_serves_are_no_finding() -> None:
    with watched(VmEvents, _PROGRAM, "healthy") as program:
        assert program.alarms(12) == []
        collector = program.look()["collector"]
        assert collector["errors"] == 0, collector["last_error"]
        assert collector["core_percent"] < 1.0
