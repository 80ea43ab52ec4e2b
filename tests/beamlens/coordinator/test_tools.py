"""The ten tools of the coordinator: what each does, what it says when it cannot, and what it tells."""

from __future__ import annotations

import pytest

from beamlens.agent.loop import Continue, Finish, Sleep
from beamlens.coordinator.schemas import TOOLS
from tests.beamlens.coordinator.roles import MEMBERS, bench, note


def test_there_are_ten() -> None:
    names = "get_notifications update_notification_statuses produce_insight invoke_operators message_operator"
    more = "get_operator_statuses wait schedule think done"
    assert [tool.name for tool in TOOLS] == [*names.split(), *more.split()]


def test_get_notifications_by_status() -> None:
    first, second = note("alpha", "a"), note("beta", "b")
    with bench(first, second) as on:
        on.result("update_notification_statuses", notification_ids=[first.id], status="acknowledged")
        for arguments, expected in (
            ({}, 2),
            ({"status": "all"}, 2),
            ({"status": "unread"}, 1),
            ({"status": "resolved"}, 0),
        ):
            assert len(on.result("get_notifications", **arguments)) == expected
        (view,) = on.result("get_notifications", status="acknowledged")
        assert (view["id"], view["operator"], "snapshots" in view) == (first.id, "alpha", False)
        told = [event.metadata["status"] for event in on.ear.named("coordinator.get_notifications")]
        assert told == [None, None, "unread", "resolved", "acknowledged"]


def test_update_statuses_says_which_are_unknown() -> None:
    known = note("alpha", "a")
    with bench(known) as on:
        said = on.result("update_notification_statuses", notification_ids=[known.id, "ffff"], status="resolved")
        assert said == {"updated": [known.id], "status": "resolved", "unknown": ["ffff"]}
        outcome = on.call("update_notification_statuses", notification_ids=["ffff"], status="resolved")
        assert isinstance(outcome, Continue)
        assert outcome.is_error
        assert on.progress.unread == 0


def test_an_insight_resolves_what_it_rests_on() -> None:
    first, second = note("alpha", "a"), note("beta", "b")
    with bench(first, second) as on:
        produced = on.insight(first.id, matched_observations=["a"], root_cause_hypothesis="c")
        assert not produced.is_error
        (insight,) = on.progress.insights
        assert produced.result == {"insight_produced": insight.id}
        assert (insight.root_cause_hypothesis, insight.notification_ids) == ("c", (first.id,))
        assert [entry.status for entry in on.progress.inbox] == ["resolved", "unread"]
        assert [event.metadata["insight"] for event in on.ear.named("coordinator.insight_produced")] == [insight]
        assert on.kept[-1].insights == (insight,)  # kept before it was told


def test_a_healthy_system_gets_an_answer_too() -> None:
    with bench() as on:
        assert not on.insight(summary="all is well", confidence="high").is_error
        assert on.progress.outcome("done").answer == "all is well"


def test_the_same_insight_is_produced_once() -> None:
    first = note("alpha", "a")
    with bench(first) as on:
        assert on.insight(first.id).result["insight_produced"] == on.insight(first.id).result["insight_produced"]
        assert len(on.progress.insights) == len(on.ear.named("coordinator.insight_produced")) == 1


@pytest.mark.parametrize(
    ("ids", "observations", "grounded", "problem"),
    [
        (["f" * 16], [], False, "there are no notifications ffff"),
        (["1", "2"], ["invented"], False, "no cited notification has the observation 'invented'"),
        (["1"], ["two"], False, "no cited notification has the observation 'two'"),
        ([], ["one"], False, "no notification_ids"),
        (["1"], ["one"], True, "two operators or more; these are of alpha"),
        (["1", "3"], ["one", "three"], True, "these are of alpha"),
        (["1", "2"], ["one"], True, "these are of alpha"),
        (["1", "2"], [], True, "these are of none"),
    ],
)
def test_evidence_that_does_not_hold(ids: list[str], observations: list[str], grounded: bool, problem: str) -> None:
    inbox = (note("alpha", "one", "1"), note("beta", "two", "2"), note("alpha", "three", "3"))
    with bench(*inbox) as on:
        refused = on.insight(*ids, matched_observations=observations, hypothesis_grounded=grounded)
        assert refused.is_error
        assert problem in refused.result["error"]
        assert not on.progress.insights
        assert not on.ear.named("coordinator.insight_produced")
        assert on.progress.unread == 3


def test_a_hypothesis_of_two_operators_is_grounded() -> None:
    inbox = (note("alpha", "one  line", "1"), note("beta", "two", "2"))
    with bench(*inbox) as on:
        assert not on.insight("1", "2", matched_observations=["one line", "two"], hypothesis_grounded=True).is_error


def test_invoke_operators() -> None:
    with bench() as on:
        said = on.result("invoke_operators", skills=["alpha", "beta", "alpha"], context="look at memory")
        assert said == {"started": ["alpha", "beta"], "already_running": [], "unknown": []}
        assert [(name, reason) for name, _, reason, _ in on.team.sent] == [
            (name, {"operator": name, "reason": "look at memory"}) for name in ("alpha", "beta")
        ]
        assert [run for _, run, _, _ in on.team.sent] == [on.run_id("alpha"), on.run_id("beta")]
        assert on.kept[-1].running == on.progress.running
        again = on.result("invoke_operators", skills=["alpha"])
        assert again == {"started": [], "already_running": ["alpha"], "unknown": []}


