"""Runs of a real coordinator: strategies, schedules, deadlines, the caller's death, the queue."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from typing import Any

import pytest

from beamlens.coordinator.messages import Investigate
from beamlens.errors import BeamlensError, ConfigurationError, DeadlineExceeded, ModelFailed, RunCancelled
from beamlens.operator.messages import RunNotified
from supervision import ProcessActor
from supervision.testing import wait_until
from tests.beamlens.e2e.trees import ALPHA_AND_BETA, finding, kill, turns, watched

DONE: Any = ("done", {})
FIND = turns(("take_snapshot", {}), finding("n is 1"), DONE)
SLOW = {"tool": "done", "delay": 0.6}
STRATEGY = "tests.beamlens.coordinator.strategies:AskEverybody"


def classify(*skills: str) -> dict[str, Any]:
    arguments = {"intent": "question", "skills": list(skills), "operator_context": "look"}
    return {"tool": "classify", "arguments": arguments, "repeat": "forever"}


PIPELINE = {
    "operator": FIND,
    "classify": [classify("alpha", "beta")],
    "synthesize": [{"tool": "synthesize", "arguments": {"answer": "two toys"}, "repeat": "forever"}],
    "coordinator": turns(DONE),
}


def test_the_pipeline_asks_twice_and_draws_an_insight() -> None:
    with watched(PIPELINE, ALPHA_AND_BETA) as (lens, ear):
        outcome = lens.run("how are the toys?", strategy="pipeline", timeout=30)
        other = lens.run("again", timeout=30)  # the strategy of one run does not stick
    assert (outcome.ending, outcome.answer, len(outcome.notifications)) == ("done", "two toys", 2)
    (insight,) = outcome.insights
    assert set(insight.notification_ids) == {found.id for found in outcome.notifications}
    assert (insight.correlation_type, insight.hypothesis_grounded) == ("symptomatic", False)
    told = [name for name in ear.of("coordinator") if "pipeline" in name or name == "coordinator.insight_produced"]
    assert told == [
        "coordinator.pipeline_classify_start",
        "coordinator.pipeline_classify_complete",
        "coordinator.pipeline_synthesize_start",
        "coordinator.pipeline_synthesize_complete",
        "coordinator.insight_produced",
    ]
    assert other.iterations == 1


def test_the_pipeline_asks_again_for_nonsense_and_then_fails_clearly() -> None:
    script = {
        **PIPELINE,
        "classify": [{"text": "what?", "repeat": 2}, classify()],
        "synthesize": [{"text": "hm", "repeat": 3}],
    }
    with watched(script, ALPHA_AND_BETA) as (lens, ear):
        with pytest.raises(ModelFailed, match="three unusable answers"):
            lens.run("how are the toys?", strategy="pipeline", timeout=30)
        ear.wait_for("coordinator.invalid_intent", 5)
        assert not lens.status().running


def test_a_pipeline_goes_on_after_a_crash_with_the_step_at_which_it_was() -> None:
    with watched({**PIPELINE, "operator": turns(SLOW)}, ALPHA_AND_BETA) as (lens, ear):

        def hear(event: Any) -> None:
            if event.name == "operator.iteration_start" and not ear.named("coordinator.resumed"):
                kill(lens.coordinator)
                ear.on_event = lambda _: None

        ear.on_event = hear
        outcome = lens.run("how are the toys?", strategy="pipeline", timeout=30)
    assert (outcome.ending, outcome.crashes, outcome.answer) == ("done", 1, "two toys")
    assert len(ear.named("coordinator.pipeline_classify_complete")) == 1
    assert len(ear.named("operator.run_started")) == 2


def test_a_strategy_of_a_users_own() -> None:
    with watched({"operator": FIND}, ALPHA_AND_BETA, coordinator={"strategy": STRATEGY}) as (lens, _):
        outcome = lens.run(timeout=30)
    assert (outcome.ending, outcome.reason, len(outcome.notifications)) == ("done", "2 findings", 2)


@pytest.mark.parametrize("strategy", ["nonsense", "tests.nowhere:Strategy", "os:getpid", 5])
def test_a_strategy_that_is_none_is_refused(strategy: Any) -> None:
    with (
        pytest.raises(ConfigurationError, match="strategy"),
        watched({"coordinator": turns(DONE)}, coordinator={"strategy": strategy}),
    ):
        pass
    with watched({"coordinator": turns(DONE)}) as (lens, ear):
        with pytest.raises(ConfigurationError, match="strategy"):
            lens.run(strategy=strategy, timeout=20)
        # From an actor of another process, past that check: a clear end, and the coordinator lives.
        asked = Investigate(run_id="e" * 32, strategy=str(strategy))
        assert lens.coordinator.ask(asked, timeout=20).ending == "crashed"
        assert len(ear.named("coordinator.started")) == 1


def test_a_strategy_with_a_bug_ends_its_run_and_no_other() -> None:
    with watched({"coordinator": turns(DONE)}) as (lens, _):
        with pytest.raises(BeamlensError, match="died 3 times"):
            lens.run(strategy="tests.beamlens.coordinator.strategies:Broken", timeout=30)
        assert lens.run(timeout=20).ending == "done"


def test_a_scheduled_run_comes_by_itself() -> None:
    script = {"coordinator": [("schedule", {"ms": 200, "reason": "see whether it grew"}), DONE]}
    with watched(script) as (lens, ear):
        assert lens.run("look", timeout=20).ending == "done"
        assert lens.status().scheduled
        assert ear.wait_for("coordinator.scheduled_reinvoke").metadata["reason"] == "see whether it grew"
        ear.wait_for("coordinator.run_stopped", 2)
        contexts = [event.metadata["context"] for event in ear.named("coordinator.run_started")]
        assert contexts == [{"reason": "look"}, {"reason": "see whether it grew"}]
        wait_until(lambda: not lens.status().scheduled)


@pytest.mark.parametrize("how", ["cancel", "run"])
def test_a_scheduled_run_is_cancelled(how: str) -> None:
    script = {"coordinator": [("schedule", {"ms": 700, "reason": "later"}), {"tool": "done", "repeat": "forever"}]}
    with watched(script) as (lens, ear):
        lens.run("look", timeout=20)
        assert lens.status().scheduled
        if how == "cancel":
            lens.cancel()
        else:
            lens.run("a run by hand", timeout=20)
        assert not lens.status().scheduled
        end = time.monotonic() + 1.0
        wait_until(lambda: time.monotonic() > end)
        assert not ear.named("coordinator.scheduled_reinvoke")


def test_a_deadline_and_what_was_found_before_it() -> None:
    script = {
        "operator": FIND,
        "coordinator": turns(("invoke_operators", {"skills": ["alpha"]}), {"tool": "done", "delay": 30}),
    }
    with watched(script, ALPHA_AND_BETA) as (lens, ear):
        outcome = lens.run("look", deadline=1.0, timeout=20)
        assert (outcome.ending, len(outcome.notifications)) == ("deadline", 1)
        assert "n is 1" in outcome.answer
        ear.wait_for("coordinator.deadline_exceeded")
        with pytest.raises(DeadlineExceeded, match=r"0\.3 seconds"):
            lens.run("look", deadline=0.3, operators=[], timeout=20)


def test_cancelling_ends_the_operators_runs_and_leaves_no_ghost() -> None:
    invoke = ("invoke_operators", {"skills": ["alpha", "beta"]})
    script = {"operator": turns({"tool": "done", "delay": 30}), "coordinator": turns(invoke, ("wait", {"ms": 60_000}))}
    with watched(script, ALPHA_AND_BETA) as (lens, ear):
        raised: list[BaseException] = []

        def run() -> None:
            try:
                lens.run("look", timeout=30)
            except RunCancelled as error:
                raised.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        ear.wait_for("operator.run_started", 2)
        ear.wait_for("coordinator.wait")
        assert set(lens.status().running_operators) == {"alpha", "beta"}
        assert lens.cancel() == 1
        thread.join(20)
        assert [type(error) for error in raised] == [RunCancelled]
        endings = [ear.wait_for("operator.run_stopped", count).metadata["ending"] for count in (1, 2)]
        assert endings == ["cancelled", "cancelled"]
        assert len(ear.named("coordinator.cancelled")) == 1
        assert len(ear.named("operator.started")) == 2  # they were not killed
        assert not lens.status().running
        assert lens.status().running_operators == ()


def test_runs_wait_in_order_and_their_deadlines_count_from_the_call() -> None:
    async def main(lens: Any) -> list[Any]:
        first = asyncio.create_task(lens.arun("first"))
        await asyncio.sleep(0.1)
        late = asyncio.create_task(lens.arun("late", deadline=0.2))
        third = asyncio.create_task(lens.arun("third"))
        return list(await asyncio.gather(first, late, third, return_exceptions=True))

    with watched({"coordinator": turns(SLOW)}) as (lens, ear):
        first, late, third = asyncio.run(main(lens))
        contexts = [event.metadata["context"]["reason"] for event in ear.named("coordinator.run_started")]
    assert (first.ending, type(late), third.ending) == ("done", DeadlineExceeded, "done")
    assert contexts == ["first", "late", "third"]


def test_cancelling_a_task_cancels_its_run() -> None:
    async def main(lens: Any, ear: Any) -> None:
        task = asyncio.create_task(lens.arun("look"))
        while not ear.named("llm.start"):
            await asyncio.sleep(0.01)
        statuses = await lens.alist_operators()
        assert [status.operator for status in statuses] == ["toy"]
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with watched({"coordinator": turns({"tool": "done", "delay": 30})}) as (lens, ear):
        asyncio.run(main(lens, ear))
        assert ear.wait_for("coordinator.run_stopped").metadata["ending"] == "cancelled"


def test_operators_from_an_event_loop() -> None:
    script = {"operator": turns(SLOW), "message": [{"text": "fine", "repeat": "forever"}]}

    async def main(lens: Any) -> None:
        toy = lens.operator("toy")
        run = asyncio.create_task(toy.arun("look"))
        answer = await toy.amessage("well?")
        assert answer["response"] == "fine"
        assert (await run).ending == "done"
        task = asyncio.create_task(toy.arun("look"))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with watched(script) as (lens, ear):
        asyncio.run(main(lens))
        assert ear.wait_for("operator.run_stopped", 2).metadata["ending"] == "cancelled"


class Caller(ProcessActor):
    """Have the coordinator run, and perhaps not live to hear the answer."""

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, RunNotified):
            return None
        coordinator, run_id = message
        coordinator.ask(Investigate(run_id=run_id, caller=self.actor_ref), block=False)
        return os.getpid()


@pytest.mark.parametrize("crash", [False, True])
def test_the_death_of_the_caller_ends_its_run(crash: bool) -> None:
    script = {"coordinator": turns(("think", {"thought": "."}), {"tool": "done", "delay": 30})}
    with watched(script) as (lens, ear):
        caller = Caller.start()
        pid = caller.ask((lens.coordinator, "f" * 32), timeout=20)
        ear.wait_for("coordinator.iteration_start", 2)
        if crash:  # also after the coordinator's process was replaced
            kill(lens.coordinator)
            ear.wait_for("coordinator.resumed")
            ear.wait_for("coordinator.iteration_start", 3)
        os.kill(pid, signal.SIGKILL)
        assert ear.wait_for("coordinator.run_stopped").metadata["ending"] == "cancelled"
        assert len(ear.named("coordinator.caller_down")) == 1
        wait_until(lambda: not lens.status().running)


def test_the_options_of_a_run_take_effect_and_do_not_stick() -> None:
    script = {"operator": FIND, "coordinator": turns(*[("think", {"thought": f"{n}"}) for n in range(40)])}
    with watched(script, ALPHA_AND_BETA) as (lens, ear):
        outcome = lens.run("look", max_iterations=3, timeout=20)
        assert (outcome.ending, outcome.iterations) == ("max_iterations", 3)
        assert ear.wait_for("coordinator.max_iterations_reached").metadata["iteration"] == 3
        assert lens.run("look", timeout=20).iterations == 25
        ruled = lens.run("look", client="rules", operators=["beta"], timeout=20)
        assert [result.operator for result in ruled.operator_results] == ["beta"]
        told = lens.run("look", max_iterations=1, notifications=ruled.notifications, timeout=20)
        assert told.notifications == ruled.notifications


@pytest.mark.parametrize(
    ("options", "problem"),
    [({"skills": ["vm"]}, "no option 'skills'; it has: caller"), ({"deadline": -1}, "deadline is -1")],
)
def test_options_that_cannot_be(options: dict[str, Any], problem: str) -> None:
    with watched({"coordinator": turns(DONE)}) as (lens, _), pytest.raises(ConfigurationError, match=problem):
        lens.run("look", **options)


def test_when_its_steps_are_used_up_it_still_waits_for_its_operators() -> None:
    invoke = ("invoke_operators", {"skills": ["alpha", "beta"]})
    script = {"operator": turns(("take_snapshot", {}), finding("n is 1"), SLOW), "coordinator": turns(invoke)}
    with watched(script, ALPHA_AND_BETA) as (lens, _):
        outcome = lens.run("look", max_iterations=1, timeout=20)
    assert (outcome.ending, len(outcome.notifications)) == ("max_iterations", 2)
    assert [result.ending for result in outcome.operator_results] == ["done", "done"]


def test_it_messages_operators_and_asks_how_they_stand() -> None:
    script = {
        "operator": turns(("take_snapshot", {}), {"tool": "done", "delay": 1.0}),
        "message": [{"text": "all is well", "repeat": "forever"}],
        "coordinator": turns(
            ("invoke_operators", {"skills": ["alpha"]}),
            ("message_operator", {"skill": "alpha", "message": "well?"}),
            ("message_operator", {"skill": "nobody", "message": "well?"}),
            ("get_operator_statuses", {}),
            DONE,
            ("wait", {"ms": 20_000}),
            DONE,
        ),
    }
    with watched(script, ALPHA_AND_BETA) as (lens, ear):
        outcome = lens.run("look", timeout=30)
    results = {event.metadata["tool_name"]: event.metadata["result"] for event in reversed(ear.named("tool.stop"))}
    asked = [
        event.metadata["result"]
        for event in ear.named("tool.stop")
        if event.metadata["tool_name"] == "message_operator"
    ]
    assert outcome.ending == "done"
    assert asked[0]["response"] == "all is well"
    assert "no operator of that name" in asked[1]["error"]
    assert results["get_operator_statuses"][0]["running"] is True
    assert len(ear.named("coordinator.done_rejected")) == 1


def test_what_it_does_not_understand_is_told_and_hurts_nobody() -> None:
    with watched({"coordinator": turns(DONE)}) as (lens, ear):
        lens.coordinator.tell("nonsense")
        lens.coordinator.tell(Investigate(run_id="not a run id"))
        ear.wait_for("coordinator.unexpected_message")
        ear.wait_for("coordinator.run_stopped")
        assert lens.run(timeout=20).ending == "done"
        assert len(ear.named("coordinator.started")) == 1
