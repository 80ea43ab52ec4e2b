"""The scripted model: its steps, its placeholders, and what it says when it has nothing left to say."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from beamlens.errors import ModelError
from beamlens.llm.model import Message, ModelFailure, ModelReply, ModelRequest, ToolCall, ToolSchema, Usage
from beamlens.llm.providers.scripted import Scripted
from beamlens.llm.registry import build, validate
from tests.beamlens.llm.providers.asking import STATE, ask, failure, reply, request

ANY = ToolSchema("any", "Take anything.", {"type": "object"})


def asked(**fields: Any) -> ModelRequest:
    return request(**{"tools": (*request().tools, ANY), "caller": "operator:vm", **fields})


def filled(value: Any, **fields: Any) -> Any:
    said = reply(Scripted([("any", {"it": value})]), asked(**fields))
    assert said.call is not None, said
    return said.call.arguments["it"]


def names(answers: list[ModelReply | ModelFailure]) -> list[str]:
    return [
        answer.call.name if isinstance(answer, ModelReply) and answer.call else f"{getattr(answer, 'kind', 'text')}"
        for answer in answers
    ]


def test_steps_are_said_in_order_in_all_their_forms() -> None:
    model = Scripted(
        [
            ("set_state", STATE),
            ["done"],
            {"tool": "any", "arguments": {"a": 1}, "text": "so", "model": "m", "stop_reason": "s"},
            {"calls": [["done", {}], ["done", {}]]},
            "only words",
            {"failure": "rate_limited", "retry_after": 2.5, "status": 429},
            ModelFailure("server", "as a value", retryable=True),
            ModelReply(text="as a reply"),
            lambda given: ("any", {"caller": given.caller}),
        ]
    )
    answers = ask(model, *[asked() for _ in range(9)])
    assert names(answers) == ["set_state", "done", "any", "text", "text", "rate_limited", "server", "text", "any"]
    third, fourth, sixth, last = answers[2], answers[3], answers[5], answers[8]
    assert isinstance(third, ModelReply)
    assert (third.text, third.model, third.stop_reason) == ("so", "m", "s")
    assert isinstance(fourth, ModelReply)
    assert "2 tools" in str(fourth.problem)
    assert sixth == ModelFailure("rate_limited", "scripted: rate_limited", True, 2.5, 429)
    assert isinstance(last, ModelReply)
    assert last.call is not None
    assert last.call.arguments == {"caller": "operator:vm"}


def test_exceptions_are_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(Scripted([ZeroDivisionError("x")]).complete(asked()))


def test_arguments_that_do_not_fit_are_a_problem_as_from_a_real_model() -> None:
    said = reply(Scripted([("set_state", {"state": "odd"})]), asked())
    assert "reason is missing" in str(said.problem)


def test_a_script_that_is_used_up_says_so() -> None:
    model = Scripted({"operator:vm": [["done"]]})
    first, second = ask(model, asked(), asked())
    assert isinstance(first, ModelReply)
    assert isinstance(second, ModelFailure)
    assert (second.kind, second.retryable) == ("configuration", False)
    assert "operator:vm" in second.text
    assert "1 steps were used" in second.text


def test_a_caller_without_a_script_is_told_which_there_are() -> None:
    said = failure(Scripted({"coordinator": [["done"]]}), asked())
    assert "operator:vm, operator, *" in said.text
    assert "coordinator" in said.text


def test_callers_have_scripts_of_their_own() -> None:
    script = {
        "operator:vm": [("any", {"n": 1}), ("any", {"n": 2})],
        "operator": [{"tool": "any", "arguments": {"n": 3}, "repeat": "forever"}],
        "operator:vm/message": ["I am well."],
        "compaction": ["in short"],
        "*": [["done"]],
    }
    model = Scripted(script)

    def say(caller: str, role: str = "operator") -> Any:
        said = reply(model, asked(caller=caller, facts={"role": role}))
        return said.call.arguments.get("n") if said.call else said.text

    assert [say("operator:vm"), say("operator:gc"), say("operator:gc"), say("operator:vm")] == [1, 3, 3, 2]
    assert say("operator:vm", "message") == "I am well."
    assert say("operator:gc", "compaction") == "in short"
    assert say("coordinator") is None


def test_steps_repeat() -> None:
    model = Scripted([{"tool": "any", "repeat": 2}, ["done"], {"tool": "any", "repeat": "forever"}])
    assert names(ask(model, *[asked() for _ in range(6)])) == ["any", "any", "done", "any", "any", "any"]


def test_a_script_by_turns_survives_a_restart() -> None:
    script = {"*": {"position": "turns", "steps": [["any"], ["done"]]}}
    turn = (
        Message("user", "x"),
        Message("assistant", call=ToolCall("c", "any", {})),
        Message("user", "y", answers="c"),
    )
    for _ in range(2):  # as two incarnations of the gateway
        model = Scripted(script)
        assert names(ask(model, asked(), asked(), asked(messages=turn))) == ["any", "any", "done"]


def test_a_function_is_a_script() -> None:
    model = Scripted(lambda given: ("any", {"messages": len(given.messages)}))
    assert names(ask(model, asked(), asked())) == ["any", "any"]


def test_delays_pass_before_the_answer_and_can_be_cancelled() -> None:
    async def impatient() -> None:
        async with asyncio.timeout(0.05):
            await Scripted([{"tool": "done", "delay": 60}]).complete(asked())

    before = time.monotonic()
    reply(Scripted([{"tool": "done", "delay": 0.1}]), asked())
    assert time.monotonic() - before >= 0.1
    with pytest.raises(TimeoutError):
        asyncio.run(impatient())


def test_usage_is_counted_by_length_or_as_told() -> None:
    short, long = reply(Scripted([["done"]]), asked()), reply(Scripted([["done"]]), asked(system="x" * 4000))
    assert long.usage.input_tokens - short.usage.input_tokens == pytest.approx(1000, abs=10)
    told = reply(Scripted([{"tool": "done", "usage": {"input_tokens": 5, "output_tokens": 6}}]), asked())
    assert told.usage == Usage(5, 6)


def test_it_is_deterministic() -> None:
    script = [("any", {"id": {"$last_snapshot_id": True}}), ["done"]]
    facts = {"snapshots": [{"id": "s1"}]}
    runs = [ask(Scripted(script), asked(facts=facts), asked(facts=facts)) for _ in range(2)]
    assert runs[0] == runs[1]


# ---------------------------------------------------------------------------------------------- placeholders

FACTS = {
    "snapshots": [{"id": "s1", "data": {"rss": 1}}, {"id": "s2", "data": {"rss": 9}}],
    "inbox": [
        {"id": "n1", "status": "unread", "observation": "memory grows"},
        {"id": "n2", "status": "resolved", "observation": "it was noise"},
    ],
}
TAKEN = (
    Message("user", "begin"),
    Message("assistant", call=ToolCall("c1", "take_snapshot", {})),
    Message("user", json.dumps({"id": "s7", "data": [1, 2]}), answers="c1"),
)


@pytest.mark.parametrize(
    ("placeholder", "expected"),
    [
        ({"$last_snapshot_id": True}, "s2"),
        ({"$first_snapshot_id": True}, "s1"),
        ({"$snapshot_ids": True}, ["s1", "s2"]),
        ({"$snapshot_ids": 1}, ["s2"]),
        ({"$notification_ids": True}, ["n1", "n2"]),
        ({"$notification_ids": "unread"}, ["n1"]),
        ({"$observations": "unread"}, ["memory grows"]),
        ({"$fact": "snapshots.-1.data.rss"}, 9),
        ({"$result": "data.1"}, 2),
        ({"$result": True}, TAKEN[2].text),
        ({"$text": ["at ", {"$fact": "snapshots.0.data.rss"}, " bytes"]}, "at 1 bytes"),
        ([{"deep": {"$last_snapshot_id": True}}], [{"deep": "s2"}]),
        ({"$last_snapshot_id": True, "other": 1}, {"$last_snapshot_id": True, "other": 1}),
        ("$last_snapshot_id", "$last_snapshot_id"),
    ],
)
def test_placeholders_are_filled_from_the_request(placeholder: Any, expected: Any) -> None:
    assert filled(placeholder, facts=FACTS, messages=TAKEN) == expected


def test_without_facts_snapshots_are_found_in_the_conversation() -> None:
    assert filled({"$last_snapshot_id": True}, messages=TAKEN) == "s7"


@pytest.mark.parametrize(
    ("placeholder", "says"),
    [
        ({"$last_snapshot_id": True}, "no snapshot was taken yet"),
        ({"$fact": "a.b"}, "the request's facts have no 'a.b'"),
        ({"$result": "id"}, "no tool was called yet"),
        ({"$snapshot": True}, "there is no placeholder '$snapshot'; there are: $last_snapshot_id"),
    ],
)
def test_a_placeholder_that_names_nothing_is_told(placeholder: Any, says: str) -> None:
    with pytest.raises(ModelError) as caught:
        asyncio.run(Scripted([("any", {"it": placeholder})]).complete(asked()))
    assert says in caught.value.failure.text
    assert caught.value.failure.kind == "configuration"


def test_a_script_travels_through_the_registry() -> None:
    script = {"operator": [["any", {"id": {"$last_snapshot_id": True}}]], "coordinator": [{"failure": "server"}]}
    model = build(validate(provider="scripted", options={"script": script}), {})["scripted"]
    said = reply(model, asked(facts=FACTS))
    assert said.call is not None
    assert said.call.arguments == {"id": "s2"}
    assert failure(model, asked(caller="coordinator")).kind == "server"
