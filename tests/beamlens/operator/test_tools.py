"""The ten tools of an operator: what each does, what it says when it cannot, and what it tells."""

from __future__ import annotations

from typing import Any

import pytest

from beamlens.agent.loop import Continue, Finish, Sleep
from beamlens.errors import SkillError
from beamlens.llm.schema import violations
from beamlens.operator.schemas import MAX_WAIT_MS, TOOLS
from tests.beamlens.operator.roles import RUN, bench


def test_there_are_ten() -> None:
    names = (
        "set_state send_notification get_notifications take_snapshot get_snapshot get_snapshots execute wait think done"
    )
    assert [tool.name for tool in TOOLS] == names.split()


def test_set_state() -> None:
    with bench() as on:
        assert on.result("set_state", state="critical", reason="n is high") == {"state": "critical"}
        assert on.role.findings.state == "critical"
        assert on.role.brief(1).prompt == "Current state: critical"
        (event,) = on.ear.named("operator.state_change")
        assert {key: event.metadata[key] for key in ("from", "to", "reason", "trace_id")} == {
            "from": "healthy",
            "to": "critical",
            "reason": "n is high",
            "trace_id": RUN,
        }


def test_take_snapshot_and_get_it_again() -> None:
    with bench() as on:
        taken = on.result("take_snapshot")
        assert taken["data"]["n"] == 1
        again = on.result("get_snapshot", id=taken["id"])
        assert again == {key: taken[key] for key in again}
        assert [event.metadata["snapshot_id"] for event in on.ear.events] == [taken["id"]] * 2
        assert on.ear.of("toy") == ["operator.take_snapshot", "operator.get_snapshot"]


def test_a_snapshot_that_is_not_there() -> None:
    with bench() as on:
        outcome = on.call("get_snapshot", id="ffff")
        assert outcome == Continue({"error": "snapshot_not_found", "id": "ffff"}, is_error=True)


def test_a_skill_that_fails_is_told_to_the_model_and_nothing_more_happens() -> None:
    with bench() as on:
        on.skill.error = SkillError("timeout", "snapshot() did not end in time")
        outcome = on.call("take_snapshot")
        assert outcome == Continue({"error": "snapshot() did not end in time", "kind": "timeout"}, is_error=True)
        assert on.role.findings.snapshots == ()
        assert not on.ear.events


@pytest.mark.parametrize(("arguments", "expected"), [({}, [1, 2, 3]), ({"limit": 2}, [1, 2]), ({"offset": 2}, [3])])
def test_get_snapshots(arguments: dict[str, Any], expected: list[int]) -> None:
    with bench() as on:
        for _ in range(3):
            on.result("take_snapshot")
        assert [found["data"]["n"] for found in on.result("get_snapshots", **arguments)] == expected
        assert on.ear.named("operator.get_snapshots")[0].metadata["count"] == len(expected)


def test_of_many_snapshots_those_stay_that_are_evidence() -> None:
    with bench() as on:
        first = on.result("take_snapshot")["id"]
        on.finding(first)
        for _ in range(250):
            on.result("take_snapshot")
        kept = [snapshot.id for snapshot in on.role.findings.snapshots]
        assert len(kept) == 200
        assert kept[0] == first
        assert on.role.findings.snapshots[-1].data["n"] == 251


def test_send_notification() -> None:
    with bench() as on:
        ids = [on.result("take_snapshot")["id"] for _ in range(2)]
        outcome = on.finding(*ids, ids[0], hypothesis="h", entities=["a.py:1"], cause="leak", remedy="bound it")
        (sent,) = on.sent
        assert outcome == Continue({"notification_sent": sent.id})
        assert [snapshot.id for snapshot in sent.snapshots] == ids
        assert (sent.operator, sent.trace_id, sent.node, sent.severity) == ("toy", RUN, "here:1", "warning")
        assert (sent.hypothesis, sent.entities, sent.cause, sent.remedy) == (
            "h",
            ("a.py:1",),
            "leak",
            "bound it",
        )
        (event,) = on.ear.named("operator.notification_sent")
        assert event.metadata["notification"] == sent
        assert on.role.findings.notifications == (sent,)


def test_a_notification_is_kept_before_anybody_hears_of_it() -> None:
    with bench() as on:
        on.finding(on.result("take_snapshot")["id"])
        told = [event.name for event in on.ear.events].index("operator.notification_sent")
        assert on.kept == [told]


