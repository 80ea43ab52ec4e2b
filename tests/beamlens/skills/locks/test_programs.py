"""Real programs, each in its own process: what is sick is named, what is healthy but busy is not reported."""

from __future__ import annotations

import pytest

from beamlens.skills.locks import Locks
from tests.beamlens.skills.watched import watched

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

_PROGRAM = "tests.beamlens.skills.locks.program"
_FILE = "tests/beamlens/skills/locks/program.py"


@pytest.mark.parametrize(
    ("name", "count", "functions"),
    [
        ("crossed", 2, {"Account.receive"}),
        ("reentrant", 2, {"Reentrant.forth", "Reentrant.back"}),
        ("careless", 1, {"Careless.flush"}),
    ],
)
def test_a_deadlock_is_named_with_all_its_threads_and_lines(name: str, count: int, functions: set[str]) -> None:
    with watched(Locks, _PROGRAM, name) as program:
        observation, *_, first, _last, lock = program.found("deadlock")
        assert first.startswith(f"{_FILE}:")
        assert lock.startswith(("__main__", "ours", "theirs"))
        assert observation.startswith(f"{count} threads wait")
        [circle] = program.call("locks_deadlocks")
        assert {each["func"] for each in circle["threads"]} == functions
        assert all(each["holder_at"] for each in circle["threads"])
        waiting = program.call("locks_waiting", 10)
        assert len(waiting) == count
        assert {each["holder_thread"] for each in waiting} == {each["thread"] for each in waiting}


def test_a_lock_held_over_io_is_named_by_the_holders_line() -> None:
    with watched(Locks, _PROGRAM, "over_io") as program:
        observation, *_, place, lock, function = program.found("lock_held_over_io")
        assert function == "read"
        assert place.startswith(f"{_FILE}:")
        assert lock.endswith("LOCK")
        assert "connection.recv" in observation
        assert program.call("locks_deadlocks") == []


def test_a_lock_held_over_a_computation_is_named() -> None:
    with watched(Locks, _PROGRAM, "computing") as program:
        *_, place, lock = program.found("lock_contention")
        assert place.startswith(f"{_FILE}:")
        assert lock.endswith("LOCK")


def test_chains_of_locks_idle_workers_and_a_lock_used_as_a_signal_are_no_findings() -> None:
    with watched(Locks, _PROGRAM, "healthy") as program:
        assert program.alarms(14) == []
        assert all(each["errors"] == 0 for each in program.look()["collector"])
        assert sum(each["core_percent"] for each in program.look()["collector"]) < 1.0