def test_without_words_of_its_own_operators_get_the_runs_context() -> None:
    with bench() as on:
        on.result("invoke_operators", skills=["alpha"])
        assert on.team.sent[0][2] == {"operator": "alpha", "reason": "alert"}


def test_operators_that_are_not_there() -> None:
    with bench() as on:
        on.team.missing = {"beta"}
        outcome = on.call("invoke_operators", skills=["gamma", "beta"])
        assert isinstance(outcome, Continue)
        assert outcome.is_error
        assert outcome.result["unknown"] == ["gamma", "beta"]
        assert outcome.result["there_are"] == ["alpha", "beta"]
        told = [event.metadata["skill"] for event in on.ear.named("coordinator.operator_not_found")]
        assert told == ["gamma", "beta"]


def test_message_operator() -> None:
    with bench() as on:
        assert on.result("message_operator", skill="alpha", message="well?") == {"skill": "alpha", "response": "fine"}
        on.team.answer = {"error": "operator timed out"}
        outcome = on.call("message_operator", skill="alpha", message="well?")
        assert isinstance(outcome, Continue)
        assert outcome.is_error
        assert len(on.ear.named("coordinator.message_operator")) == 2


def test_get_operator_statuses() -> None:
    with bench() as on:
        on.result("invoke_operators", skills=["alpha", "beta"])
        on.finish("beta", state="warning")
        said = on.result("get_operator_statuses")
        assert said == [{"skill": "alpha", "alive": True}, {"skill": "beta", "ended": "done", "state": "warning"}]


def test_a_wait_ends_early_when_something_is_reported() -> None:
    with bench() as on:
        on.result("invoke_operators", skills=["alpha"])
        on.role.brief(1)
        slept = on.call("wait", ms=1000)
        assert isinstance(slept, Sleep)
        assert slept.until is not None
        assert not slept.until()
        on.role.notified("alpha", note("alpha", "a"))
        assert slept.until()
        on.role.brief(2)
        assert not slept.until()


@pytest.mark.parametrize("tool", ["done", "schedule"])
def test_it_does_not_end_while_operators_work(tool: str) -> None:
    arguments = {"ms": 1000, "reason": "again"} if tool == "schedule" else {}
    with bench() as on:
        on.result("invoke_operators", skills=["alpha"])
        outcome = on.call(tool, **arguments)
        assert isinstance(outcome, Continue)
        assert outcome.is_error
        assert "alpha" in outcome.result["error"]
        assert on.ear.named(f"coordinator.{tool}_rejected")[0].metadata["running_operator_count"] == 1
        on.finish("alpha")
        assert on.call(tool, **arguments) == Finish()
        assert len(on.ear.named(f"coordinator.{tool}")) == 1


def test_done_with_unread_notifications_is_not_refused() -> None:
    with bench(note("alpha", "a")) as on:
        assert on.call("done") == Finish()
        assert on.ear.events[-1].metadata["unread_count"] == 1


def test_a_completion_never_makes_a_resolved_notification_unread() -> None:
    with bench() as on:
        on.result("invoke_operators", skills=["alpha"])
        found = note("alpha", "a")
        on.role.notified("alpha", found)
        on.role.notified("alpha", found)  # told twice, after a crash
        on.insight(found.id)
        on.finish("alpha", "done", found)
        assert [entry.status for entry in on.progress.inbox] == ["resolved"]
        assert len(on.ear.named("coordinator.operator_notification_received")) == 1


def test_a_completion_brings_what_was_never_heard_and_counts_once() -> None:
    with bench() as on:
        on.result("invoke_operators", skills=["alpha"])
        completion = on.finish("alpha", "crashed", note("alpha", "a"), reason="killed")
        on.role.finished(completion)
        assert on.progress.unread == 1
        assert len(on.progress.completed) == len(on.ear.named("coordinator.operator_complete")) == 1
        assert "alpha ended as crashed: killed" in on.role.brief(2).news


def test_the_model_is_told_of_crashes_once() -> None:
    with bench() as on:
        on.result("invoke_operators", skills=["alpha"])
        on.role.crashed("alpha", "killed")
        brief = on.role.brief(1)
        assert "operator alpha crashed (killed)" in brief.news
        assert brief.facts["crashed"] == [{"operator": "alpha", "reason": "killed"}]
        assert on.role.brief(2).news == ""
        assert on.ear.named("coordinator.operator_crashed")[0].metadata["reason"] == "killed"


def test_after_its_own_crash_it_waits_again_for_those_at_work() -> None:
    with bench() as on:
        on.result("invoke_operators", skills=["alpha", "beta"])
        (run_a, run_b), on.team.sent = (on.run_id("alpha"), on.run_id("beta")), []
        on.role.go_on("alpha", run_a)
        assert on.team.sent == [("alpha", run_a, {"operator": "alpha", "reason": "alert"}, True)]
        on.team.missing = {"beta"}
        on.role.go_on("beta", run_b)  # it was removed meanwhile
        assert [name for name, _ in on.progress.running] == ["alpha"]
        assert [(each.operator, each.ending) for each in on.progress.completed] == [("beta", "crashed")]


def test_the_prompt_describes_every_operator_users_own_included() -> None:
    with bench() as on:
        for member in MEMBERS:
            assert f"- {member.name}: {member.title}. {member.description}" in on.role.brief(0).system
        assert on.role.brief(0).prompt == "Process notifications. Unread: 0. Operators at work: none."


def test_think() -> None:
    with bench() as on:
        assert on.result("think", thought="hm") == {"thought": "hm", "recorded": True}
        assert on.ear.of("coordinator") == ["coordinator.think"]
