"""Claude through the real SDK against a local server: what is sent, and what each answer becomes."""

from __future__ import annotations

from typing import Any

import pytest

from beamlens.llm.model import Image, Message, ModelFailure, ModelReply, ToolCall, ToolSchema, Usage
from beamlens.testing import (
    StubAnthropic,
    error_answer,
    message,
    text_message,
    tool_message,
)
from tests.beamlens.llm.providers.asking import KEY, STATE, ask, conversation, failure, model_for, reply, request


def test_a_tool_call_comes_back_checked_with_its_usage() -> None:
    usage = {"input_tokens": 7, "output_tokens": 5, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20}
    with StubAnthropic() as stub:
        stub.enqueue(tool_message("set_state", STATE, text="I see nothing.", usage=usage))
        said = reply(model_for("anthropic", stub.url))
    assert said.call is not None
    assert (said.call.name, said.call.arguments) == ("set_state", STATE)
    assert said.problem is None
    assert said.text == "I see nothing."
    assert said.usage == Usage(7, 5, 100, 20)
    assert said.model == "claude-haiku-5-5"
    assert said.stop_reason == "tool_use"


def test_the_request_forces_one_call_and_is_cached() -> None:
    with StubAnthropic() as stub:
        stub.enqueue(tool_message("done"))
        reply(model_for("anthropic", stub.url), request(*conversation(), max_tokens=321))
        (sent,) = stub.requests
    assert KEY in sent.headers["authorization"]
    assert sent.json["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    assert sent.json["max_tokens"] == 321
    assert sent.json["system"] == [
        {"type": "text", "text": "You watch a process.", "cache_control": {"type": "ephemeral"}}
    ]
    assert "cache_control" in sent.json["tools"][-1]
    assert "cache_control" not in sent.json["tools"][0]
    assert "cache_control" in sent.json["messages"][-1]["content"][-1]
    assert "temperature" not in sent.json
    assert "stream" not in sent.json


def test_tools_are_strict_and_closed_with_their_bounds_in_words() -> None:
    anything = ToolSchema("note", "Take a note.", {"type": "object", "additionalProperties": True})
    with StubAnthropic() as stub:
        stub.enqueue(tool_message("done"))
        asked = request()
        reply(model_for("anthropic", stub.url), request(tools=(*asked.tools, anything)))
        state, done, note = stub.requests[0].json["tools"]
    assert state["strict"] is True
    assert state["input_schema"]["additionalProperties"] is False
    assert "minimum" not in state["input_schema"]["properties"]["limit"]
    assert "minimum: 0" in state["input_schema"]["properties"]["limit"]["description"]
    assert done["strict"] is True
    assert "strict" not in note  # an object with any keys cannot be
    assert note["input_schema"] == anything.parameters


def test_a_refused_grammar_is_sent_again_without_strict_and_stays_off() -> None:
    with StubAnthropic() as stub:
        stub.enqueue(error_answer(400, "The compiled grammar is too large"), tool_message("done"), tool_message("done"))
        answers = ask(model_for("anthropic", stub.url), request(), request())
        sent = [[tool.get("strict") for tool in each.json["tools"]] for each in stub.requests]
    assert all(isinstance(answer, ModelReply) for answer in answers)
    assert sent == [[True, True], [None, None], [None, None]]


def test_a_model_that_refuses_forced_tools_is_asked_without_and_remembered() -> None:
    refusal = error_answer(400, "Thinking may not be enabled when tool_choice forces tool use")
    with StubAnthropic() as stub:
        stub.enqueue(refusal, tool_message("done"), tool_message("done"), tool_message("done"))
        model = model_for("anthropic", stub.url)
        answers = ask(model, request(), request(), request(model="claude-other"))
        sent = [each.json["tool_choice"] for each in stub.requests]
    assert all(isinstance(answer, ModelReply) for answer in answers)
    assert [choice["type"] for choice in sent] == ["any", "auto", "auto", "any"]
    assert all(choice["disable_parallel_tool_use"] for choice in sent)


def test_a_400_about_something_else_is_not_sent_again() -> None:
    with StubAnthropic() as stub:
        stub.always(error_answer(400, "max_tokens: too big"))
        said = failure(model_for("anthropic", stub.url))
        assert len(stub.requests) == 1
    assert (said.kind, said.retryable, said.status) == ("invalid_request", False, 400)
    assert "max_tokens: too big" in said.text


def test_turns_alternate_and_results_answer_their_calls() -> None:
    picture = Image(b"\x89PNG", "image/png")
    with StubAnthropic() as stub:
        stub.enqueue(tool_message("done"))
        asked = request(
            *conversation(), Message("user", "and now?", images=(picture,)), Message("user", "look", answers="gone")
        )
        reply(model_for("anthropic", stub.url), asked)
        first, call, last = stub.requests[0].json["messages"]
    assert [first["role"], call["role"], last["role"]] == ["user", "assistant", "user"]
    assert call["content"][1] == {"type": "tool_use", "id": "toolu_1", "name": "set_state", "input": STATE}
    kinds = [block["type"] for block in last["content"]]
    assert kinds == ["tool_result", "image", "text", "text"]
    assert last["content"][0]["tool_use_id"] == "toolu_1"
    assert last["content"][1]["source"]["data"] == "iVBORw=="
    assert last["content"][3]["text"] == "look"  # a result whose call is gone is still said


@pytest.mark.parametrize(
    "messages",
    [
        (),
        (Message("assistant", "before"), Message("user", "after")),
        (Message("user", "a"), Message("assistant", call=ToolCall("x", "done", {})), Message("user", "no result")),
        (Message("user", "a"), Message("assistant", ""), Message("user", "")),
        (Message("user", "a"), Message("assistant", call=ToolCall("bad id!", "done", {}))),
        (Message("user", ""), Message("user", "", answers="gone")),
    ],
)
def test_conversations_out_of_order_are_mended(messages: tuple[Message, ...]) -> None:
    with StubAnthropic() as stub:  # which refuses what the real server would refuse
        stub.enqueue(tool_message("done"))
        asked = request()
        said = reply(model_for("anthropic", stub.url), type(asked)(asked.system, messages, asked.tools, timeout=20))
    assert said.call is not None


def test_the_stub_refuses_what_the_real_server_would() -> None:  # the control of the test above
    with StubAnthropic() as stub:
        import httpx2

        for body in (
            {"max_tokens": 1, "messages": [{"role": "assistant", "content": "x"}]},
            {"max_tokens": 1, "messages": [{"role": "user", "content": " "}]},
            {"max_tokens": 1, "messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x"}]}]},
            {"messages": [{"role": "user", "content": "x"}]},
        ):
            assert httpx2.post(f"{stub.url}/v1/messages", json=body).status_code == 400


