"""Runs of a real operator: the queue, the options of one run, what is answered meanwhile, watching for good."""

from __future__ import annotations

import time
from typing import Any

import pykka
import pytest

from beamlens.errors import ConfigurationError, UnknownOperator
from beamlens.operator.messages import Invoke, RunNotified
from supervision import MessageError, ProcessActor
from supervision.testing import wait_until
from tests.beamlens.e2e.trees import Toy, finding, kill, turns, watched

LOOK: Any = ("take_snapshot", {})
DONE: Any = ("done", {})
SLOW = {"tool": "done", "delay": 0.5}
FOREVER = {"tool": "think", "arguments": {"thought": "hm"}, "repeat": "forever"}


def test_a_run_from_its_reason_to_its_completion() -> None:
    script = {"operator": turns(LOOK, ("execute", {"code": "return toy_n() + 1"}), finding("n is 6"), DONE)}
    with watched(script) as (lens, ear):
        completion = lens.operator("toy").run({"reason": "alert", "since": 5}, timeout=20)
        executed = ear.wait_for("operator.execute_complete")
    assert (completion.ending, completion.iterations, completion.crashes) == ("done", 4, 0)
    assert [found.observation for found in completion.notifications] == ["n is 6"]
    assert [snapshot.data for snapshot in completion.snapshots] == [{"n": 1}]
    assert completion.notifications[0].trace_id == completion.trace_id
    assert executed.metadata["result"] == 6
    assert '"since": 5' in str(ear.named("operator.run_started")[0].metadata["reason"])


def test_status_and_message_are_answered_while_a_model_is_asked() -> None:
    script = {
        "operator": turns(LOOK, {"tool": "done", "delay": 3.0}),
        "message": [{"text": {"$text": ["n is ", {"$fact": "snapshots.0.data.n"}]}, "repeat": "forever"}],
    }
    with watched(script) as (lens, ear):
        toy = lens.operator("toy")
        run = toy.run_async("look")
        wait_until(lambda: len(ear.named("llm.start")) >= 2)
        began = time.monotonic()
        status = toy.status()
        answer = toy.message("what do you see?")
        assert time.monotonic() - began < 2.0
        assert (status.status, status.iteration, status.running, status.trace_id) == ("running", 1, True, run.run_id)
        assert (status.title, status.description, status.pid) == ("Toy", "A toy.", toy.ref.pid)
        assert answer["response"] == "n is 1"
        assert (answer["operator"], answer["iteration"]) == ("toy", 1)
        assert run.completion is None
        assert run.wait(timeout=20).ending == "done"
        # And afterwards it still knows what it saw.
        assert toy.message("and now?")["response"] == "n is 1"
        assert (toy.status().status, toy.status().title) == ("idle", "Toy")


def test_after_a_run_its_last_word_on_health_stands() -> None:
    with watched({"operator": turns(("set_state", {"state": "warning", "reason": "r"}), DONE)}) as (lens, _):
        assert lens.operator_status("toy").state == "healthy"
        assert lens.operator("toy").run(timeout=20).state == "warning"
        assert lens.operator_status("toy").state == "warning"


def test_runs_wait_in_the_order_in_which_they_were_asked_for() -> None:
    with watched({"operator": turns(SLOW)}) as (lens, ear):
        toy = lens.operator("toy")
        runs = [toy.run_async(f"{number}") for number in range(4)]
        wait_until(lambda: toy.status().queued == 3)
        assert [run.wait(timeout=30).ending for run in runs] == ["done"] * 4
    reasons = [event.metadata["reason"] for event in ear.named("operator.run_started")]
    assert reasons == [f'{{"reason": "{number}"}}' for number in range(4)]


def test_a_deadline_counts_from_the_call_the_time_in_the_queue_included() -> None:
    with watched({"operator": turns({"tool": "done", "delay": 1.5})}) as (lens, ear):
        toy = lens.operator("toy")
        first = toy.run_async("first")
        ear.wait_for("llm.start")
        second = toy.run("second", deadline=0.5, timeout=20)
        assert first.wait(timeout=20).ending == "done"
    assert second.ending == "deadline"
    assert second.iterations == 0
    assert len(ear.named("llm.start")) == 1  # the second never asked the model


