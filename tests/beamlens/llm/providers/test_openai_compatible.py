"""Chat completions over real sockets: what is sent, the weaker ways to a tool call, and what answers become."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from beamlens.llm.model import Image, Message, ModelFailure, ModelReply, ToolCall, ToolSchema, Usage
from beamlens.llm.registry import close
from beamlens.testing import Answer, StubOpenAI, openai_error, retry_headers, text_completion, tool_completion
from supervision.testing import wait_until
from tests.beamlens.llm.providers.asking import KEY, STATE, ask, conversation, failure, model_for, reply, request

IN_JSON = json.dumps({"call": {"tool": "set_state", "arguments": STATE}})


def test_a_tool_call_comes_back_checked_with_its_usage() -> None:
    usage = {"prompt_tokens": 120, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 100}}
    with StubOpenAI() as stub:
        stub.enqueue(tool_completion("set_state", STATE, usage=usage))
        said = reply(model_for("openai", f"{stub.url}/v1"))
        (sent,) = stub.requests
    assert said.call is not None
    assert (said.call.name, said.call.arguments, said.problem) == ("set_state", STATE, None)
    assert said.usage == Usage(input_tokens=20, output_tokens=5, cache_read_tokens=100)
    assert said.model == "gpt-5-mini"
    assert sent.path == "/v1/chat/completions"
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert sent.json["tool_choice"] == "required"
    assert sent.json["parallel_tool_calls"] is False
    assert sent.json["max_completion_tokens"] == 4096


def test_strict_tools_require_all_and_nulls_are_what_was_left_out() -> None:
    with StubOpenAI() as stub:
        stub.enqueue(tool_completion("set_state", {**STATE, "limit": None}))
        said = reply(model_for("openai", f"{stub.url}/v1"))
        function = stub.requests[0].json["tools"][0]["function"]
    assert function["strict"] is True
    assert function["parameters"]["required"] == ["state", "reason", "limit"]
    assert {"type": "null"} in function["parameters"]["properties"]["limit"]["anyOf"]
    assert said.call is not None
    assert said.call.arguments == STATE


def test_the_conversation_is_sent_in_turns() -> None:
    with StubOpenAI() as stub:
        stub.enqueue(tool_completion("done"))
        more = Message("user", "see", images=(Image(b"\x89PNG"), Image(url="https://x.example/a.png")))
        reply(model_for("openai", f"{stub.url}/v1"), request(*conversation(), more))
        messages = stub.requests[0].json["messages"]
    assert [it["role"] for it in messages] == ["system", "user", "assistant", "tool", "user"]
    assert messages[2]["tool_calls"][0]["function"] == {"name": "set_state", "arguments": json.dumps(STATE)}
    assert messages[3] == {"role": "tool", "tool_call_id": "toolu_1", "content": '{"ok": true}'}
    addresses = [part["image_url"]["url"] for part in messages[4]["content"][1:]]
    assert addresses == ["data:image/png;base64,iVBORw==", "https://x.example/a.png"]


def test_each_preset_has_its_address_header_and_fields() -> None:
    with StubOpenAI() as stub:
        stub.always(tool_completion("done"))
        cases: tuple[tuple[str, dict[str, Any], str], ...] = (
            ("openrouter", {"api_key_env": "OPENAI_API_KEY"}, "authorization"),
            ("together", {"api_key_env": "OPENAI_API_KEY"}, "authorization"),
            ("google-ai", {}, "authorization"),
            ("azure-openai", {"deployment_id": "mine"}, "api-key"),
            ("vertex-ai", {"api_key_env": "OPENAI_API_KEY"}, "authorization"),
            ("aws-bedrock", {"api_key_env": "OPENAI_API_KEY"}, "authorization"),
            ("openai-generic", {"model": "m", "api_key_env": "OPENAI_API_KEY", "key_header": "x-my-key"}, "x-my-key"),
        )
        for provider, options, header in cases:
            reply(model_for(provider, f"{stub.url}/v1", **options))
            sent = stub.requests[-1]
            assert KEY in sent.headers[header], provider
            assert (provider == "azure-openai") == (sent.json["model"] == "mine")
            assert ("parallel_tool_calls" in sent.json) == (
                provider in ("openrouter", "together", "azure-openai", "openai-generic")
            )


def test_addresses_are_made_of_the_options() -> None:
    from beamlens.llm.providers.openai_compatible import _address
    from beamlens.llm.providers.presets import OPENAI_PRESETS

    def address(provider: str, **options: Any) -> str:
        return _address(provider, OPENAI_PRESETS[provider], options)

    assert address("azure-openai", resource_name="r") == "https://r.openai.azure.com/openai/v1/"
    assert address("azure-openai", resource_name="r", deployment_id="d", api_version="2024-10-21") == (
        "https://r.openai.azure.com/openai/deployments/d/"
    )
    assert address("vertex-ai", project_id="p", location="europe-west1") == (
        "https://europe-west1-aiplatform.googleapis.com/v1/projects/p/locations/europe-west1/endpoints/openapi/"
    )
    assert address("vertex-ai", project_id="p", location="global").startswith("https://aiplatform.googleapis.com/")
    assert address("aws-bedrock", region="eu-west-1") == "https://bedrock-runtime.eu-west-1.amazonaws.com/openai/v1/"


def test_azures_dated_interface_has_its_version_in_the_query() -> None:
    with StubOpenAI() as stub:
        stub.enqueue(tool_completion("done"))
        reply(model_for("azure-openai", f"{stub.url}/openai/v1", deployment_id="d", api_version="2024-10-21"))
        assert stub.requests[0].path == "/openai/deployments/d/chat/completions?api-version=2024-10-21"


def test_no_key_is_needed_on_ones_own_machine() -> None:
    with StubOpenAI() as stub:
        stub.enqueue(text_completion(IN_JSON))
        reply(model_for("ollama", f"{stub.url}/v1", {}))
        assert "authorization" not in stub.requests[0].headers


# ---------------------------------------------------------------------------------------------- weaker ways


def test_ollama_is_given_a_schema_for_its_answer() -> None:
    with StubOpenAI() as stub:
        stub.enqueue(text_completion(f"<think>{{}} hm</think>\n```json\n{IN_JSON}\n```"))
        said = reply(model_for("ollama", f"{stub.url}/v1", {}), request(*conversation()))
        body = stub.requests[0].json
    assert said.call is not None
    assert said.call.arguments == STATE
    schema = body["response_format"]["json_schema"]["schema"]
    assert [it["properties"]["tool"]["enum"] for it in schema["properties"]["call"]["anyOf"]] == [
        ["set_state"],
        ["done"],
    ]
    assert "tools" not in body
    assert "tool_choice" not in body
    assert [it["role"] for it in body["messages"]] == ["system", "user", "assistant", "user"]
    assert "set_state" in body["messages"][0]["content"]


def test_a_server_without_tool_choice_is_asked_in_weaker_ways_and_remembered() -> None:
    with StubOpenAI() as stub:
        stub.enqueue(
            openai_error(400, "Unsupported value: tool_choice 'required' is not supported"),
            openai_error(400, "response_format of type json_schema is not available"),
            text_completion(IN_JSON),
            text_completion('{"tool": "done", "arguments": {}}'),
        )
        answers = ask(model_for("openai", f"{stub.url}/v1"), request(), request())
        bodies = [each.json for each in stub.requests]
    assert [isinstance(it, ModelReply) and it.call is not None for it in answers] == [True, True]
    assert ["tools" in body for body in bodies] == [True, False, False, False]
    assert ["response_format" in body for body in bodies] == [False, True, False, False]


@pytest.mark.parametrize(
    ("refusal", "changed"),
    [
        ("Unknown parameter: parallel_tool_calls", "parallel_tool_calls"),
        ("Unsupported parameter: 'max_completion_tokens'", "max_completion_tokens"),
        ("'strict' is not permitted", "strict"),
    ],
)
def test_a_field_that_is_refused_is_left_out(refusal: str, changed: str) -> None:
    with StubOpenAI() as stub:
        stub.enqueue(openai_error(400, refusal), tool_completion("done"))
        assert reply(model_for("openai", f"{stub.url}/v1")).call is not None
        first, second = (json.dumps(each.json) for each in stub.requests)
    assert changed in first
    assert changed not in second
    assert "tool_choice" in second


def test_a_refusal_of_everything_ends() -> None:
    with StubOpenAI() as stub:
        stub.always(openai_error(400, "tool_choice, strict, response_format, parallel_tool_calls: no"))
        said = failure(model_for("openai", f"{stub.url}/v1"))
        assert len(stub.requests) <= 6
    assert said.kind == "invalid_request"


def test_a_tool_choice_that_is_not_obeyed_is_asked_for_by_schema_and_stays_so() -> None:
    with StubOpenAI() as stub:
        stub.enqueue(text_completion("Sure!"), text_completion(IN_JSON), text_completion(IN_JSON))
        answers = ask(model_for("openai-generic", f"{stub.url}/v1", {}, model="m"), request(), request())
        ways = ["response_format" in each.json for each in stub.requests]
    assert [isinstance(it, ModelReply) and it.call is not None for it in answers] == [True, True]
    assert ways == [False, True, True]


def test_a_model_that_talks_in_every_way_is_a_problem_to_feed_back() -> None:
    with StubOpenAI() as stub:
        stub.enqueue(text_completion("Sure!"), text_completion("Of course!"))
        stub.always(tool_completion("done"))
        first, second = ask(model_for("openai-generic", f"{stub.url}/v1", {}, model="m"), request(), request())
        assert "tools" in stub.requests[2].json  # it did not help, so it does not stay
    assert isinstance(first, ModelReply)
    assert "no tool was called" in str(first.problem)
    assert isinstance(second, ModelReply)
    assert second.call is not None


def test_a_call_printed_as_json_counts() -> None:
    with StubOpenAI() as stub:
        stub.enqueue(text_completion(f'I will do: {{"name": "set_state", "parameters": {json.dumps(STATE)}}}'))
        said = reply(model_for("openai-generic", f"{stub.url}/v1", {}, model="m"))
        assert len(stub.requests) == 1
    assert said.call is not None
    assert said.call.arguments == STATE


def test_one_turn_of_repair_and_no_second_one() -> None:
    good, bad = text_completion(IN_JSON), text_completion('{"tool": "set_state", "arguments": {"state": "odd"}}')
    with StubOpenAI() as stub:
        stub.enqueue(bad, good, bad, bad)
        first, second = ask(model_for("ollama", f"{stub.url}/v1", {}), request(), request())
        advice = stub.requests[1].json["messages"][-1]["content"]
        assert len(stub.requests) == 4
    assert isinstance(first, ModelReply)
    assert first.call is not None
    assert first.usage.input_tokens > 200  # of both
    assert "reason is missing" in advice
    assert isinstance(second, ModelReply)
    assert "reason is missing" in str(second.problem)


@pytest.mark.parametrize(
    "text", ["{" * 20_000, '{"a":' * 5_000, "", "{}", "[1]", '{"tool": 3}', '{"tool": "x", "arguments": 5}']
)
def test_odd_texts_are_problems_and_take_no_time(text: str) -> None:
    with StubOpenAI() as stub:
        stub.always(text_completion(text))
        said = reply(model_for("ollama", f"{stub.url}/v1", {}))
    assert said.call is None
    assert said.problem is not None


# ---------------------------------------------------------------------------------------------- answers


def test_what_stops_an_answer() -> None:
    filtered = text_completion("", "content_filter")
    refused = text_completion("")
    refused["choices"][0]["message"]["refusal"] = "I will not."
    with StubOpenAI() as stub:
        stub.enqueue(filtered, refused, text_completion("hal", "length"), text_completion("well"))
        model = model_for("openai", f"{stub.url}/v1")
        first, second, third, fourth = ask(model, request(), request(), request(), request(tools=()))
        assert len(stub.requests) == 4
    for said in (first, second):
        assert isinstance(said, ModelFailure)
        assert (said.kind, said.retryable) == ("refused", False)
    assert isinstance(third, ModelReply)
    assert "cut off" in str(third.problem)
    assert isinstance(fourth, ModelReply)
    assert (fourth.text, fourth.problem) == ("well", None)


def test_two_calls_and_broken_arguments_are_problems() -> None:
    two = tool_completion("done")
    two["choices"][0]["message"]["tool_calls"] *= 2
    with StubOpenAI() as stub:
        stub.enqueue(two, tool_completion("set_state", '{"state": '))
        first, second = ask(model_for("openai", f"{stub.url}/v1"), request(), request())
    assert isinstance(first, ModelReply)
    assert "2 tools was called" in str(first.problem)
    assert isinstance(second, ModelReply)
    assert "are no object" in str(second.problem)


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, "invalid_request", False),
        (401, "authentication", False),
        (403, "permission", False),
        (404, "not_found", False),
        (408, "server", True),
        (409, "server", True),
        (429, "rate_limited", True),
        (500, "server", True),
        (502, "server", True),
        (503, "overloaded", True),
    ],
)
def test_each_status_is_its_kind_and_is_asked_once(status: int, kind: str, retryable: bool) -> None:
    with StubOpenAI() as stub:
        stub.always(openai_error(status, "scripted", retry_headers(3)))
        said = failure(model_for("openai", f"{stub.url}/v1"))
        assert len(stub.requests) == 1
    assert (said.kind, said.retryable, said.status) == (kind, retryable, status)
    assert said.retry_after == (3 if retryable else None)


def test_a_quota_that_is_used_up_is_no_matter_of_waiting() -> None:
    with StubOpenAI() as stub:
        stub.enqueue(openai_error(429, "You exceeded your current quota", code="insufficient_quota"))
        said = failure(model_for("openai", f"{stub.url}/v1"))
    assert (said.kind, said.retryable) == ("rate_limited", False)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"choices": [', "malformed"),
        ("<html>", "malformed"),
        ({"choices": []}, "malformed"),
        ({"choices": [{"message": None}]}, "malformed"),
        ([], "malformed"),
        ({"error": {"code": 429, "message": "slow down"}}, "rate_limited"),
        ({"error": {"message": "no code"}}, "server"),
    ],
)
def test_what_is_no_completion_is_told_as_what_it_is(body: Any, kind: str) -> None:
    with StubOpenAI() as stub:
        stub.enqueue(Answer(body))
        said = failure(model_for("openai", f"{stub.url}/v1"))
    assert (said.kind, said.retryable) == (kind, True)


@pytest.mark.parametrize("cut", ["before", "headers", "body"])
def test_connections_that_break_are_connection_failures(cut: Any) -> None:
    with StubOpenAI() as stub:
        stub.enqueue(Answer(tool_completion("done"), cut=cut))
        said = failure(model_for("openai", f"{stub.url}/v1"))
    assert (said.kind, said.retryable) == ("connection", True)


def test_a_body_that_cannot_be_decoded_is_malformed() -> None:
    with StubOpenAI() as stub:
        stub.enqueue(Answer(b"no gzip", headers={"content-encoding": "gzip"}))
        assert failure(model_for("openai", f"{stub.url}/v1")).kind == "malformed"


@pytest.mark.parametrize("how", [{"delay": 30}, {"drip": 0.05}])
def test_the_deadline_holds_for_silence_and_for_drips(how: Any) -> None:
    with StubOpenAI() as stub:
        stub.enqueue(Answer(tool_completion("done"), **how))
        said = failure(model_for("openai", f"{stub.url}/v1"), request(timeout=0.5))
    assert (said.kind, said.retryable) == ("timeout", True)


def test_cancelling_closes_the_connection() -> None:
    async def cancelled(stub: StubOpenAI) -> None:
        model = model_for("openai", f"{stub.url}/v1")
        task = asyncio.ensure_future(model.complete(request()))
        await asyncio.to_thread(wait_until, lambda: stub.requests)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(wait_until, lambda: not stub.open_connections)
        await close({"it": model})

    with StubOpenAI() as stub:
        stub.always(Answer(tool_completion("done"), drip=0.02))
        asyncio.run(cancelled(stub))


def test_a_redirection_is_not_followed() -> None:
    with StubOpenAI() as other, StubOpenAI() as stub:
        stub.always(Answer(b"", status=307, headers={"location": f"{other.url}/v1/chat/completions"}))
        said = failure(model_for("openai", f"{stub.url}/v1"))
        assert other.requests == []
    assert said.retryable is False


def test_the_key_is_in_no_text_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with StubOpenAI() as stub:
        stub.enqueue(
            openai_error(401, f"Incorrect API key provided: {KEY}"),
            openai_error(401, "Incorrect API key provided: sk-cana***********4f60"),
            Answer(KEY),
            Answer(KEY, cut="headers"),
        )
        model = model_for("openai", f"{stub.url}/v1")
        answers = ask(model, *[request() for _ in range(4)])
    assert all(isinstance(answer, ModelFailure) for answer in answers)
    assert KEY not in f"{answers!r} {model!r} {caplog.text}"
    assert "sk-cana" not in repr(answers)


def test_options_reach_the_server() -> None:
    anything = ToolSchema("note", "Take a note.", {"type": "object"})
    with StubOpenAI() as stub:
        stub.enqueue(tool_completion("note", {"any": None}))
        model = model_for(
            "openai", f"{stub.url}/v1", max_tokens=9, temperature=0, extra_body={"seed": 1}, query_params={"a": "b"}
        )
        call = Message("assistant", call=ToolCall("c", "done", {}))
        said = reply(model, request(Message("user", "x"), call, Message("user", "y", answers="c"), tools=(anything,)))
        (sent,) = stub.requests
    assert (sent.json["max_completion_tokens"], sent.json["temperature"], sent.json["seed"]) == (9, 0, 1)
    assert sent.path.endswith("?a=b")
    assert said.call is not None
    assert said.call.arguments == {"any": None}
