"""What an operator holds of its skill, across real processes."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import pytest

from beamlens.errors import SkillError
from beamlens.probe.messages import ListSkills
from beamlens.probe.remote import LocalSkill, RemoteSkill, SkillAccess
from beamlens.probe.specs import SkillSpec
from beamlens.skills.catalog import address_of
from supervision import Supervisor
from supervision.spec import child
from supervision.testing import wait_until
from tests.beamlens.probe.actors import LocalHolder, Parrot, RemoteHolder, Silent
from tests.beamlens.probe.conftest import Start
from tests.beamlens.probe.skills import Good, Hanging, InOperator, Wrong, plain

SECONDS = 20.0


def holder(supervisor: Any, name: str) -> Any:
    supervisor.start_child(child({"id": "op", "start": (RemoteHolder, (supervisor["probe"], name), {})}))
    return supervisor["op"]


def ask(operator: Any, *message: Any) -> Any:
    return operator.ask(list(message), timeout=SECONDS)


def test_an_operator_calls_its_skill_in_the_application(tree: Start) -> None:
    operator = holder(tree([Good]), "good")
    pid, said, (snapshot, seconds) = ask(operator, "snapshot")
    assert said == "ok"
    assert pid != os.getpid()
    assert snapshot["pid"] == snapshot["observed"] == os.getpid()
    assert 0 < seconds < SECONDS
    assert ask(operator, "call", "good_add", 1, 2.0)[2] == 3
    assert "good_add" in ask(operator, "names")[2]
    assert "### good_add" in ask(operator, "docs")[2]
    assert [check.name for check in ask(operator, "checks")[2]] == ["high"]
    assert ask(operator, "facts")[2].id == "good"


@pytest.mark.parametrize("count", range(6))
def test_an_operator_can_ask_which_skills_there_are(tree: Start, count: int) -> None:
    names = [f"good_{number}" for number in range(count)]
    operator = holder(tree([SkillSpec(Good, {}, name) for name in names]), "good")
    assert operator.ask(ListSkills(), timeout=SECONDS) == names


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("wrong_raise", "raised"),
        ("wrong_exit", "raised"),
        ("wrong_gigabyte", "too_large"),
        ("wrong_object", "unserializable"),
        ("wrong_nothing", "unknown_callback"),
    ],
)
def test_a_fault_arrives_as_a_typed_error(tree: Start, name: str, kind: str) -> None:
    operator = holder(tree([Wrong]), "wrong")
    said = ask(operator, "call", name)
    assert said[1] == kind


def test_a_call_that_hangs_ends_in_time_over_there(tree: Start, gate: threading.Event) -> None:
    operator = holder(tree([(Hanging, {"gate": gate})]), "hanging")
    begun = time.monotonic()
    assert ask(operator, "call", "hanging_hang")[1] == "timeout"
    assert ask(operator, "snapshot")[1] == "busy"
    assert time.monotonic() - begun < 10


def test_a_call_that_meets_the_end_of_the_probe_is_asked_again_of_the_next(tree: Start, gate: threading.Event) -> None:
    supervisor = tree([(Hanging, {"gate": gate}), Good], stop_seconds=0.05)
    operator = holder(supervisor, "good")
    for _ in range(5):
        supervisor["probe"].tell("crash")
        assert ask(operator, "call", "good_add", 1)[1:] == ["ok", 2]
    assert supervisor["probe"].pinned().address[1] == 6


def test_an_open_call_survives_a_restart_of_the_probe(tree: Start, gate: threading.Event) -> None:
    supervisor = tree([(Hanging, {"gate": gate})], stop_seconds=0.05)
    operator = holder(supervisor, "hanging")
    waiting = operator.ask(["call", "hanging_hang"], block=False)
    wait_until(lambda: "beamlens-hanging" in _waiting_threads())
    supervisor["probe"].tell("crash")
    wait_until(lambda: supervisor["probe"].pinned().address[1] == 2)
    gate.set()
    assert waiting.get(timeout=SECONDS)[1:] == ["ok", "over"]


def _waiting_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


def test_without_a_probe_the_answer_is_gone_and_quick(tree: Start) -> None:
    supervisor = tree([Good])
    operator = holder(supervisor, "good")
    supervisor.terminate_child("probe")
    begun = time.monotonic()
    assert ask(operator, "snapshot")[1] == "gone"
    assert time.monotonic() - begun < 5


def test_the_end_of_an_operator_in_the_middle_of_a_call_leaves_the_probe_well(
    tree: Start, gate: threading.Event
) -> None:
    supervisor = tree([(Hanging, {"gate": gate}), Good])
    operator = holder(supervisor, "hanging")
    operator.ask(["call", "hanging_hang"], block=False)
    wait_until(lambda: "beamlens-hanging" in _waiting_threads())
    pid = operator.pid
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: operator.pid not in (None, pid))
    gate.set()
    assert RemoteSkill(supervisor["probe"], "good").call("good_add", 1) == 2


def test_it_works_in_the_application_too_and_from_many_threads(tree: Start) -> None:
    skill = RemoteSkill(tree([Good])["probe"], "good")
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(skill.call("good_add", 1))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert found == [2] * 8
    assert skill.callbacks()["good_add"](2, 3) == 5


def test_arguments_that_cannot_travel_are_said_so(tree: Start) -> None:
    operator = holder(tree([Good]), "good")
    assert ask(operator, "call", "good_add", 2**63 - 1)[1] == "ok"
    skill = RemoteSkill(tree([])["probe"], "good")
    with pytest.raises(SkillError) as raised:
        skill.snapshot()
    assert raised.value.kind == "refused"


@pytest.mark.parametrize(("probe", "kind"), [(Silent, "timeout"), (Parrot, "gone")])
def test_whatever_the_probe_does_a_call_ends(probe: Any, kind: str) -> None:
    supervisor = Supervisor.start([child({"id": "probe", "start": (probe, (), {})})])
    try:
        with pytest.raises(SkillError) as raised:
            RemoteSkill(supervisor["probe"], "good", callback_seconds=0.1).call("good_add", 1)
    finally:
        supervisor.stop(timeout=SECONDS)
    assert raised.value.kind == kind


# ---- in the operator's own process


def local_holder(supervisor: Any, skill: Any) -> Any:
    arguments = (address_of(skill), os.getpid())
    supervisor.start_child(child({"id": "op", "start": (LocalHolder, arguments, {})}))
    return supervisor["op"]


def test_a_skill_of_an_operator_runs_in_its_process_and_observes_the_application(tree: Start) -> None:
    operator = local_holder(tree([]), InOperator)
    pid, said, (snapshot, _) = ask(operator, "snapshot")
    assert said == "ok"
    assert (snapshot["pid"], snapshot["observed"]) == (pid, os.getpid())
    assert ask(operator, "call", "get_node_info")[2]["pid"] == os.getpid()
    assert ask(operator, "call", "good_nothing")[1] == "unknown_callback"


def test_a_skill_made_of_functions_is_found_there_by_name(tree: Start) -> None:
    operator = local_holder(tree([]), plain)
    pid, _, (snapshot, _) = ask(operator, "snapshot")
    assert snapshot == {"pid": pid}
    assert ask(operator, "call", "plain_twice", 4)[2] == 8


def test_a_local_skill_has_the_same_protocol(gate: threading.Event) -> None:
    journal: list[str] = []
    with LocalSkill((Good, {"journal": journal})) as skill:
        access: SkillAccess = skill
        assert access.snapshot()[0]["n"] == 1
        assert access.call("good_add", 2) == 3
        assert access.callbacks()["good_add"](2) == 3
        assert access.facts().id == access.name == "good"
        assert access.checks()[0].name == "high"
        with pytest.raises(SkillError):
            access.call("nothing")
    assert journal == ["start", "stop"]


def test_both_have_all_of_the_protocol(tree: Start) -> None:
    remote: SkillAccess = RemoteSkill(tree([Good])["probe"], "good")
    remote.close()
    assert remote.call("good_add", 1) == 2
