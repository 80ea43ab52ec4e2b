"""A run goes on after the death of who performs it, twice; the third time it ends, and whoever waits hears why."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from beamlens.coordinator.messages import Investigate
from beamlens.errors import BeamlensError
from beamlens.llm.usage import UsageQuery
from beamlens.testing import Answer, StubAnthropic, tool_message
from supervision.testing import wait_until
from tests.beamlens.e2e.trees import Ear, Heard, asking, finding, kill, turns, watched

LAST = 3
LOOK: Any = (
    ("take_snapshot", {}),
    finding(),
    ("take_snapshot", {}),
    {"tool": "done", "delay": 0.4},  # time enough to die in
)


def kill_at(ear: Ear, name: str, part: Any, times: int, iteration: int | None = None) -> None:
    """Kill a process whenever an event of this name is told, so many times in all."""
    left = times

    def hear(event: Heard) -> None:
        nonlocal left
        if event.name == name and left and iteration in (None, event.metadata.get("iteration")):
            left -= 1
            threading.Thread(target=kill, args=(part,)).start()

    ear.on_event = hear


def test_an_operator_that_dies_twice_goes_on_with_what_it_found() -> None:
    with watched({"operator": turns(*LOOK)}) as (lens, ear):
        kill_at(ear, "operator.iteration_start", lens["operators"]["toy"], 2, LAST)
        completion = lens.operator("toy").run("look", timeout=30)
    assert (completion.ending, completion.crashes, completion.iterations) == ("done", 2, 4)
    assert len(completion.notifications) == 1
    assert len(completion.snapshots) == 2
    resumed = [(event.metadata["iteration"], event.metadata["crashes"]) for event in ear.named("operator.resumed")]
    assert resumed == [(3, 1), (3, 2)]
    assert len({event.metadata["trace_id"] for event in ear.named("operator.iteration_start")}) == 1
    assert len(ear.named("operator.notification_sent")) == 1


def test_one_that_dies_three_times_ends_as_crashed_with_what_it_found() -> None:
    with watched({"operator": turns(*LOOK)}) as (lens, ear):
        kill_at(ear, "operator.iteration_start", lens["operators"]["toy"], 3, LAST)
        completion = lens.operator("toy").run("look", timeout=30)
        again = lens.operator("toy").run("and now?", timeout=30)
    assert (completion.ending, completion.crashes) == ("crashed", 3)
    assert "died 3 times" in str(completion.reason)
    assert [found.observation for found in completion.notifications] == ["n is 1"]
    assert again.ending == "done"
    assert [event.metadata["ending"] for event in ear.named("operator.run_stopped")] == ["crashed", "done"]


def test_without_a_journal_what_was_found_is_lost() -> None:
    with watched({"operator": turns(*LOOK)}, journal=False) as (lens, ear):
        kill_at(ear, "operator.iteration_start", lens["operators"]["toy"], 1, LAST)
        completion = lens.operator("toy").run("look", timeout=30)
    announced = {event.metadata["notification"].id for event in ear.named("operator.notification_sent")}
    assert completion.ending == "done"
    assert not ear.named("operator.resumed")
    assert len(announced) == 2  # the run began anew, and what it had found was found once more
    assert len(completion.notifications) == 1


def test_without_a_journal_a_run_that_kills_its_operator_ends_all_the_same() -> None:
    with watched({"operator": turns(*LOOK)}, journal=False) as (lens, ear):
        kill_at(ear, "operator.iteration_start", lens["operators"]["toy"], 1000, LAST)
        completion = lens.operator("toy").run("look", timeout=50)
    assert completion.ending == "crashed"
    assert completion.crashes >= 3


def test_a_run_that_waits_behind_one_that_kills_is_performed() -> None:
    with watched({"operator": turns(*LOOK)}) as (lens, ear):
        kill_at(ear, "operator.iteration_start", lens["operators"]["toy"], 3, LAST)
        first = lens.operator("toy").run_async("look")
        second = lens.operator("toy").run_async("look, too")
        assert first.wait(timeout=30).ending == "crashed"
        assert second.wait(timeout=30).ending == "done"


@pytest.mark.parametrize("who", ["operator", "coordinator"])
def test_what_the_dead_had_asked_a_model_is_not_paid_for(who: str) -> None:
    long = turns({"tool": "done", "delay": 30.0})
    with watched({"operator": long, "coordinator": long}) as (lens, ear):
        if who == "operator":
            lens.operator("toy").run_async("look", deadline=60.0)
        else:
            lens.coordinator.ask(Investigate(run_id="c" * 32, deadline=60.0), block=False)
        ear.wait_for("llm.start")
        wait_until(lambda: lens["gateway"].ask(UsageQuery(), timeout=5).in_flight == 1)
        kill(lens.coordinator if who == "coordinator" else lens["operators"]["toy"])
        assert ear.wait_for("llm.usage", seconds=8).metadata["failure"] == "cancelled"


def test_a_coordinator_that_dies_three_times_ends_with_a_clear_error() -> None:
    script = {"coordinator": turns({"tool": "done", "delay": 0.4})}
    with watched(script) as (lens, ear):
        kill_at(ear, "coordinator.iteration_start", lens.coordinator, 3)
        with pytest.raises(BeamlensError, match="died 3 times"):
            lens.run("look", timeout=40)
        assert [event.metadata["ending"] for event in ear.named("coordinator.run_stopped")] == ["crashed"]
        wait_until(lambda: not lens.status().running)
        assert lens.run("look", timeout=20).ending == "done"


def test_the_coordinator_and_its_model_hear_that_an_operator_crashed() -> None:
    told: list[str] = []

    def coordinate(asked: dict[str, Any]) -> Any:
        told.append(str(asked["messages"]))
        if "toy ended as crashed" in told[-1]:
            return tool_message("done")
        if "invoke_operators" in told[-1]:
            return tool_message("wait", {"ms": 5000})
        return tool_message("invoke_operators", {"skills": ["toy"], "context": "look"})

    with StubAnthropic() as stub, asking(stub) as (lens, ear):
        stub.enqueue(*[coordinate] * 20, when="You coordinate operators")
        stub.enqueue(*[Answer(tool_message("done"), delay=0.5)] * 5, when="You watch a toy")
        kill_at(ear, "operator.iteration_start", lens["operators"]["toy"], 3)
        outcome = lens.run("look", timeout=40)
    assert outcome.ending == "done"
    assert [(each.operator, each.ending) for each in outcome.operator_results] == [("toy", "crashed")]
    assert "operator toy crashed (killed)" in told[-1]
    assert len(ear.named("coordinator.operator_crashed")) == 3
    assert "toy ended as crashed" in outcome.answer
