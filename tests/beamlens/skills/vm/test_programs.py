"""Real programs, each in its own process: what is sick is named, what is healthy but busy is not reported."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from beamlens.skills.vm import Vm
from supervision.testing import wait_until
from tests.beamlens.skills.watched import Watched

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

_LINES = "tests/beamlens/skills/vm/program.py"


def _watched(program: str) -> Iterator[Watched]:
    observed = Watched(Vm, "tests.beamlens.skills.vm.program", program, last=3)
    yield observed
    assert observed.close() == 0


@pytest.fixture(scope="module")
def sick() -> Iterator[Watched]:
    yield from _watched("sick")


@pytest.fixture(scope="module")
def healthy() -> Iterator[Watched]:
    yield from _watched("healthy")


@pytest.fixture(scope="module")
def busy() -> Iterator[Watched]:
    yield from _watched("busy")


def _false_alarms(observed: Watched, seconds: float) -> list[str]:
    alarms: list[str] = []

    def look() -> bool:
        data = observed.look()
        alarms.extend(observed.findings())
        return bool(data["collector"]["seconds"] >= seconds)

    wait_until(look, timeout=60, interval=0.5)
    return alarms


def test_a_cache_that_grows_without_bound_is_named_by_its_path_and_file(sick: Watched) -> None:
    observation, *_, path, file = sick.found("container_growth")
    assert path == "__main__.SESSIONS.entries"
    assert file == _LINES
    assert "grew by" in observation


def test_leaking_threads_are_named_by_the_line_that_starts_them(sick: Watched) -> None:
    observation, context, *_, born = sick.found("thread_growth")
    assert born.startswith(f"{_LINES}:")
    assert "leak_threads" in context or "leak_threads" in sick.found("thread_growth")[2]
    assert "daemons" in observation


def test_a_blocked_event_loop_is_named_by_the_blocking_line(sick: Watched) -> None:
    observation, *_, place, function = sick.found("loop_blocked")
    assert function == "render"
    assert place.startswith(f"{_LINES}:")
    assert "time.sleep" in observation


def test_a_lock_held_over_io_is_named_with_its_holder_and_the_number_of_waiters(sick: Watched) -> None:
    observation, *_, place, lock, function = sick.found("lock_held_over_io")
    assert function == "ask_the_disk"
    assert lock.endswith("LOCK")
    assert place.startswith(f"{_LINES}:")
    assert "threads on average" in observation
    assert sick.call("vm_locks")["locks"][0]["waiting_max"] == 3


def test_no_secret_in_a_key_leaves_the_program(sick: Watched) -> None:
    sick.found("container_growth")
    said = [sick.call(name) for name in ("vm_growing_containers", "vm_memory", "vm_threads", "vm_thread_stacks")]
    assert "secret-token" not in json.dumps([said, sick.look()])


def test_a_cache_with_a_bound_a_plateau_a_pool_that_warms_up_and_garbage_are_no_findings(healthy: Watched) -> None:
    assert _false_alarms(healthy, 16) == []
    rows = {row["path"]: row for row in healthy.call("vm_growing_containers")["largest"]}
    assert rows["__main__.BOUNDED.entries"]["bound"] == 30_000
    assert rows["__main__.BOUNDED.entries"]["steady"], "it must still be filling, or the bound was not what spared it"
    assert not rows["__main__.PLATEAU.entries"]["steady"]


def test_threads_that_compute_beside_a_loop_are_no_finding(busy: Watched) -> None:
    assert _false_alarms(busy, 12) == []


def test_hot_functions_names_what_computes(busy: Watched) -> None:
    profile: dict[str, Any] = busy.call("vm_hot_functions", 1.0)
    assert profile["missing"] == []
    assert any(row["func"].startswith("compute") for row in profile["functions"])
    assert profile["entries"][0]["func"] == f"{_LINES}:compute"


def test_the_collector_stays_below_one_per_cent_of_a_core(healthy: Watched) -> None:
    wait_until(lambda: healthy.look()["collector"]["seconds"] >= 10, timeout=60, interval=0.5)
    collector = healthy.look()["collector"]
    assert collector["errors"] == 0, collector["last_error"]
    assert collector["core_percent"] < 1.0
