"""The loop: how a run goes on, and each way in which it ends."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from beamlens.agent.context import Context
from beamlens.agent.control import Control
from beamlens.agent.loop import AgentLoop, Continue, Finish, LoopPolicy, LoopState, Sleep
from beamlens.agent.observer import Observer
from beamlens.llm.model import Message, ModelFailure, ModelReply
from supervision.process.wire import Codec, Limits
from tests.beamlens.agent.loops import Listed, Recorded, RecordingObserver, call, run

DONE = call("done")
FINISHED = Recorded(done=Finish("bye"))
TALK = ModelReply(None, "no tool was called; call exactly one of: done", "I would rather talk.")


def finished(**tools: Any) -> Recorded:
    return Recorded(done=Finish("bye"), **tools)


def test_steps_until_done() -> None:
    role, observer = finished(), RecordingObserver()
    ended, model, loop = run([call("look"), DONE], role, observer=observer)
    assert (ended.ending, ended.value, loop.state.iteration) == ("done", "bye", 2)
    assert role.performed == ["look", "done"]
    assert observer.heard == ["iteration 0", "start look", "stop look", "iteration 1", "start done", "stop done"]
    assert [request.facts for request in model.requests] == [{"iteration": 0}, {"iteration": 1}]


def test_a_result_is_the_next_message_and_the_prompt_is_not_kept() -> None:
    _, model, _ = run([call("look"), DONE], finished(look=Continue({"n": 1})))
    said = model.requests[1].messages
    assert [message.text for message in said] == ["", '{"n": 1}', "Go on."]
    assert (said[0].call, said[1].answers, said[1].is_error) == (call("look").call, "id-look", False)


def test_an_error_of_a_tool_is_marked_as_one() -> None:
    _, model, _ = run([call("look"), DONE], finished(look=Continue({"error": "no"}, is_error=True)))
    assert model.requests[1].messages[1].is_error


def test_news_are_kept_in_the_conversation() -> None:
    role = finished()
    role.news = ["beta crashed"]
    _, model, _ = run([call("look"), DONE], role)
    assert "beta crashed" in [message.text for message in model.requests[1].messages]


def test_a_conversation_never_begins_with_the_model() -> None:
    role = finished()
    role.prompt = ""
    _, model, _ = run([DONE], role)
    assert model.requests[0].messages == (Message("user", "Begin."),)


def test_nonsense_is_fed_back_and_counted_from_anew_after_a_good_answer() -> None:
    observer = RecordingObserver()
    ended, model, _ = run([TALK, TALK, call("look"), TALK, TALK, DONE], finished(), observer=observer)
    assert ended.ending == "done"
    assert [word for word in observer.heard if word.startswith("nonsense")] == [f"nonsense {n}" for n in (1, 2, 1, 2)]
    told = [message.text for message in model.requests[1].messages]
    assert told[:2] == ["I would rather talk.", json.dumps({"error": TALK.problem})]


def test_three_in_a_row_end_the_run_with_a_clear_word() -> None:
    ended, _, loop = run([TALK], finished())
    assert ended.ending == "llm_failed"
    assert ended.reason == f"3 unusable answers in a row; the last: {TALK.problem}"
    assert loop.state.iteration == 2


def test_the_same_call_again_and_again_is_not_performed() -> None:
    role = finished()
    ended, model, _ = run([call("look", at=1)] * 5 + [DONE], role)
    assert ended.ending == "done"
    assert role.performed == ["look"] * 3 + ["done"]
    assert "was made 5 times in a row" in model.requests[-1].messages[-2].text


@pytest.mark.parametrize("between", [call("look", at=2), call("think")])
def test_other_calls_between_are_no_repetition(between: ModelReply) -> None:
    role = finished()
    run([call("look", at=1), between] * 4 + [DONE], role)
    assert len(role.performed) == 9


def test_after_a_wait_the_same_call_may_find_something_else() -> None:
    role = finished(wait=Sleep(0.0, {}))
    run([call("look"), call("look"), call("wait")] * 3 + [DONE], role)
    assert role.performed.count("look") == 6


def test_waiting_again_and_again_is_no_repetition() -> None:
    role = finished(wait=Sleep(0.0, {}))
    run([call("wait", ms=1)] * 6 + [DONE], role)
    assert role.performed.count("wait") == 6


def test_it_has_so_many_steps() -> None:
    ended, model, _ = run([call("look"), call("think")] * 9, finished(), max_iterations=4)
    assert (ended.ending, ended.reason, len(model.requests)) == ("max_iterations", "4 iterations were taken", 4)


def test_a_long_result_is_cut_for_the_model() -> None:
    _, model, _ = run([call("look"), DONE], finished(look=Continue("x" * 500)), max_result_chars=100)
    told = json.loads(model.requests[1].messages[1].text)
    assert told["truncated"] == "100 of 502 characters are shown"
    assert len(told["text"]) == 100


def test_a_wait_keeps_the_conversation() -> None:
    state = LoopState(Context().with_user("the reason"))
    _, model, _ = run([call("wait"), DONE], finished(wait=Sleep(0.01, {"waited": 10})), state=state)
    assert [message.text for message in model.requests[1].messages][:1] == ["the reason"]


def test_a_wait_ends_early_when_told_to() -> None:
    began = time.monotonic()
    ended, _, _ = run([call("wait"), DONE], finished(wait=Sleep(30.0, {}, lambda: True)))
    assert ended.ending == "done"
    assert time.monotonic() - began < 10


def test_a_step_is_finished_before_the_wait_it_begins() -> None:
    observer = RecordingObserver()
    control = Control()
    control_at_wait: list[int] = []

    def until() -> bool:
        control_at_wait.append(len(observer.states))
        return True

    run([call("wait"), DONE], finished(wait=Sleep(5.0, {}, until)), control=control, observer=observer)
    assert control_at_wait[0] == 1


def test_the_deadline_ends_a_wait() -> None:
    ended, _, _ = run([call("wait")], finished(wait=Sleep(60.0, {})), control=Control(0.1))
    assert ended.ending == "deadline"
    assert ended.reason == "the run took longer than the 0.1 seconds it was given"


def test_the_deadline_counts_from_when_it_was_asked_for() -> None:
    late = Control.since(time.time() - 10.0, 5.0)
    assert late.remaining() == 0.0
    assert run([DONE], finished(), control=late)[0].ending == "deadline"
    assert 4.0 < (Control.since(time.time() - 1.0, 6.0).remaining() or 0.0) <= 5.0
    assert Control.since(time.time() + 3600.0, 6.0).remaining() == pytest.approx(6.0, abs=0.5)  # a clock set back
    assert Control.since(0.0, None).remaining() is None


def test_cancelling_ends_a_wait() -> None:
    control = Control()
    threading.Timer(0.05, control.cancel, ("enough",)).start()
    ended, _, _ = run([call("wait")], finished(wait=Sleep(60.0, {})), control=control)
    assert (ended.ending, ended.reason) == ("cancelled", "enough")


def test_one_that_is_cancelled_before_it_began_asks_nothing() -> None:
    control = Control()
    control.cancel()
    ended, model, _ = run([DONE], finished(), control=control)
    assert ended.ending == "cancelled"
    assert not model.requests


def test_a_model_that_fails_for_good() -> None:
    control = Control()
    failure = ModelFailure("authentication", "no key", False)
    ended, _, _ = run([failure], finished(), control=control)
    assert (ended.ending, ended.reason) == ("llm_failed", "authentication: no key")
    assert control.failure == failure


def test_a_tool_that_raises_is_the_end_of_the_process_not_of_the_run() -> None:
    observer = RecordingObserver()

    def broken(_: dict[str, Any]) -> Any:
        raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError):
        run([call("look")], finished(look=broken), observer=observer)
    assert observer.heard[-1] == "failed look"
    assert not observer.states


def test_from_each_finished_step_it_goes_on_as_if_nothing_had_happened() -> None:
    answers = [call("look", at=1), TALK, call("think"), call("look", at=2), DONE]
    observer = RecordingObserver()
    _, whole, _ = run(answers, finished(), observer=observer)
    for taken, state in enumerate(observer.states, 1):
        over_the_wire = Codec(Limits())
        again: Any = over_the_wire.decode(over_the_wire.encode(state))
        ended, rest, loop = run(answers[taken:], finished(), state=again)
        assert (ended.ending, loop.state.iteration) == ("done", 5)
        assert rest.requests[-1].messages == whole.requests[-1].messages


def test_it_compacts_before_a_step() -> None:
    seen: list[int] = []

    def compact(context: Context, iteration: int) -> Context:
        seen.append(iteration)
        return Context().with_user("short") if iteration == 1 else context

    model = Listed(call("look"), DONE)
    loop = AgentLoop(finished(), model, Control(), Observer(), LoopPolicy(), compact)
    assert loop.run(LoopState()).ending == "done"
    assert seen == [0, 1]
    assert [message.text for message in model.requests[1].messages] == ["short", "Go on."]