# ---------------------------------------------------------------------------------------------- stop reasons


def test_words_without_a_call_are_a_problem_to_feed_back() -> None:
    with StubAnthropic() as stub:
        stub.enqueue(text_message("All is well."), text_message("x", "stop_sequence"))
        first, second = ask(model_for("anthropic", stub.url), request(), request())
    for said in (first, second):
        assert isinstance(said, ModelReply)
        assert said.problem is not None
        assert "call exactly one of: set_state, done" in said.problem


def test_without_tools_the_text_is_the_answer() -> None:
    with StubAnthropic() as stub:
        stub.enqueue(text_message("It is fine."))
        said = reply(model_for("anthropic", stub.url), request(tools=()))
        sent = stub.requests[0].json
    assert (said.text, said.call, said.problem) == ("It is fine.", None, None)
    assert "tools" not in sent
    assert "tool_choice" not in sent


def test_an_answer_cut_at_its_length_is_a_problem_although_the_call_looks_whole() -> None:
    cut = {**tool_message("set_state", STATE), "stop_reason": "max_tokens"}
    with StubAnthropic() as stub:
        stub.enqueue(cut, text_message("half a", "max_tokens"))
        whole, text = ask(model_for("anthropic", stub.url), request(), request(tools=()))
    assert isinstance(whole, ModelReply)
    assert whole.call is None
    assert whole.problem is not None
    assert "cut off" in whole.problem
    assert isinstance(text, ModelReply)
    assert (text.text, text.stop_reason) == ("half a", "max_tokens")


@pytest.mark.parametrize(
    ("stop_reason", "kind"), [("refusal", "refused"), ("model_context_window_exceeded", "context_window")]
)
def test_stop_reasons_that_end_the_run(stop_reason: str, kind: str) -> None:
    with StubAnthropic() as stub:
        stub.enqueue(text_message("I cannot.", stop_reason))
        said = failure(model_for("anthropic", stub.url))
    assert (said.kind, said.retryable) == (kind, False)