def test_a_deadline_ends_a_call_of_the_model() -> None:
    with watched({"operator": turns({"tool": "done", "delay": 30.0})}) as (lens, _):
        began = time.monotonic()
        completion = lens.operator("toy").run(deadline=0.5, timeout=20)
    assert completion.ending == "deadline"
    assert "0.5 seconds" in str(completion.reason)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "step",
    [{"tool": "done", "delay": 30.0}, ("wait", {"ms": 60_000}), ("execute", {"code": "while true do end"})],
)
def test_cancelling(step: Any) -> None:
    with watched({"operator": turns(LOOK, step, DONE)}) as (lens, ear):
        toy = lens.operator("toy")
        run = toy.run_async("look")
        wait_until(lambda: len(ear.named("llm.start")) >= 2)
        began = time.monotonic()
        assert toy.cancel(run.run_id) == 1
        completion = run.wait(timeout=20)
        assert time.monotonic() - began < 8
        assert (
            completion.ending in ("cancelled", "done") if isinstance(step, tuple) else completion.ending == "cancelled"
        )
        assert len(completion.snapshots) == 1
        assert toy.cancel() == 0


def test_the_options_of_a_run_take_effect_and_do_not_stick() -> None:
    script = {"operator": turns(*[("think", {"thought": f"{n}"}) for n in range(40)])}
    with watched(script, [{"skill": Toy, "max_iterations": 6}]) as (lens, ear):
        toy = lens.operator("toy")
        assert toy.run(max_iterations=2, timeout=20).iterations == 2
        completion = toy.run(timeout=20)
        assert (completion.iterations, completion.ending) == (6, "max_iterations")
        assert toy.run(client="rules", timeout=20).ending == "done"
        assert toy.run(client="nobody", timeout=20).ending == "llm_failed"
        assert not ear.named("compaction.start")
        toy.run(compaction_max_tokens=1, compaction_keep_last=1, timeout=20)
        ear.wait_for("compaction.start")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"max_steps": 3}, "no option 'max_steps'; it has: client"),
        ({"deadline": "soon"}, "deadline is 'soon'; a number of seconds above 0 is expected"),
        ({"deadline": 0}, "deadline is 0"),
        ({"max_iterations": 0}, "max_iterations is 0"),
        ({"compaction_keep_last": 1.5}, "compaction_keep_last is 1.5"),
    ],
)
def test_options_that_cannot_be_are_refused_where_they_are_given(options: dict[str, Any], problem: str) -> None:
    with watched({"operator": turns(DONE)}) as (lens, ear):
        with pytest.raises(ConfigurationError, match=problem):
            lens.operator("toy").run("look", **options)
        assert lens.operator("toy").run("look", timeout=20).ending == "done"
        ear.wait_for("operator.run_stopped")
        assert len(ear.named("operator.run_started")) == 1


def test_a_reason_that_cannot_travel_is_the_callers_error_at_once() -> None:
    with watched({"operator": turns(DONE)}) as (lens, _):
        with pytest.raises(MessageError):
            lens.operator("toy").run({"reason": object()}, timeout=20)
        with pytest.raises(MessageError):
            lens.run({"reason": object()}, timeout=20)


def test_notifications_arrive_as_they_are_sent() -> None:
    slow = {"tool": "think", "arguments": {"thought": "."}, "delay": 1.0}
    script = {"operator": turns(LOOK, finding("one"), slow, finding("two"), DONE)}
    with watched(script) as (lens, _):
        run = lens.operator("toy").run_async("look")
        found = iter(run)
        assert next(found).observation == "one"
        assert run.completion is None
        assert [each.observation for each in found] == ["two"]
        assert run.completion is not None
        assert [each.observation for each in run] == ["one", "two"]  # a second look does not wait for ever


def test_a_run_can_be_waited_for_by_others() -> None:
    with watched({"operator": turns(SLOW)}) as (lens, ear):
        toy = lens.operator("toy")
        assert toy.await_(timeout=10) is None
        run = toy.run_async("look")
        ear.wait_for("operator.run_started")
        present = toy.await_(timeout=20)
        by_name = toy.await_(run.run_id, timeout=20)
        assert present == by_name == run.wait(timeout=20)
        assert toy.await_("f" * 32, timeout=20) is None


def test_the_callers_patience_is_not_the_runs_end() -> None:
    with watched({"operator": turns(SLOW)}) as (lens, ear):
        with pytest.raises(pykka.Timeout):
            lens.operator("toy").run("look", timeout=0.1)
        assert ear.wait_for("operator.run_stopped").metadata["ending"] == "done"


