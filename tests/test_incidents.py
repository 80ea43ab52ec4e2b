"""The judge of incidents, and a short run of both benchmarks of the whole: incidents and overhead."""

from __future__ import annotations

import importlib
import json
from typing import Any

import pytest

from beamlens.skills.catalog import names
from benchmarks import __main__ as program
from benchmarks.cases.table import CASES, Case
from benchmarks.incidents import false_alarms, judge

LEAK = Case("vm", "waiting:never_ending_threads", ("thread_leak",), ("cases/waiting.py",))
_NOT_JUDGED = {"tracer"}  # it declares no checks: it answers questions
HEALTHY = Case("vm", "waiting:busy_pool")


def notification(cause: str | None, severity: str = "warning", number: str = "n1") -> dict[str, Any]:
    return {
        "id": number,
        "cause": cause,
        "severity": severity,
        "operator": "vm",
        "anomaly_type": "thread_growth",
        "observation": "26 threads",
    }


def outcome(*notes: dict[str, Any], summary: str = "26 threads", hypothesis: str | None = None) -> dict[str, Any]:
    insight = {
        "notification_ids": [note["id"] for note in notes],
        "summary": summary,
        "root_cause_hypothesis": hypothesis,
    }
    return {"notifications": list(notes), "insights": [insight]}


def test_a_fault_is_found_where_its_cause_and_its_place_are_named() -> None:
    said = outcome(notification("thread_leak"), summary="26 threads started at benchmarks/cases/waiting.py:160")
    assert judge(LEAK, said) == ("thread_leak", True)


def test_what_the_table_of_causes_does_not_know_is_known_by_its_check() -> None:
    zombies = Case("sup", "trees:commands_never_waited_for", ("zombie_processes",), ("child processes",))
    note = notification(None) | {"anomaly_type": "zombie_processes"}
    said = outcome(note, summary="7 child processes have ended")
    assert judge(zombies, said) == ("zombie_processes", True)
    assert false_alarms(zombies, said) == {}
    assert judge(zombies, outcome(notification(None), summary="7 child processes")) == ("thread_growth", False)


def test_it_is_not_where_another_cause_is_named() -> None:
    said = outcome(notification("cache_growth"), summary="it grows at benchmarks/cases/waiting.py:160")
    assert judge(LEAK, said) == ("cache_growth", False)


def test_it_is_not_where_the_place_is_missing() -> None:
    assert judge(LEAK, outcome(notification("thread_leak"))) == ("thread_leak", False)


def test_it_is_not_where_it_is_only_an_effect_of_another() -> None:
    notes = notification("thread_leak"), notification("deadlock", number="n2")
    said = outcome(*notes, summary="cases/waiting.py:160", hypothesis="deadlock makes thread_leak")
    assert judge(LEAK, said) == ("deadlock", False)


def test_it_is_not_where_nothing_was_found() -> None:
    assert judge(LEAK, {"notifications": [], "insights": [{"notification_ids": []}]}) == (None, False)


@pytest.mark.parametrize(
    ("case", "note", "count"),
    [
        (HEALTHY, notification("thread_leak"), 1),
        (HEALTHY, notification(None), 1),
        (HEALTHY, notification("thread_leak", "info"), 0),
        (LEAK, notification("thread_leak"), 0),
        (LEAK, notification("memory_leak"), 0),  # an effect, by the table of causes
        (LEAK, notification("slow_query"), 1),
        (LEAK, notification(None), 1),
    ],
)
def test_what_is_reported_and_is_not_true_is_a_false_alarm(case: Case, note: dict[str, Any], count: int) -> None:
    assert len(false_alarms(case, outcome(note))) == count


def test_each_case_is_a_program_and_each_skill_has_sick_and_healthy_ones() -> None:
    for case in CASES:
        module, _, function = case.program.partition(":")
        assert callable(getattr(importlib.import_module(f"benchmarks.cases.{module}"), function)), case.program
        assert case.healthy or case.named, "a fault without a place would be found by any warning"
    for skill in {case.skill for case in CASES}:
        assert sum(case.skill == skill and not case.healthy for case in CASES) >= 2
        assert sum(case.skill == skill and case.healthy for case in CASES) >= 2
    assert len({case.name for case in CASES}) == len(CASES)
    assert {case.skill for case in CASES} == set(names()) - _NOT_JUDGED


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_incidents_run_and_print_their_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["incidents", "--smoke", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (figures["incidents"], figures["healthy"], figures["failed"]) == (1, 1, 0)
    assert figures["recall"] == 1.0
    assert [case["case"] for case in figures["cases"]] == [
        "exception: logged exceptions",
        "exception: caught exceptions",
    ]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_overhead_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["overhead", "--smoke", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    for key in ("throughput_ratio", "p99_ratio", "after_ratio", "longest_stop_ms", "snapshot_ms_p99", "heap_objects"):
        assert figures[key] > 0, key
    assert {"snapshot_ms_p99_vm", "snapshot_ms_p99_gc", "longest_stop_ms_vm"} <= figures.keys()