@pytest.mark.parametrize(
    ("ids", "problem"), [([], "snapshot_ids required"), (["ff", "ee"], "snapshots not found: ff, ee")]
)
def test_a_notification_without_evidence_is_refused(ids: list[str], problem: str) -> None:
    with bench() as on:
        known = on.result("take_snapshot")["id"]
        outcome = on.finding(*ids)
        assert isinstance(outcome, Continue)
        assert outcome.is_error
        assert outcome.result["error"].startswith(problem)
        assert outcome.result["known_snapshot_ids"] == [known]
        assert not on.sent
        assert on.ear.named("operator.notification_failed")[0].metadata["reason"].startswith(problem)


def test_the_same_finding_is_sent_once() -> None:
    with bench() as on:
        known = on.result("take_snapshot")["id"]
        first = on.finding(known)
        again = on.finding(known)
        other = on.finding(known, observation="another")
        assert again.result["notification_sent"] == first.result["notification_sent"]  # type: ignore[union-attr]
        assert other.result["notification_sent"] != first.result["notification_sent"]  # type: ignore[union-attr]
        assert len(on.sent) == len(on.ear.named("operator.notification_sent")) == 2


def test_an_operator_that_watches_for_good_keeps_a_bounded_number_of_findings() -> None:
    with bench(continuous=True) as on:
        known = on.result("take_snapshot")["id"]
        for number in range(250):
            on.finding(known, observation=f"{number}")
        assert [found.observation for found in on.role.findings.notifications] == [f"{n}" for n in range(50, 250)]


def test_get_notifications() -> None:
    with bench() as on:
        known = on.result("take_snapshot")["id"]
        on.finding(known)
        (found,) = on.result("get_notifications")
        assert found["snapshot_ids"] == [known]
        assert "snapshots" not in found  # names of the evidence, not the evidence once more
        assert on.ear.named("operator.get_notifications")[0].metadata["count"] == 1


def test_execute() -> None:
    with bench(lambda code: ({"got": code}, None)) as on:
        assert on.result("execute", code="return 1") == {"got": "return 1"}
        assert on.ear.of("toy") == ["operator.execute_start", "operator.execute_complete"]
        assert on.ear.events[-1].metadata["result"] == {"got": "return 1"}


def test_code_that_fails() -> None:
    with bench(lambda code: (None, "syntax: near 'retrun'")) as on:
        assert on.call("execute", code="retrun 1") == Continue({"error": "syntax: near 'retrun'"}, is_error=True)
        assert on.ear.of("toy") == ["operator.execute_start", "operator.execute_error"]


def test_wait_think_and_done() -> None:
    with bench() as on:
        slept = on.call("wait", ms=1500)
        assert isinstance(slept, Sleep)
        assert slept.seconds == 1.5
        assert on.result("think", thought="hm") == {"thought": "hm", "recorded": True}
        assert on.call("done") == Finish()
        assert on.ear.of("toy") == ["operator.wait", "operator.think", "operator.done"]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("wait", {"ms": 0}),
        ("wait", {"ms": -1}),
        ("wait", {"ms": MAX_WAIT_MS + 1}),
        ("wait", {"ms": "5"}),
        ("set_state", {"state": "fine", "reason": "r"}),
        ("set_state", {"state": "healthy"}),
        ("get_snapshots", {"limit": 0}),
        ("get_snapshots", {"offset": -1}),
        ("send_notification", {"type": "t"}),
        ("done", {"now": True}),
    ],
)
def test_arguments_that_do_not_fit_never_reach_a_tool(name: str, arguments: dict[str, Any]) -> None:
    assert violations(arguments, next(tool for tool in TOOLS if tool.name == name).parameters)


def test_what_the_rules_are_told() -> None:
    with bench(reason={"reason": "memory alert", "operator": "toy"}) as on:
        for _ in range(22):
            on.result("take_snapshot")
        facts = on.role.brief(3).facts
        assert facts["reason"] == "reason: memory alert\noperator: toy"
        assert [found["data"]["n"] for found in facts["snapshots"]] == list(range(3, 23))
        assert (facts["mode"], facts["iteration"], facts["max_iterations"]) == ("on_demand", 3, 25)


def test_the_prompt_has_the_skill_its_functions_and_the_word_on_untrusted_text() -> None:
    with bench() as on:
        system = on.role.brief(0).system
        assert "You watch a toy." in system
        assert "### toy_n()" in system
        assert "Untrusted text" in system
        assert "watch for good" not in system
    with bench(continuous=True) as on:
        assert "watch for good" in on.role.brief(0).system