class Client(ProcessActor):
    """Ask an operator from a process of its own."""

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, RunNotified):
            return None
        ref, run_id = message
        return ref.ask(Invoke(run_id=run_id, notify=self.actor_ref), timeout=20).ending


def test_another_actor_sends_it_a_message_by_ref() -> None:
    with watched({"operator": turns(LOOK, finding(), DONE)}) as (lens, _):
        client = Client.start()
        try:
            assert client.ask((lens.operator("toy").ref, "d" * 32), timeout=20) == "done"
            assert client.is_alive()
        finally:
            client.stop()


def test_what_it_does_not_understand_is_told_and_hurts_nobody() -> None:
    with watched({"operator": turns(DONE)}) as (lens, ear):
        toy = lens.operator("toy")
        toy.ref.tell({"nonsense": 1})
        toy.ref.tell(Invoke(run_id="../../etc/passwd"))
        assert "nonsense" in ear.wait_for("operator.unexpected_message").metadata["message"]
        ear.wait_for("operator.run_stopped")
        assert toy.run(timeout=20).ending == "done"
        assert len(ear.named("operator.started")) == 1
        assert lens["journal"].is_alive()


def test_continuous_from_the_start_and_on_demand_runs_go_first() -> None:
    watch = {"steps": [LOOK, {"tool": "wait", "arguments": {"ms": 60_000}, "repeat": "forever"}], "position": "turns"}
    script = {"operator:watcher": watch, "operator:toy": turns(DONE)}
    operators = [{"name": "watcher", "skill": Toy, "continuous": True}, Toy]
    with watched(script, operators) as (lens, ear):
        ear.wait_for("operator.wait")
        assert lens.operator_status("watcher").running
        assert not lens.operator_status("toy").running
        began = time.monotonic()
        completion = lens.operator("watcher").run("look now", max_iterations=1, timeout=20)
        assert time.monotonic() - began < 10
        assert completion.ending == "max_iterations"
        watcher = [event for event in ear.named("operator.run_started") if event.who == "watcher"]
        assert [event.metadata["mode"] for event in watcher] == ["continuous", "on_demand"]
        wait_until(lambda: len(ear.of("watcher")) and lens.operator_status("watcher").iteration >= 3)
        assert len(ear.named("operator.run_stopped")) == 1  # the watch goes on


def test_the_watch_goes_on_after_a_crash_with_what_it_knew() -> None:
    watch = {
        "steps": [LOOK, finding(), {"tool": "wait", "arguments": {"ms": 60_000}, "repeat": "forever"}],
        "position": "turns",
    }
    with watched({"operator": watch}, [{"skill": Toy, "continuous": True}]) as (lens, ear):
        ear.wait_for("operator.wait")
        kill(lens.operator("toy").ref)
        resumed = ear.wait_for("operator.resumed")
        assert resumed.metadata["iteration"] == 3
        ear.wait_for("operator.wait", 2)
        wait_until(lambda: lens.operator_status("toy").notifications == 1)
        assert len(ear.named("operator.notification_sent")) == 1
        assert len({event.metadata["trace_id"] for event in ear.named("operator.wait")}) == 1


def test_an_operator_that_is_not_there() -> None:
    unknown = pytest.raises(UnknownOperator, match="there is no operator 'vn'; there are: toy")
    with watched({"operator": turns(DONE)}) as (lens, _), unknown:
        lens.operator("vn")


def test_a_skill_that_cannot_start_ends_the_run_with_a_clear_word() -> None:
    with watched({"operator": turns(DONE)}) as (lens, _):
        lens.terminate_child("probe")
        completion = lens.operator("toy").run("look", timeout=40)
    assert completion.ending == "crashed"
    assert "skill does not answer" in str(completion.reason)


def test_transcripts_are_written(tmp_path: Any) -> None:
    from beamlens.journal.records import Began, Ended, Stepped
    from beamlens.journal.store import find, read_bodies
    from beamlens.journal.writer import codec

    with watched({"operator": turns(LOOK, DONE)}, transcripts=tmp_path) as (lens, _):
        completion = lens.operator("toy").run("look", timeout=20)
        path = wait_until(lambda: find(tmp_path, completion.trace_id[:8]))
        assert path is not None
        wait_until(lambda: len(list(read_bodies(path))) == 3)
    records: list[Any] = [codec().decode(body) for body in read_bodies(path)]
    assert [type(record) for record in records] == [Began, Stepped, Ended]
    assert records[-1].outcome == completion
