"""Real programs, each in its own process: what is sick is named, what is healthy but busy is not reported."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from supervision.testing import wait_until
from tests.beamlens.skills.vm.observed import Observed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

_LINES = "tests/beamlens/skills/vm/program.py"


def _observed(program: str) -> Iterator[Observed]:
    observed = Observed(program)
    yield observed
    assert observed.close() == 0


@pytest.fixture(scope="module")
def sick() -> Iterator[Observed]:
    yield from _observed("sick")


@pytest.fixture(scope="module")
def healthy() -> Iterator[Observed]:
    yield from _observed("healthy")


@pytest.fixture(scope="module")
def busy() -> Iterator[Observed]:
    yield from _observed("busy")


def _found(observed: Observed, name: str) -> list[str]:
    def look() -> list[str] | None:
        observed.look()
        finding = observed.findings().get(name)
        return observed.texts(finding) if finding is not None else None

    return wait_until(look, timeout=60, interval=0.5) or []


def _false_alarms(observed: Observed, seconds: float) -> list[str]:
    alarms: list[str] = []

    def look() -> bool:
        data = observed.look()
        alarms.extend(observed.findings())
        return bool(data["collector"]["seconds"] >= seconds)

    wait_until(look, timeout=60, interval=0.5)
    return alarms


def test_a_cache_that_grows_without_bound_is_named_by_its_path_and_file(sick: Observed) -> None:
    observation, *_, path, file = _found(sick, "container_growth")
    assert path == "__main__.SESSIONS.entries"
    assert file == _LINES
    assert "grew by" in observation


def test_leaking_threads_are_named_by_the_line_that_starts_them(sick: Observed) -> None:
    observation, context, *_, born = _found(sick, "thread_growth")
    assert born.startswith(f"{_LINES}:")
    assert "leak_threads" in context or "leak_threads" in _found(sick, "thread_growth")[2]
    assert "daemons" in observation


def test_a_blocked_event_loop_is_named_by_the_blocking_line(sick: Observed) -> None:
    observation, *_, place, function = _found(sick, "loop_blocked")
    assert function == "render"
    assert place.startswith(f"{_LINES}:")
    assert "time.sleep" in observation


def test_a_lock_held_over_io_is_named_with_its_holder_and_the_number_of_waiters(sick: Observed) -> None:
    observation, *_, place, lock, function = _found(sick, "lock_held_over_io")
    assert function == "ask_the_disk"
    assert lock.endswith("LOCK")
    assert place.startswith(f"{_LINES}:")
    assert "threads on average" in observation
    assert sick.call("vm_locks")["locks"][0]["waiting_max"] == 3


def test_no_secret_in_a_key_leaves_the_program(sick: Observed) -> None:
    _found(sick, "container_growth")
    said = [sick.call(name) for name in ("vm_growing_containers", "vm_memory", "vm_threads", "vm_thread_stacks")]
    assert "secret-token" not in json.dumps([said, sick.look()])


def test_a_cache_with_a_bound_a_plateau_a_pool_that_warms_up_and_garbage_are_no_findings(healthy: Observed) -> None:
    assert _false_alarms(healthy, 16) == []
    rows = {row["path"]: row for row in healthy.call("vm_growing_containers")["largest"]}
    assert rows["__main__.BOUNDED.entries"]["bound"] == 30_000
    assert rows["__main__.BOUNDED.entries"]["steady"], "it must still be filling, or the bound was not what spared it"
    assert not rows["__main__.PLATEAU.entries"]["steady"]


def test_threads_that_compute_beside_a_loop_are_no_finding(busy: Observed) -> None:
    assert _false_alarms(busy, 12) == []


def test_hot_functions_names_what_computes(busy: Observed) -> None:
    profile: dict[str, Any] = busy.call("vm_hot_functions", 1.0)
    assert profile["missing"] == []
    assert any(row["func"].startswith("compute") for row in profile["functions"])
    assert profile["entries"][0]["func"] == f"{_LINES}:compute"


def test_the_collector_stays_below_one_per_cent_of_a_core(healthy: Observed) -> None:
    wait_until(lambda: healthy.look()["collector"]["seconds"] >= 10, timeout=60, interval=0.5)
    collector = healthy.look()["collector"]
    assert collector["errors"] == 0, collector["last_error"]
    assert collector["core_percent"] < 1.0
