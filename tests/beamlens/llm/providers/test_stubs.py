"""The stub servers, as users of `beamlens.testing` meet them, with the real SDK."""

from __future__ import annotations

import importlib
import subprocess
import sys
import threading
import time
from typing import Any

import anthropic
import httpx2
import pytest

import beamlens.testing
from beamlens.testing import (
    Answer,
    StubAnthropic,
    StubOpenAI,
    error_answer,
    retry_headers,
    text_completion,
    text_message,
    tool_message,
)
from supervision.testing import wait_until


def client(stub: StubAnthropic) -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key="sk-test-123", base_url=stub.url, max_retries=0)


def asked(text: str = "hello", **fields: Any) -> dict[str, Any]:
    return {"model": "claude-haiku-5-5", "max_tokens": 50, "messages": [{"role": "user", "content": text}], **fields}


def test_create_stream_and_count_with_the_real_sdk() -> None:
    with StubAnthropic() as stub, client(stub) as sdk:
        stub.enqueue(text_message("hi"), tool_message("done", {"a": [1, "é"]}, text="so"), text_message("streamed"))
        assert sdk.messages.create(**asked()).content[0].to_dict() == {"type": "text", "text": "hi"}
        with sdk.messages.stream(**asked()) as stream:
            final = stream.get_final_message()
        with sdk.messages.stream(**asked()) as stream:
            assert "".join(stream.text_stream) == "streamed"
        counted = sdk.messages.count_tokens(model="m", messages=[{"role": "user", "content": "x" * 400}])
        assert [request.path for request in stub.requests] == ["/v1/messages"] * 3 + ["/v1/messages/count_tokens"]
    assert final.stop_reason == "tool_use"
    assert final.content[1].to_dict()["input"] == {"a": [1, "é"]}
    assert final.usage.output_tokens > 1
    assert counted.input_tokens >= 100


def test_answers_may_be_functions_and_belong_to_callers() -> None:
    with StubAnthropic() as stub, client(stub) as sdk:
        stub.always(lambda given: text_message(f"{given['max_tokens']} tokens"))
        stub.enqueue(text_message("for gc"), when="You watch gc")
        stub.enqueue(text_message("for vm"), when=lambda request: "vm" in request.json["system"])

        def say(system: str) -> Any:
            return sdk.messages.create(**asked(system=system)).content[0].to_dict()["text"]

        assert say("You watch vm") == "for vm"
        assert say("You watch vm") == "50 tokens"
        assert say("You watch gc") == "for gc"
        assert stub.requests[0].headers["authorization"] == "Bearer sk-test-123"


def test_errors_are_the_sdks_own_and_nothing_enqueued_is_a_400() -> None:
    with StubAnthropic() as stub, client(stub) as sdk:
        stub.enqueue(error_answer(429, "slow down", retry_headers(2)), error_answer(529))
        with pytest.raises(anthropic.RateLimitError) as limited:
            sdk.messages.create(**asked())
        with pytest.raises(anthropic.InternalServerError):
            sdk.messages.create(**asked())
        with pytest.raises(anthropic.BadRequestError, match="no answer left"):
            sdk.messages.create(**asked())
    assert limited.value.type == "rate_limit_error"
    assert limited.value.response.headers["retry-after"] == "2"


def test_the_sdk_itself_waits_as_it_is_told() -> None:
    with StubAnthropic() as stub, client(stub) as sdk:
        stub.enqueue(error_answer(429, headers=retry_headers(0.3, "milliseconds")), text_message("ok"))
        sdk.with_options(max_retries=1).messages.create(**asked())
        first, second = stub.requests
    assert second.at - first.at >= 0.3


def test_checking_can_be_turned_off() -> None:
    wrong: dict[str, Any] = {"model": "m", "max_tokens": 1, "messages": [{"role": "assistant", "content": "x"}]}
    with StubAnthropic() as stub, client(stub) as sdk, pytest.raises(anthropic.BadRequestError, match="user role"):
        sdk.messages.create(**wrong)
    with StubAnthropic(checking=False) as stub, client(stub) as sdk:
        stub.enqueue(text_message("ok"))
        sdk.messages.create(**wrong)


def test_many_clients_at_once_each_get_an_answer() -> None:
    got: list[str] = []

    def post(number: int) -> None:
        got.append(
            httpx2.post(f"{stub.url}/v1/messages", json=asked(str(number)), timeout=30).json()["content"][0]["text"]
        )

    with StubAnthropic() as stub:
        stub.always(lambda given: text_message(given["messages"][0]["content"]))
        threads = [threading.Thread(target=post, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(stub.requests) == 20
    assert sorted(got, key=int) == [str(number) for number in range(20)]


def test_closing_ends_slow_answers_and_idle_connections_at_once() -> None:
    with StubAnthropic() as stub, httpx2.Client(base_url=stub.url) as keeping:
        stub.enqueue(text_message("ok"), Answer(b"", delay=600))
        keeping.post("/v1/messages", json=asked())
        assert stub.open_connections == 1
        waiting = threading.Thread(target=_ignore_errors, args=(stub.url,))
        waiting.start()
        wait_until(lambda: len(stub.requests) == 2)
        before = time.monotonic()
        stub.close()
        assert time.monotonic() - before < 5
        assert stub.open_connections == 0
        waiting.join(30)


def _ignore_errors(url: str) -> None:
    with pytest.raises(httpx2.HTTPError):
        httpx2.post(f"{url}/v1/messages", json=asked(), timeout=30)


def test_a_stub_that_is_not_running_says_so() -> None:
    with pytest.raises(RuntimeError, match="with statement"):
        _ = StubAnthropic().url


def test_a_call_takes_no_longer_than_it_must() -> None:
    with StubAnthropic() as stub, httpx2.Client(base_url=stub.url) as keeping:
        stub.always(text_message("ok"))
        keeping.post("/v1/messages", json=asked())
        times = []
        for _ in range(20):
            before = time.monotonic()
            keeping.post("/v1/messages", json=asked())
            times.append(time.monotonic() - before)
    assert sorted(times)[5] < 0.035  # with unbuffered writes each takes 40 ms and more


def test_openais_stub_knows_one_address() -> None:
    with StubOpenAI() as stub:
        stub.enqueue(text_completion("hi"))
        body = {"model": "m", "messages": []}
        assert httpx2.post(f"{stub.url}/v1/chat/completions", json=body).json()["model"] == "m"
        assert httpx2.post(f"{stub.url}/v1/completions", json=body).status_code == 404


def test_all_public_names_are_there_and_imported_lazily() -> None:
    for name in beamlens.testing.__all__:
        assert getattr(beamlens.testing, name) is not None
    assert "StubAnthropic" in dir(beamlens.testing)
    with pytest.raises(AttributeError, match="StubNobody"):
        _ = beamlens.testing.StubNobody
    code = "import sys, beamlens.testing; print('http.server' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert shown.stdout.strip() == "False"
    assert importlib.import_module("beamlens.testing.stub_server")