def test_a_paused_turn_goes_on() -> None:
    paused = message([{"type": "text", "text": "first "}], "pause_turn", {"input_tokens": 1, "output_tokens": 2})
    rest = tool_message("done", text="second", usage={"input_tokens": 10, "output_tokens": 20})
    with StubAnthropic() as stub:
        stub.enqueue(paused, rest)
        said = reply(model_for("anthropic", stub.url))
        again = stub.requests[1].json["messages"]
    assert again[-1] == {"role": "assistant", "content": paused["content"]}
    assert said.text == "first second"
    assert said.usage == Usage(11, 22)
    assert said.call is not None


def test_a_turn_that_is_paused_forever_ends() -> None:
    with StubAnthropic() as stub:
        stub.always(text_message("...", "pause_turn"))
        said = reply(model_for("anthropic", stub.url))
        assert len(stub.requests) == 4
    assert said.problem is not None


def test_arguments_that_do_not_fit_and_unknown_tools_are_problems() -> None:
    with StubAnthropic() as stub:
        stub.enqueue(tool_message("set_state", {"state": "odd"}), tool_message("explode"))
        first, second = ask(model_for("anthropic", stub.url), request(), request())
    assert isinstance(first, ModelReply)
    assert "reason is missing" in str(first.problem)
    assert isinstance(second, ModelReply)
    assert "no tool 'explode'" in str(second.problem)


# ---------------------------------------------------------------------------------------------- options


def test_options_reach_the_server() -> None:
    with StubAnthropic() as stub:
        stub.enqueue(tool_message("done"))
        environ = {"TEAM_KEY": "sk-team-123456"}
        model = model_for(
            "anthropic",
            stub.url,
            environ,
            api_key_env="TEAM_KEY",
            model="claude-opus-5-5",
            max_tokens=50,
            caching=False,
            strict=False,
            temperature=0.2,
            extra_body={"service_tier": "auto"},
            headers={"x-team": "blue"},
            query_params={"beta": "true"},
        )
        reply(model, request(model=None))
        (sent,) = stub.requests
    assert "sk-team-123456" in sent.headers["authorization"]
    assert sent.headers["x-team"] == "blue"
    assert "beta=true" in sent.path
    assert (sent.json["model"], sent.json["max_tokens"]) == ("claude-opus-5-5", 50)
    assert (sent.json["temperature"], sent.json["service_tier"]) == (0.2, "auto")
    assert "cache_control" not in str(sent.json)
    assert "strict" not in str(sent.json)


def test_a_request_may_name_another_model() -> None:
    with StubAnthropic() as stub:
        stub.enqueue(tool_message("done"))
        assert reply(model_for("anthropic", stub.url), request(model="claude-sonnet-5-5")).model == "claude-sonnet-5-5"


# ---------------------------------------------------------------------------------------------- guests elsewhere


def test_bedrock_vertex_and_foundry_speak_through_the_sdk() -> None:
    cases: list[tuple[str, str, dict[str, Any], str, str]] = [
        ("anthropic-bedrock", "AWS_BEARER_TOKEN_BEDROCK", {"region": "eu-west-1"}, "/model/", "authorization"),
        (
            "anthropic-vertex",
            "VERTEX_AI_ACCESS_TOKEN",
            {"location": "europe-west1", "project_id": "p"},
            "/projects/p/locations/europe-west1/",
            "authorization",
        ),
        ("anthropic-foundry", "ANTHROPIC_FOUNDRY_API_KEY", {}, "/v1/messages", "x-api-key"),
    ]
    for provider, variable, options, path, header in cases:
        with StubAnthropic() as stub:
            stub.enqueue(tool_message("set_state", STATE), error_answer(529))
            model = model_for(provider, stub.url, {variable: KEY}, **options)
            first, second = ask(model, request(), request())
            sent = stub.requests[0]
        assert isinstance(first, ModelReply), (provider, first)
        assert first.call is not None
        assert path in sent.path
        assert KEY in sent.headers[header]
        assert isinstance(second, ModelFailure)
        assert second.kind == "overloaded"
