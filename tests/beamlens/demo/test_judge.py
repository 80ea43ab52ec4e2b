"""The judge says found for the truth, and for nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from beamlens.demo.faults import FAULTS, Fault, fault_named
from beamlens.demo.judge import judge, warnings
from beamlens.demo.shop.switches import Switches


def _outcome(*found: tuple[str, str], hypothesis: str | None = None, severity: str = "warning") -> dict[str, Any]:
    """Return the outcome of a run that found (cause, observation), the root first."""
    notifications = [
        {"id": str(number), "cause": cause, "observation": text, "severity": severity, "operator": "vm", "context": ""}
        for number, (cause, text) in enumerate(found)
    ]
    insight = {
        "notification_ids": [one["id"] for one in notifications],
        "summary": " ".join(text for _, text in found),
        "root_cause_hypothesis": hypothesis,
    }
    return {"insights": [insight], "notifications": notifications}


def _true(fault: Fault) -> dict[str, Any]:
    return _outcome((fault.cause, f"seen at {fault.named[0]}"), hypothesis=f"{fault.cause}: at {fault.named[0]}")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_truth_is_found_and_every_other_explanation_is_not(fault: Fault) -> None:
    assert judge(fault, _true(fault)).found
    for other in FAULTS:
        if other is not fault:
            verdict = judge(fault, _true(other))
            assert not verdict.found
            assert verdict.cause == other.cause
            assert fault.cause in verdict.why


def test_the_right_cause_at_the_wrong_place_is_not_found() -> None:
    verdict = judge(FAULTS[0], _outcome((FAULTS[0].cause, "shop/elsewhere.py:3")))
    assert (verdict.found, verdict.cause) == (False, FAULTS[0].cause)
    assert FAULTS[0].named[0] in verdict.why


def test_the_right_place_with_the_wrong_cause_is_not_found() -> None:
    assert not judge(FAULTS[0], _outcome(("memory_leak", FAULTS[0].named[0]))).found


def test_a_cause_that_stands_behind_another_is_not_the_root() -> None:
    fault = fault_named("query")
    both = [("lock_over_io", "seen at shop/stock.py"), (fault.cause, f"seen at {fault.named[0]}")]
    assert not judge(fault, _outcome(*both)).found
    assert judge(fault, _outcome(*reversed(both))).found


def test_the_hypothesis_says_which_of_several_findings_is_the_root() -> None:
    fault = fault_named("query")
    both = [("lock_over_io", "seen at shop/stock.py"), (fault.cause, f"seen at {fault.named[0]}")]
    assert judge(fault, _outcome(*both, hypothesis=f"{fault.cause} makes lock_over_io")).found


def test_only_the_first_insight_counts() -> None:
    right, wrong = _true(FAULTS[0]), _outcome(("loop_blocked", "elsewhere"))
    outcome = {
        "insights": wrong["insights"] + [{**right["insights"][0], "notification_ids": ["0"]}],
        "notifications": wrong["notifications"],
    }
    assert not judge(FAULTS[0], outcome).found


def test_a_healthy_answer_finds_nothing() -> None:
    healthy: dict[str, Any] = {
        "notification_ids": [],
        "summary": f"no anomaly near {FAULTS[0].named[0]}",
        "root_cause_hypothesis": None,
    }
    verdict = judge(FAULTS[0], {"insights": [healthy], "notifications": []})
    assert (verdict.found, verdict.cause, verdict.insight) == (False, None, None)


def test_warnings_are_more_than_information() -> None:
    assert warnings(_outcome(("fd_leak", "many"), severity="info")) == []
    assert warnings(_outcome(("fd_leak", "many"), severity="critical")) == ["many"]


def test_each_fault_has_a_switch_and_a_name_of_its_own() -> None:
    switches = Switches()
    for fault in FAULTS:
        switches.set(fault.name, True)
        assert fault_named(fault.name) is fault
    assert len({fault.cause for fault in FAULTS}) == len(FAULTS) == len(Switches.__slots__)
    with pytest.raises(LookupError, match="there are: cache, lock, loop"):
        fault_named("nothing")
    assert replace(FAULTS[0], brewing=1.0) != FAULTS[0]
