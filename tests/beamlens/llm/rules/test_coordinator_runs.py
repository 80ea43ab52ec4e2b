"""Whole runs of the coordinator, in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from beamlens.domain import Completion
from tests.beamlens.llm.rules.coordinator_simulator import CoordinatorSimulator
from tests.beamlens.llm.rules.notices import completion, notice
from tests.beamlens.llm.rules.test_operator_runs import simulator, world

LOCK = notice(
    "vm",
    "lock_held",
    number=1,
    cause="lock_over_io",
    entities=("shop/db.py:31",),
    confirmed=True,
    at=3,
    hypothesis="the lock should be given back before the query",
    remedy="Query first, lock then.",
)
SLOW = notice("http", "slow_requests", number=2, severity="critical", at=1)
QUEUE = notice("overload", "queue", number=3, cause="overload", at=2)
STORM = notice("exception", "storm", number=4, cause="exception_storm")


def of(*completions: Completion | str, names: str = "") -> dict[str, Callable[[], Completion | str]]:
    given = names.split() or [one.operator for one in completions if isinstance(one, Completion)]
    return {name: (lambda one=one: one) for name, one in zip(given, completions, strict=True)}  # type: ignore[misc]


def test_the_cause_is_named_before_its_symptoms() -> None:
    run = CoordinatorSimulator(of(completion("http", SLOW), completion("vm", LOCK), completion("overload", QUEUE)))
    [insight] = run.run()
    assert insight.notification_ids[0] == LOCK.id
    assert set(insight.notification_ids) == {LOCK.id, SLOW.id, QUEUE.id}
    assert (insight.correlation_type, insight.hypothesis_grounded, insight.confidence) == ("causal", True, "high")
    assert insight.matched_observations[0] == LOCK.observation
    assert set(insight.matched_observations) == {one.observation for one in (LOCK, SLOW, QUEUE)}
    cause = insight.root_cause_hypothesis or ""
    assert cause.startswith("lock_over_io: a lock is held while its holder waits")
    assert "shop/db.py:31" in cause
    assert "lock_over_io makes slow_requests: requests that need the lock wait for it." in cause
    assert "Query first, lock then." in cause
    assert run.ended
    assert run.names() == ["think", "invoke_operators", "wait", "wait", "get_notifications", "produce_insight", "done"]


def test_it_says_that_it_is_rules() -> None:
    run = CoordinatorSimulator(of(completion("vm")))
    run.run()
    assert {reply.model for reply in run.replies} == {"rules"}
    assert "rules, no model" in run.calls[0].arguments["thought"]


def test_two_faults_that_have_nothing_in_common_are_two_insights() -> None:
    run = CoordinatorSimulator(of(completion("vm", LOCK), completion("exception", STORM)))
    first, second = run.run()
    assert {first.notification_ids, second.notification_ids} == {(LOCK.id,), (STORM.id,)}
    assert (first.confidence, second.confidence) == ("medium", "low")
    assert not first.hypothesis_grounded
    assert not second.hypothesis_grounded


def test_a_healthy_system_gets_an_answer_too() -> None:
    run = CoordinatorSimulator(of(completion("vm"), completion("gc")))
    [insight] = run.run()
    assert insight.notification_ids == ()
    assert insight.summary == "no anomaly found by 2 operators: vm, gc."
    assert insight.confidence == "medium"
    assert insight.root_cause_hypothesis is None


def test_a_healthy_system_where_an_empty_insight_is_refused() -> None:
    run = CoordinatorSimulator(of(completion("vm")), takes_empty_insights=False)
    assert run.run() == []
    assert run.ended
    assert run.replies[-1].text == "No anomaly was found."


def test_a_crashed_operator_is_told_of_and_the_others_are_heard() -> None:
    run = CoordinatorSimulator(of("killed by signal 9", completion("vm", LOCK), names="gc vm"))
    [insight] = run.run()
    assert insight.notification_ids == (LOCK.id,)
    assert "Operator gc crashed (killed by signal 9)." in insight.summary


def test_silence_is_not_taken_for_health() -> None:
    [insight] = CoordinatorSimulator(of("crash", completion("vm"), names="gc vm")).run()
    assert insight.summary == "no anomaly found by 1 operator: vm. Operator gc crashed (crash)."
    assert insight.confidence == "low"
    failed = completion("vm", ending="llm_failed", reason="overloaded")
    [insight] = CoordinatorSimulator(of("crash", failed, names="gc vm")).run()
    assert insight.summary.startswith("nothing could be observed")
    assert "Operator vm ended as llm_failed (overloaded)." in insight.summary


def test_what_is_only_worth_knowing_is_acknowledged_and_no_anomaly() -> None:
    note = notice("vm", "many_modules", severity="info", number=9)
    run = CoordinatorSimulator(of(completion("vm", note)))
    [insight] = run.run()
    assert insight.notification_ids == ()
    assert run.statuses == {note.id: "acknowledged"}


def test_the_question_orders_the_operators_and_leaves_none_out() -> None:
    run = CoordinatorSimulator(
        of(completion("vm"), completion("gc"), completion("sql")),
        {"sql": "databases and their queries", "vm": "memory and threads"},
        {"reason": "database alert"},
    )
    run.run()
    [call] = run.called("invoke_operators")
    assert call.arguments == {"skills": ["sql", "vm", "gc"], "context": "database alert"}


@pytest.mark.parametrize("most", range(1, 26))
@pytest.mark.parametrize("waits", [1, 5, 100])
def test_any_limit_of_steps_ends_the_run_without_nonsense(most: int, waits: int) -> None:
    operators = of(completion("vm", LOCK), completion("http", SLOW), completion("exception", STORM))
    run = CoordinatorSimulator(operators, max_iterations=most, waits=waits)
    run.run()
    assert run.iteration <= most
    if waits == 1 and most >= 8:
        assert run.ended
        assert len(run.insights) == 2


def test_notifications_of_earlier_runs_are_left_alone() -> None:
    run = CoordinatorSimulator(of(completion("vm", LOCK)))
    run.put(STORM)
    run.statuses[STORM.id] = "resolved"
    [insight] = run.run()
    assert insight.notification_ids == (LOCK.id,)


def test_what_was_there_before_is_answered_too() -> None:
    run = CoordinatorSimulator(of(completion("vm")))
    run.put(STORM)
    [insight] = run.run()
    assert insight.notification_ids == (STORM.id,)


def test_a_refused_insight_is_put_more_plainly_and_then_left() -> None:
    class Refusing(CoordinatorSimulator):
        def _produce_insight(self, **told: Any) -> object:
            from tests.beamlens.llm.rules.operator_simulator import ToolFailed

            raise ToolFailed("no")

    run = Refusing(of(completion("vm", LOCK)))
    assert run.run() == []
    assert run.ended
    first, second = run.called("produce_insight")
    assert "root_cause_hypothesis" in first.arguments
    assert "root_cause_hypothesis" not in second.arguments


def test_an_operator_that_cannot_be_started_does_not_hold_up_the_run() -> None:
    class Deaf(CoordinatorSimulator):
        def _invoke_operators(self, skills: list[str], context: str | None = None) -> object:
            return {"started": []}

    run = Deaf(of(completion("vm")))
    [insight] = run.run()
    assert len(run.called("invoke_operators")) == 2
    assert insight.summary.startswith("nothing could be observed")


def test_operators_and_coordinator_together_find_a_planted_leak() -> None:
    vm = simulator(world(memory=lambda at: 100 + 20 * at))
    gc = simulator(world(), name="gc")
    run = CoordinatorSimulator({"vm": vm.run, "gc": gc.run}, context={"reason": "memory alert"})
    [insight] = run.run()
    assert insight.matched_observations == (vm.notifications[0].observation,)
    assert (insight.root_cause_hypothesis or "").startswith("cache_growth")
    assert "shop/cache.py:12" in (insight.root_cause_hypothesis or "")
    assert insight.confidence == "medium"


def test_the_same_run_twice_is_the_same() -> None:
    def calls() -> list[object]:
        run = CoordinatorSimulator(of(completion("http", SLOW), completion("vm", LOCK)))
        run.run()
        return [(call.id, call.name, call.arguments) for call in run.calls]

    assert calls() == calls()


def test_operators_that_end_one_after_another_leave_steps_to_conclude() -> None:
    class OneByOne(CoordinatorSimulator):
        def _wait(self, ms: int) -> object:
            if self.running:
                self._end(self.running.pop(0))
            return {"waited_up_to_ms": ms}

    quiet = [completion(f"quiet{place}") for place in range(10)]
    run = OneByOne(of(completion("vm", LOCK), *quiet, completion("exception", STORM)))
    run.run()
    assert run.ended
    assert {insight.notification_ids for insight in run.insights} == {(LOCK.id,), (STORM.id,)}
