"""Long conversations are shortened; nothing that matters is lost, whatever the model does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beamlens import telemetry
from beamlens.agent import compaction as compacting
from beamlens.agent.compaction import (
    CORRELATING,
    HEADING,
    MONITORING,
    Compaction,
    Run,
    compact_if_needed,
    ids_in,
    split,
    transcript,
)
from beamlens.agent.context import Context
from beamlens.errors import ModelError
from beamlens.llm.model import Message, ModelFailure, ModelReply, ModelRequest, ToolCall, Usage
from supervision.testing import CapturedEvents, capture_events

START, STOP, EXCEPTION = (("beamlens", "compaction", name) for name in ("start", "stop", "exception"))
SMALL = Compaction(max_tokens=1000, keep_last=3)
IDS = [f"{number:016x}" for number in range(0xABCD0000, 0xABCD0000 + 9)]


class Summariser:
    """Answer with this text, or fail; remember what was asked."""

    def __init__(self, answer: str | ModelFailure = "a short summary") -> None:
        self.answer = answer
        self.requests: list[ModelRequest] = []

    def __call__(self, request: ModelRequest) -> ModelReply:
        self.requests.append(request)
        if isinstance(self.answer, ModelFailure):
            raise ModelError(self.answer)
        return ModelReply(text=self.answer, usage=Usage(10, 10))


def conversation(steps: int, size: int = 900, tokens: int = 0) -> Context:
    """Return one of so many steps, a snapshot each, whose last call measured so many tokens."""
    context = Context().with_user("something is slow")
    for step in range(steps):
        usage = Usage(input_tokens=tokens) if step == steps - 1 else Usage()
        call = ToolCall(f"c{step}", "take_snapshot", {})
        context = context.with_reply(ModelReply(call, usage=usage))
        context = context.with_result(f"c{step}", f'{{"id": "{IDS[step % 9]}", "data": "{"d" * size}"}}')
    return context


def captured() -> Any:
    return capture_events([START, STOP, EXCEPTION])


def check_events(events: CapturedEvents) -> None:
    for event in events.events:
        assert telemetry.check(event.name, event.measurements, event.metadata) == []


def test_a_short_conversation_stays() -> None:
    context, ask = conversation(2), Summariser()
    with captured() as events:
        assert compact_if_needed(context, ask, SMALL) is context
    assert ask.requests == []
    assert events.events == []


def test_a_long_one_becomes_a_summary_and_its_last_messages() -> None:
    context, ask = conversation(8), Summariser()
    shorter = compact_if_needed(context, ask, SMALL)
    assert shorter.messages[0].role == "user"
    assert shorter.messages[0].text.startswith(f"{HEADING}\na short summary")
    assert shorter.messages[1:] == context.messages[-4:]  # three, and the call that belongs to the first of them
    assert shorter.messages[1].call is not None
    assert shorter.tokens < context.tokens


def test_it_is_the_measured_size_that_counts() -> None:
    ask = Summariser()
    compact_if_needed(conversation(4, size=1, tokens=900), ask, SMALL)
    assert ask.requests == []
    compact_if_needed(conversation(4, size=1, tokens=1000), ask, SMALL)
    assert len(ask.requests) == 1


def test_ids_survive_literally_whatever_the_summary_says() -> None:
    context = conversation(8)
    shorter = compact_if_needed(context, Summariser(f"only {IDS[2]} mattered"), SMALL)
    summary = shorter.messages[0].text
    assert [summary.count(each) for each in IDS[:6]] == [1] * 6
    kept = "".join(message.text for message in shorter.messages[1:])
    assert all(each in summary + kept for each in IDS[:8])


def test_without_the_code_they_would_be_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control."""
    monkeypatch.setattr(compacting, "_with_ids", lambda summary, ids: summary)
    shorter = compact_if_needed(conversation(8), Summariser(), SMALL)
    assert IDS[0] not in shorter.messages[0].text


def test_only_the_ids_that_are_asked_for() -> None:
    shorter = compact_if_needed(conversation(8), Summariser(), SMALL, ids=[IDS[1], "not-there", ""])
    assert IDS[1] in shorter.messages[0].text
    assert IDS[0] not in shorter.messages[0].text
    assert "not-there" not in shorter.messages[0].text


def test_ids_of_an_earlier_summary_survive_the_next() -> None:
    context = compact_if_needed(conversation(8), Summariser(), SMALL)
    for step in range(8):
        call = ToolCall(f"later{step}", "think", {"thought": "w" * 600})
        context = context.with_reply(ModelReply(call)).with_result(f"later{step}", "x" * 600)
    again = compact_if_needed(context, Summariser("another"), SMALL)
    assert again.messages[0].text.count(HEADING) == 1
    assert IDS[0] in again.messages[0].text


def test_so_many_ids_are_bounded_and_it_says_so() -> None:
    many = " ".join(f"{number:016x}" for number in range(700))
    context = Context((*conversation(3).messages, Message("user", many), *conversation(3).messages))
    text = compact_if_needed(context, Summariser(), SMALL).messages[0].text
    assert f"{699:016x}" in text
    assert f"{0:016x}" not in text
    assert "older ones left out" in text


