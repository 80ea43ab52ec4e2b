"""Whole runs of an operator, in memory: planted faults are found, and healthy noise is not."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from beamlens.llm.rules.operator_view import OperatorView
from beamlens.llm.rules.words import CONFIRMED
from beamlens.skills.checks import Check, Pattern, Rate, Threshold, Trend
from tests.beamlens.llm.rules.operator_simulator import OperatorSimulator, ToolFailed

GROWTH = Check(
    "memory_growth",
    Trend("memory.mb", least_change=20, least_ratio=1.1, snapshots=5, per="requests"),
    "memory grew from {first} to {last} MB in {seconds:.1f} s",
    context="{requests} requests were served",
    hypothesis="{drill.name} keeps what it is given",
    drill="local top = vm_growing_containers(1)[1]; return top",
    confirm=Threshold("growing", "==", True),
    cause="cache_growth",
    entities=("{drill.site}",),
    remedy="Bound {drill.name}.",
)
LAG = Check(
    "loop_blocked",
    Threshold("loops.*.lag_ms", ">", 500),
    "loop {key} is {value} ms late at {loops.*.site}",
    severity="critical",
    cause="loop_blocked",
    entities=("{loops.*.site}",),
)
STORM = Check(
    "exception_storm",
    Rate("exceptions", per_second=10),
    "{rate:.1f} exceptions a second",
    cause="exception_storm",
)
CHECKS = (GROWTH, LAG, STORM)
GROWING = {"name": "shop.cache", "site": "shop/cache.py:12", "growing": True}


def world(
    memory: Callable[[float], float] = lambda at: 100.0,
    lag: Callable[[float], float] = lambda at: 2.0,
    exceptions: Callable[[float], float] = lambda at: 5.0,
) -> Callable[[float], dict[str, Any]]:
    def data(at: float) -> dict[str, Any]:
        return {
            "memory": {"mb": memory(at)},
            "requests": int(100 * at) + 7,
            "loops": [{"name": "main", "lag_ms": lag(at), "site": "shop/views.py:40"}],
            "exceptions": exceptions(at),
        }

    return data


def simulator(data: Callable[[float], dict[str, Any]], **options: Any) -> OperatorSimulator:
    return OperatorSimulator(CHECKS, data, drill=options.pop("drill", lambda code: dict(GROWING)), **options)


def test_a_leak_is_found_drilled_into_and_told_once_with_its_evidence() -> None:
    run = simulator(world(memory=lambda at: 100 + 20 * at))
    completion = run.run()
    assert (completion.ending, completion.state) == ("done", "warning")
    [told] = completion.notifications
    assert (told.anomaly_type, told.severity, told.cause) == ("memory_growth", "warning", "cache_growth")
    assert [snapshot.id for snapshot in told.snapshots] == [run.snapshots[0].id, run.snapshots[-1].id]
    assert told.observation == "memory grew from 100.4 to 232.4 MB in 6.6 s"
    assert told.entities == ("shop/cache.py:12",)
    assert told.hypothesis == "shop.cache keeps what it is given"
    assert told.remedy == "Bound shop.cache."
    assert CONFIRMED in told.context
    assert told.context.startswith("668 requests were served. Seen in 6 snapshots over 6.6 s.")
    assert run.states == ["observing", "warning"]
    assert run.names()[:3] == ["think", "take_snapshot", "wait"]
    assert run.names()[-4:] == ["execute", "set_state", "send_notification", "done"]


def test_it_says_that_it_is_rules() -> None:
    run = simulator(world())
    run.run()
    assert all(reply.model == "rules" and reply.text for reply in run.replies)
    assert "rules, no model" in run.calls[0].arguments["thought"]


HEALTHY: dict[str, Callable[[float], float]] = {
    "flat": lambda at: 100.0,
    "plateau": lambda at: min(100 + 60 * at, 160),
    "filled_cache": lambda at: 100 + 100 * min(1.0, at / 2.5),
    "filled_at_the_end_of_the_first_look": lambda at: 100 + 100 * min(1.0, at / 4.0),
    "one_jump": lambda at: 100.0 if at < 2 else 180.0,
    "one_spike": lambda at: 300.0 if 3.5 < at < 4.5 else 100.0,
    "spike_at_the_end": lambda at: 300.0 if at > 3.8 else 100.0,
    "falling": lambda at: 300 - 20 * at,
    "teeth": lambda at: 100 + 30 * (at % 2.1),
    "restart": lambda at: 500.0 if at < 2 else 40 + 3 * at,
}


@pytest.mark.parametrize("shape", HEALTHY)
def test_what_is_no_leak_is_not_told(shape: str) -> None:
    run = simulator(world(memory=HEALTHY[shape]))
    completion = run.run()
    assert (completion.ending, completion.state, completion.notifications) == ("done", "healthy", ())
    assert "execute" not in run.names()


def test_without_a_second_look_a_cache_that_just_filled_up_would_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OperatorView, "again", False)
    run = simulator(world(memory=HEALTHY["filled_at_the_end_of_the_first_look"]))
    assert len(run.run().notifications) == 1


@pytest.mark.parametrize("seed", range(60))
def test_healthy_noise_raises_no_alarm(seed: int) -> None:
    noise = random.Random(seed)
    memory = {at: 200 + noise.gauss(0, 10) for at in range(200)}
    run = simulator(
        world(
            memory=lambda at: memory[round(at)],
            lag=lambda at: abs(noise.gauss(5, 20)),
            exceptions=lambda at: 1000 + 4 * at,
        )
    )
    completion = run.run()
    assert (completion.state, completion.notifications) == ("healthy", ())


@pytest.mark.parametrize("seed", range(40))
def test_a_leak_under_noise_is_found(seed: int) -> None:
    noise = random.Random(seed)
    run = simulator(world(memory=lambda at: 200 + 15 * at + noise.gauss(0, 3)))
    assert [told.anomaly_type for told in run.run().notifications] == ["memory_growth"]


def test_a_short_block_is_told_though_it_is_over_at_the_end() -> None:
    run = simulator(world(lag=lambda at: 900.0 if 0.9 < at < 1.5 else 2.0))
    [told] = run.run().notifications
    assert told.observation == "loop main is 900 ms late at shop/views.py:40"
    assert told.entities == ("shop/views.py:40", "loops.main.lag_ms")
    assert run.state == "critical"


def test_a_counter_that_was_started_anew_is_no_storm() -> None:
    run = simulator(world(exceptions=lambda at: 100_000 + at if at < 2.5 else at))
    assert run.run().notifications == ()


def test_a_large_counter_is_no_storm_and_a_growing_one_is() -> None:
    assert simulator(world(exceptions=lambda at: 10_000_000)).run().notifications == ()
    [told] = simulator(world(exceptions=lambda at: 50 * at)).run().notifications
    assert told.observation == "50.0 exceptions a second"


def test_a_refuted_finding_is_not_told() -> None:
    run = simulator(world(memory=lambda at: 100 + 20 * at), drill=lambda code: {"growing": False})
    completion = run.run()
    assert (completion.ending, completion.state, completion.notifications) == ("done", "healthy", ())
    assert len(run.called("execute")) == 1


def test_a_drill_that_fails_is_tried_twice_and_nothing_unconfirmed_is_told() -> None:
    def fail(code: str) -> object:
        raise ToolFailed("the sandbox is gone")

    run = simulator(world(memory=lambda at: 100 + 20 * at), drill=fail)
    assert run.run().notifications == ()
    assert len(run.called("execute")) == 2


def test_a_drill_that_fails_once_is_tried_again() -> None:
    answers: list[object] = [ToolFailed("busy"), dict(GROWING)]

    def drill(code: str) -> object:
        answer = answers.pop(0)
        if isinstance(answer, ToolFailed):
            raise answer
        return answer

    run = simulator(world(memory=lambda at: 100 + 20 * at), drill=drill)
    assert len(run.run().notifications) == 1


def test_without_confirm_a_failed_drill_is_said_and_the_finding_told() -> None:
    check = Check("held", Threshold("memory.mb", ">", 50), "{value} MB; {drill.who}", drill="return vm_locks()")

    def fail(code: str) -> object:
        raise ToolFailed("line 1: boom")

    run = OperatorSimulator((check,), world(), drill=fail)
    [told] = run.run().notifications
    assert told.observation == "100 MB; unknown"
    assert "A closer look failed: line 1: boom." in told.context
    assert CONFIRMED not in told.context


@pytest.mark.parametrize("most", range(1, 30))
def test_any_limit_of_steps_is_kept_and_the_run_ends_by_itself(most: int) -> None:
    run = simulator(world(memory=lambda at: 100 + 20 * at, lag=lambda at: 900.0), max_iterations=most)
    completion = run.run()
    assert completion.ending == "done"
    assert run.iteration <= most
    if most >= 8:
        assert "loop_blocked" in [told.anomaly_type for told in completion.notifications]
        assert completion.state == "critical"


def test_the_reason_changes_the_order_and_not_the_truth() -> None:
    def kinds(reason: str | None) -> list[str]:
        run = simulator(world(memory=lambda at: 100 + 20 * at, exceptions=lambda at: 90 * at), reason=reason)
        return [told.anomaly_type for told in run.run().notifications]

    assert kinds("memory alert") == ["memory_growth", "exception_storm"]
    assert kinds("many exceptions in the log") == ["exception_storm", "memory_growth"]


def test_snapshots_that_fail_end_the_run_without_a_word_about_the_subject() -> None:
    def data(at: float) -> dict[str, Any]:
        raise ToolFailed("snapshot timed out")

    run = simulator(data)
    completion = run.run()
    assert (completion.ending, completion.notifications) == ("done", ())
    assert "snapshot timed out" in run.called("think")[-1].arguments["thought"]
    assert run.states == ["observing"]


def test_a_snapshot_that_fails_once_is_taken_again() -> None:
    failures = [True]

    def data(at: float) -> dict[str, Any]:
        if failures:
            failures.pop()
            raise ToolFailed("busy")
        return world(memory=lambda moment: 100 + 20 * moment)(at)

    assert len(simulator(data).run().notifications) == 1


def test_an_earlier_run_s_findings_do_not_silence_this_one() -> None:
    first = simulator(world(lag=lambda at: 900.0))
    first.run()
    again = simulator(world(lag=lambda at: 900.0), run_id="0" * 31 + "2", clock=first.clock + 60)
    again.snapshots, again.notifications = list(first.snapshots), list(first.notifications)
    again.run()
    assert [told.trace_id[-1] for told in again.notifications] == ["1", "2"]
    old = {snapshot.id for snapshot in first.snapshots}
    assert not old & {snapshot.id for snapshot in again.notifications[-1].snapshots}


def test_an_earlier_warning_is_taken_back_when_all_is_well() -> None:
    run = simulator(world(), state="critical")
    assert run.run().state == "healthy"


def test_the_same_run_twice_is_the_same() -> None:
    def calls() -> list[object]:
        run = simulator(world(memory=lambda at: 100 + 20 * at, lag=lambda at: 900.0))
        run.run()
        return [(call.id, call.name, call.arguments) for call in run.calls]

    assert calls() == calls()


def test_the_ids_of_calls_differ() -> None:
    run = simulator(world(memory=lambda at: 100 + 20 * at))
    run.run()
    assert len({call.id for call in run.calls}) == len(run.calls)


def test_a_pattern_s_groups_can_be_told() -> None:
    check = Check("stuck", Pattern("threads.*.at", r"(?P<file>\S+\.py):(?P<line>\d+)"), "{key} is at {file} {line}")
    run = OperatorSimulator((check,), lambda at: {"threads": {"worker-1": {"at": "recv in shop/db.py:31"}}})
    assert [told.observation for told in run.run().notifications] == ["worker-1 is at shop/db.py 31"]


def test_a_notification_that_is_refused_is_not_sent_for_ever() -> None:
    class Refusing(OperatorSimulator):
        def _send_notification(self, type: str, snapshot_ids: list[str], **told: Any) -> object:
            raise ToolFailed("no")

    run = Refusing(CHECKS, world(lag=lambda at: 900.0))
    assert run.run().ending == "done"
    assert len(run.called("send_notification")) == 2
