"""An escalation starts the coordinator of a real tree, at most three times an hour."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from beamlens import telemetry
from beamlens.alarm import Alarm
from beamlens.probe.messages import Call
from beamlens.supervisor import Beamlens
from beamlens.telemetry import emit
from supervision.testing import wait_until
from tests.beamlens.skills.anomaly.test_anomaly import Shop

_NAMES = ("escalation", "auto_trigger_started", "auto_trigger_failed", "trigger_rate_limited")


@pytest.fixture
def heard() -> Iterator[list[tuple[str, dict[str, Any]]]]:
    found: list[tuple[str, dict[str, Any]]] = []
    names: list[tuple[str, ...]] = [("beamlens", "anomaly", "detector", name) for name in _NAMES]
    names += [("beamlens", "coordinator", "run_started"), ("beamlens", "coordinator", "iteration_start")]
    telemetry.attach_many("test-alarm", names, lambda name, m, meta, _: found.append((name[-1], {**m, **meta})), None)
    yield found
    telemetry.detach("test-alarm")


def _escalate(number: int = 1) -> None:
    rows = [{"key": f"shop.queue{each}", "value": 500.0, "usual": 5.0} for each in range(number)]
    emit(("beamlens", "anomaly", "detector", "escalation"), {"anomaly_count": number}, {"anomalies": rows})


def test_an_escalation_of_the_skill_has_the_coordinator_look(
    tmp_path: Path, heard: list[tuple[str, dict[str, Any]]]
) -> None:
    quick = {"interval": 0.02, "learning_seconds": 1.0, "cooldown_seconds": 600.0, "directory": str(tmp_path)}
    Shop.queue = 5.0
    operators = [{"skill": Shop, "name": "shop"}, {"skill": "anomaly", "skill_options": quick}]
    lens = Beamlens.start(operators=operators, provider="rules", transcripts=False, control=False, pace=0.1)
    try:
        wait_until(lambda: _state(lens) == "active", timeout=30, interval=0.05)
        Shop.queue = 500.0
        wait_until(lambda: any(name == "iteration_start" for name, _ in heard), timeout=30)
        started = next(about for name, about in heard if name == "auto_trigger_started")
        assert started["anomaly_summary"] == "shop.queue: 500.0 (usual: 5.0)"
    finally:
        Shop.queue = 5.0
        lens.stop()


def _state(lens: Any) -> str:
    answer = lens["probe"].ask(Call("anomaly", "anomaly_get_state"), timeout=30)
    return str(answer.value["state"])


def test_it_starts_three_times_an_hour_and_no_oftener(heard: list[tuple[str, dict[str, Any]]]) -> None:
    now = [0.0]
    asked: list[Any] = []

    class Coordinator:
        """Count what it is asked."""

        def ask(self, message: Any, block: bool) -> None:
            assert not block
            asked.append(message)

    alarm = Alarm("no tree", clock=lambda: now[0])
    found: list[Any] = [Coordinator()]
    alarm._parts.find = lambda name, seconds=0.0: found[0]  # type: ignore[method-assign]
    for _ in range(5):
        alarm.on_receive([{"key": "a", "value": 1, "usual": 0}])
    assert len(asked) == 3
    assert [name for name, _ in heard].count("trigger_rate_limited") == 2
    now[0] = 3601.0
    alarm.on_receive([])
    assert len(asked) == 4
    found[0] = None
    alarm.on_receive([])
    assert heard[-1] == ("auto_trigger_failed", {**heard[-1][1], "reason": "coordinator_not_running"})


def test_a_tree_without_the_skill_has_no_alarm(heard: list[tuple[str, dict[str, Any]]]) -> None:
    lens = Beamlens.start(operators=[Shop], provider="rules", transcripts=False, control=False)
    try:
        assert "alarm" not in lens
        _escalate()
        assert [name for name, _ in heard] == ["escalation"]
    finally:
        lens.stop()