def test_what_looks_like_an_id_and_what_does_not() -> None:
    text = f"{IDS[0]} {IDS[1]}x 0123456789abcde x{IDS[2]} {'ab' * 16} {IDS[3].upper()} ({IDS[4]}) {IDS[0]}"
    assert ids_in([Message("user", text)]) == [IDS[0], IDS[4]]
    call = ToolCall("c", "get_snapshot", {"id": IDS[5]})
    assert ids_in([Message("assistant", call=call)]) == [IDS[5]]


def test_the_request_says_what_to_keep_and_has_no_tools() -> None:
    ask = Summariser()
    compact_if_needed(conversation(8), ask, SMALL, Run("t", 3))
    [request] = ask.requests
    assert request.tools == ()
    assert request.facts["role"] == "compaction"
    assert request.facts["ids"] == IDS[:6]
    assert [message.role for message in request.messages] == ["user"]
    assert "take_snapshot" in request.messages[0].text
    for word in ("monitoring", "Snapshot IDs", "nomalies"):
        assert word in MONITORING
    assert "Notification IDs" in CORRELATING
    assert "status" in CORRELATING
    compact_if_needed(conversation(8), ask, Compaction(max_tokens=1000, prompt=CORRELATING))
    assert ask.requests[1].system == CORRELATING


def test_its_events() -> None:
    context = conversation(8)
    with captured() as events:
        shorter = compact_if_needed(context, Summariser(), SMALL, Run("trace", 7))
    start, stop = events.events
    assert (start.name, stop.name) == (START, STOP)
    assert start.measurements["message_count"] == len(context.messages)
    assert start.metadata["config"] == {"max_tokens": 1000, "keep_last": 3}
    assert stop.measurements["message_count"] == len(shorter.messages)
    assert stop.measurements["duration"] >= 0
    assert {event.metadata["trace_id"] for event in events.events} == {"trace"}
    assert {event.metadata["iteration"] for event in events.events} == {7}
    check_events(events)


@pytest.mark.parametrize("answer", [ModelFailure("overloaded", "busy", True), "", " \n "])
def test_a_failure_loses_nothing_and_is_tried_again_after_growth(answer: str | ModelFailure) -> None:
    context, ask = conversation(8), Summariser(answer)
    with captured() as events:
        after = compact_if_needed(context, ask, SMALL)
    assert after.messages == context.messages
    assert after.tokens == context.tokens
    assert events.names() == [START, EXCEPTION]
    check_events(events)
    assert compact_if_needed(after, ask, SMALL) is after
    assert len(ask.requests) == 1
    ask.answer = "now it works"
    grown = after.with_user("z" * 400)
    assert len(compact_if_needed(grown, ask, SMALL).messages) < len(grown.messages)
    assert len(ask.requests) == 2


def test_a_cancelled_one_is_told_to_the_caller() -> None:
    with pytest.raises(ModelError), captured() as events:
        compact_if_needed(conversation(8), Summariser(ModelFailure("cancelled", "stop", False)), SMALL)
    assert events.names() == [START, EXCEPTION]


def test_where_it_does_not_help_it_is_not_repeated_at_every_step() -> None:
    """The last messages alone are too long: the defect of BeamLens was a summary after every single call."""
    context, ask = conversation(8, size=3000), Summariser()
    for step in range(4):
        context = compact_if_needed(context, ask, SMALL)
        context = context.with_user(f"small step {step}")
    assert len(ask.requests) == 1


def test_there_must_be_something_to_summarise() -> None:
    assert compact_if_needed(Context().with_user("x" * 9000), Summariser(), SMALL).messages[0].text == "x" * 9000
    assert split(conversation(1).messages, 5) == 0


def test_the_transcript_is_bounded_and_keeps_both_ends() -> None:
    text = transcript([Message("user", "BEGIN" + "m" * 100_000 + "END")])
    assert len(text) < 17_000
    assert "BEGIN" in text
    assert text.endswith("END")
    assert "characters left out" in text


@pytest.mark.parametrize(
    "wrong", [{"max_tokens": 0}, {"keep_last": 0}, {"timeout": 0.0}, {"growth": -1.0}, {"summary_tokens": 0}]
)
def test_settings_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Compaction(**wrong)


MESSAGES = st.lists(
    st.sampled_from(["user", "step", "step", "step"]).flatmap(lambda kind: st.tuples(st.just(kind), st.integers(0, 8))),
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(MESSAGES, st.integers(1, 8))
def test_pairs_are_never_parted(plan: list[tuple[str, int]], keep_last: int) -> None:
    context = Context().with_user("begin")
    for number, (kind, which) in enumerate(plan):
        if kind == "user":
            context = context.with_user(f"more about {IDS[which]}")
        else:
            call = ToolCall(f"c{number}", "get_snapshot", {"id": IDS[which]})
            context = context.with_reply(ModelReply(call)).with_result(f"c{number}", f"it is {IDS[which]}")
    shorter = compact_if_needed(context, Summariser(), Compaction(max_tokens=1, keep_last=keep_last))
    open_calls: set[str] = set()
    for message in shorter.messages:
        if message.call is not None:
            open_calls.add(message.call.id)
        if message.answers is not None:
            assert message.answers in open_calls
    assert shorter.messages[0].role == "user"
    assert shorter.messages[-keep_last:] == context.messages[-keep_last:]
    everything = "".join(message.text + str(message.call) for message in shorter.messages)
    assert all(each in everything for each in ids_in(context.messages))
