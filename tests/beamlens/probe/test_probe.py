"""The probe under a supervisor: skills beside each other, added, removed, and started anew with it."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from beamlens import telemetry
from beamlens.errors import ConfigurationError
from beamlens.probe import events
from beamlens.probe.messages import AddSkill, Answer, Call, Failed, ListSkills, RemoveSkill
from beamlens.probe.specs import SkillSet, SkillSpec, skill_spec
from supervision.testing import capture_events, wait_until
from tests.beamlens.probe.conftest import Start
from tests.beamlens.probe.skills import BrokenStart, Good, Hanging, InOperator, Wrong, plain

SECONDS = 20.0


def ask(probe: Any, message: Any) -> Any:
    return probe.ask(message, timeout=SECONDS)


def test_it_answers_for_each_of_its_skills(tree: Start) -> None:
    probe = tree([Good, SkillSpec(Good, {"tag": "b"}, "second")])["probe"]
    assert ask(probe, Call("good", "snapshot")).value["tag"] == ""
    assert ask(probe, Call("second", "snapshot")).value["tag"] == "b"
    assert ask(probe, ListSkills()) == ["good", "second"]


def test_its_events_are_as_the_catalogue_says(tree: Start) -> None:
    with capture_events([events.STARTED, events.CALL_FAILED]) as captured:
        ask(tree([Good])["probe"], Call("good", "nothing"))
    assert [event.metadata.get("skills") for event in captured.named(events.STARTED)] == [["good"]]
    for event in captured.events:
        assert telemetry.check(event.name, event.measurements, event.metadata) == []
    assert captured.names() == [events.STARTED, events.CALL_FAILED]


def test_collectors_start_with_the_probe_and_stop_with_it(tree: Start) -> None:
    journal: list[str] = []
    supervisor = tree([(Good, {"journal": journal})])
    wait_until(lambda: journal == ["start"])
    supervisor.stop(timeout=SECONDS)
    assert journal == ["start", "stop"]


def test_a_skill_that_hangs_blocks_neither_the_probe_nor_the_others(tree: Start, gate: threading.Event) -> None:
    probe = tree([(Hanging, {"gate": gate}), Good])["probe"]
    begun = time.monotonic()
    waiting = probe.ask(Call("hanging", "hanging_hang"), block=False)
    for _ in range(20):
        assert ask(probe, Call("good", "good_add", (1,))).value == 2
    assert ask(probe, ListSkills()) == ["hanging", "good"]
    if time.monotonic() - begun < 0.2:
        assert not waiting.done
    late = waiting.get(timeout=SECONDS)
    assert (late.kind, "longer than 0.3 s" in late.text) == ("timeout", True)
    assert ask(probe, Call("hanging", "snapshot")).kind == "busy"
    assert ask(probe, Call("good", "good_add", (1,))).value == 2


def test_hundred_asks_at_once_all_end(tree: Start) -> None:
    probe = tree([Good])["probe"]
    futures = [probe.ask(Call("good", "good_add", (number,)), block=False) for number in range(100)]
    answers = [future.get(timeout=SECONDS) for future in futures]
    kinds = {"ok" if isinstance(each, Answer) else each.kind for each in answers}
    assert "ok" in kinds
    assert kinds <= {"ok", "busy"}


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (Call("nobody", "snapshot"), "refused", "it holds: good"),
        (Call("good", "nothing"), "unknown_callback", "good_add"),
        (Call(["good"], "snapshot"), "bad_arguments", "texts"),  # type: ignore[arg-type]
        (Call("good", "good_add", "12"), "bad_arguments", "a list"),  # type: ignore[arg-type]
        (Call("good", "good_add", (), "soon"), "bad_arguments", "a number"),  # type: ignore[arg-type]
        (RemoveSkill("nobody"), "refused", "nobody"),
        (RemoveSkill([1]), "refused", "[1]"),  # type: ignore[arg-type]
        ({"what": "is this"}, "refused", "type dict"),
    ],
)
def test_nothing_that_is_sent_crashes_it(tree: Start, call: Any, kind: str, text: str) -> None:
    probe = tree([Good])["probe"]
    probe.tell(call)
    failed = ask(probe, call)
    assert isinstance(failed, Failed)
    assert failed.kind == kind
    assert text in failed.text
    assert probe.pinned().address[1] == 1
    assert ask(probe, Call("good", "good_add", (1,))).value == 2


def test_its_end_fails_open_calls_at_once_and_the_next_one_starts_all_anew(tree: Start, gate: threading.Event) -> None:
    journal: list[str] = []
    entered = threading.Event()
    skills = [(Endless, {"gate": gate, "entered": entered}), (Good, {"journal": journal})]
    probe = tree(skills, stop_seconds=0.1)["probe"]
    ask(probe, Call("good", "snapshot"))
    open_call = probe.ask(Call("hanging", "hanging_hang"), block=False)
    assert entered.wait(SECONDS)
    with capture_events([events.CALL_FAILED]) as captured:
        probe.tell("crash")
        begun = time.monotonic()
        assert open_call.get(timeout=SECONDS).kind == "gone"
        assert time.monotonic() - begun < 5  # its own limit is 30 s
        captured.wait_for(lambda event: event.metadata["call"] == "stop")
    wait_until(lambda: _answers(probe))
    assert journal == ["start", "stop", "start"]
    assert ask(probe, Call("hanging", "snapshot")).value == {"fine": True}


class Endless(Hanging):
    """Hang longer than any test."""

    callback_seconds = 30.0


def _answers(probe: Any) -> bool:
    try:
        return isinstance(ask(probe, Call("good", "snapshot")), Answer)
    except Exception:
        return False


def test_a_skill_that_does_not_stop_is_left_behind_and_told(tree: Start, gate: threading.Event) -> None:
    supervisor = tree([(Hanging, {"gate": gate, "where": "stop"}), Good], stop_seconds=0.1)
    ask(supervisor["probe"], Call("hanging", "snapshot"))
    with capture_events([events.CALL_FAILED]) as captured:
        supervisor.stop(timeout=SECONDS)
    told = captured.named(events.CALL_FAILED)[0].metadata
    assert (told["skill"], told["call"], told["kind"]) == ("hanging", "stop", "timeout")


def test_a_skill_whose_start_fails_does_not_keep_the_probe_from_starting(tree: Start) -> None:
    journal: list[str] = []
    with capture_events([events.CALL_FAILED]) as captured:
        probe = tree([(BrokenStart, {"failures": [1], "journal": journal}), Good])["probe"]
        assert captured.wait_for(lambda event: event.metadata["skill"] == "broken_start").metadata["call"] == "start"
    assert ask(probe, Call("good", "good_add", (1,))).value == 2
    assert ask(probe, Call("broken_start", "snapshot")).value == {"up": True}


def test_skills_come_and_go_while_it_runs_and_survive_its_restart(tree: Start) -> None:
    journal: list[str] = []
    skills = SkillSet([Good])
    probe = tree(skills)["probe"]
    added = ask(probe, AddSkill(SkillSpec(Good, {"journal": journal, "tag": "b"}, "second")))
    assert (added.value, journal) == ("second", ["start b"])
    assert ask(probe, AddSkill(skill_spec(Good))).kind == "refused"
    probe.tell("crash")
    wait_until(lambda: _answers(probe) and journal[-1] == "start b" and len(journal) == 3)
    assert ask(probe, Call("second", "snapshot")).value["tag"] == "b"
    assert ask(probe, RemoveSkill("second")).value is True
    assert journal == ["start b", "stop b", "start b", "stop b"]
    assert ask(probe, Call("second", "snapshot")).kind == "refused"
    assert [spec.name for spec in skills.specs()] == ["good"]


def test_removing_a_skill_that_hangs_ends_in_time(tree: Start, gate: threading.Event) -> None:
    entered = threading.Event()
    probe = tree([(Hanging, {"gate": gate, "entered": entered})], stop_seconds=0.1)["probe"]
    probe.ask(Call("hanging", "hanging_hang"), block=False)
    assert entered.wait(SECONDS)
    assert ask(probe, RemoveSkill("hanging")).value is False
    assert ask(probe, ListSkills()) == []


def test_skills_of_operators_are_passed_over(tree: Start) -> None:
    probe = tree([Good, InOperator, plain])["probe"]
    assert ask(probe, ListSkills()) == ["good"]
    assert "runs_in" in ask(probe, AddSkill(skill_spec((InOperator, {"tag": "x"})))).text


def test_no_fault_of_a_skill_ends_the_probe(tree: Start) -> None:
    probe = tree([Wrong])["probe"]
    for name in ask(probe, Call("wrong", "names")).value:
        if name.startswith("wrong_"):
            ask(probe, Call("wrong", name))
    assert probe.pinned().address[1] == 1


class Slow(Good):
    """Have a limit that is none."""

    snapshot_seconds = 0


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (int, "subclass of beamlens.Skill"),
        ("nonsense", "there is no skill named 'nonsense'"),
        ((Good, ["tag"]), "(skill, {'name': value})"),
        ((Good, {1: 2}), "(skill, {'name': value})"),
        (Slow, "snapshot_seconds is 0"),
        (None, "subclass of beamlens.Skill"),
    ],
)
def test_what_is_no_skill_is_refused_with_what_is_expected(given: object, text: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        skill_spec(given)
    assert text in str(raised.value)


def test_two_skills_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="two skills named 'good'"):
        SkillSet([Good, (Good, {"tag": "b"})])
