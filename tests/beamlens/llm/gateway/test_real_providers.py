"""The gateway with the real providers: the SDK over real sockets, scripts, rules."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from beamlens.agent.compaction import HEADING, Compaction, compact_if_needed
from beamlens.agent.retry import RetryPolicy, with_retry
from beamlens.errors import ModelError
from beamlens.llm.client import ModelClient
from beamlens.llm.gateway import Gateway
from beamlens.llm.model import ModelFailure, ModelReply, ToolSchema
from beamlens.llm.registry import validate
from beamlens.llm.usage import UsageQuery
from beamlens.testing.stub_anthropic import StubAnthropic, error_answer, text_message, tool_message
from beamlens.testing.stub_server import retry_headers
from supervision.testing import wait_until
from tests.beamlens.agent.test_compaction import IDS, conversation
from tests.beamlens.llm.gateway.gateways import KEY, InspectedGateway, asking
from tests.beamlens.llm.gateway.programs import CANARY, run
from tests.beamlens.llm.gateway.servers import SilentServer

SECONDS = 40.0  # the SDK takes some to load
SDKS = ["anthropic", "httpx2", "pydantic", "lupa"]
DONE = ToolSchema("done", "End.", {"type": "object", "properties": {}, "additionalProperties": False})
Starter = Callable[..., Any]


@pytest.fixture
def begin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Starter]:
    """Start a gateway of one client, `begin(provider, options, ...)`, stopped when the test ends."""
    monkeypatch.setenv(KEY, CANARY)
    started: list[Any] = []

    def start(provider: str, options: dict[str, Any], **settings: Any) -> Any:
        registry = validate({"clients": [{"name": "only", "provider": provider, "options": options}]})
        started.append(InspectedGateway.start(registry, **settings))
        return started[-1]

    yield start
    for ref in started:
        ref.stop(timeout=SECONDS)


def complete(gateway: Any, text: str = "hello", **more: Any) -> ModelReply:
    return ModelClient(gateway).complete(asking(text, **({"timeout": SECONDS} | more)))


def test_the_sdk_answers_and_its_tokens_are_counted(begin: Starter) -> None:
    with StubAnthropic() as stub:
        usage = {"input_tokens": 1000, "output_tokens": 100}
        stub.enqueue(tool_message("done", {}, usage=usage))
        gateway = begin("anthropic", {"base_url": stub.url, "api_key_env": KEY, "model": "claude-haiku-4-5"})
        reply = complete(gateway, tools=(DONE,))
        assert reply.call is not None
        assert reply.call.name == "done"
        assert CANARY in stub.requests[0].headers["authorization"]
        report = gateway.ask(UsageQuery(), timeout=SECONDS)
        assert report.by_caller["operator:vm"].money == pytest.approx(1500e-6)
        assert "anthropic" in gateway.ask(SDKS, timeout=SECONDS)


def test_retries_are_ours_and_honour_what_the_server_asks(begin: Starter) -> None:
    told: list[tuple[str, float | None]] = []
    waited: list[float] = []
    with StubAnthropic() as stub:
        stub.enqueue(error_answer(429, headers=retry_headers(7.0, "milliseconds")), error_answer(529))
        stub.enqueue(text_message("at last"))
        gateway = begin("anthropic", {"base_url": stub.url, "api_key_env": KEY})
        reply = with_retry(
            lambda: complete(gateway),
            RetryPolicy(),
            sleep=waited.append,
            on_failure=lambda failed, *_: told.append((failed.kind, failed.retry_after)),
        )
        assert reply.text == "at last"
        assert told == [("rate_limited", 7.0), ("overloaded", None)]
        assert waited == [7.0, 2.0]
        assert len(stub.requests) == 3


@pytest.mark.parametrize("way", ["cancel", "deadline"])
def test_giving_up_closes_the_connection(begin: Starter, way: str) -> None:
    with SilentServer() as server:
        gateway = begin("anthropic", {"base_url": server.url, "api_key_env": KEY})
        gateway.ask(asking(client="nobody", timeout=SECONDS), timeout=SECONDS)  # answered once the SDK is loaded
        cancel, ended = threading.Event(), list[ModelFailure]()

        def ask() -> None:
            try:
                ModelClient(gateway).complete(asking(timeout=SECONDS if way == "cancel" else 3.0), cancel)
            except ModelError as error:
                ended.append(error.failure)

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        wait_until(lambda: server.open == 1, timeout=SECONDS)
        assert server.closed == 0
        if way == "cancel":
            cancel.set()
        wait_until(lambda: server.closed == 1, timeout=SECONDS)
        thread.join(SECONDS)
        assert [failed.kind for failed in ended] == ["cancelled" if way == "cancel" else "timeout"]


def test_a_script_needs_no_library(begin: Starter) -> None:
    script = [["done", {}], {"failure": "overloaded", "text": "busy", "retryable": True}, "some text"]
    gateway = begin("scripted", {"script": script})
    assert complete(gateway, tools=(DONE,)).call is not None
    with pytest.raises(ModelError, match="busy"):
        complete(gateway)
    assert complete(gateway).text == "some text"
    assert gateway.ask(SDKS, timeout=SECONDS) == []


def test_the_rules_shorten_a_conversation_without_a_model(begin: Starter) -> None:
    gateway = begin("rules", {})
    client = ModelClient(gateway, "operator:vm", "run-1")
    context = conversation(8)
    shorter = compact_if_needed(context, client.complete, Compaction(max_tokens=1000, keep_last=3))
    assert len(shorter.messages) < len(context.messages)
    assert shorter.messages[0].text.startswith(HEADING)
    assert all(each in shorter.messages[0].text for each in IDS[:6])
    assert compact_if_needed(context, client.complete, Compaction(max_tokens=1000, keep_last=3)) == shorter
    assert gateway.ask(SDKS, timeout=SECONDS) == []


def test_no_key_is_a_failure_that_says_so(begin: Starter) -> None:
    with pytest.raises(ModelError) as raised:
        complete(begin("anthropic", {"base_url": "http://127.0.0.1:9", "api_key_env": "NO_SUCH_KEY"}))
    assert (raised.value.failure.kind, raised.value.failure.retryable) == ("authentication", False)
    assert "NO_SUCH_KEY" in raised.value.failure.text


def test_the_names_of_keys_come_from_the_registry() -> None:
    registry = validate(provider="anthropic", options={"api_key_env": "MY_KEY"})
    assert "MY_KEY" in Gateway.environment(registry)
    assert list(Gateway.environment(validate(provider="rules"))) == []


LOGS = """
import json, logging, pathlib, sys
from beamlens import telemetry
from beamlens.llm.gateway import Gateway
from beamlens.llm.registry import validate
from beamlens.testing.stub_anthropic import StubAnthropic, error_answer, text_message
from supervision import configure
from supervision.testing import capture_events
from tests.beamlens.llm.gateway.gateways import KEY, asking

def main(verbose):
    configure(withheld_env=(KEY,))
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, force=True)
    with StubAnthropic() as stub, capture_events(telemetry.event_names()) as events:
        stub.enqueue(text_message("fine"), error_answer(401, "bad key " + CANARY), error_answer(500, CANARY))
        options = {"base_url": stub.url, "api_key_env": KEY}
        gateway = Gateway.start(validate(provider="anthropic", options=options), library_logs=verbose)
        answers = [gateway.ask(asking(timeout=40), timeout=50) for _ in range(3)]
        assert CANARY in stub.requests[0].headers["authorization"]
        shown = CANARY.encode() in pathlib.Path(f"/proc/{gateway.pid}/environ").read_bytes()
        gateway.stop()
        kinds = [getattr(answer, "kind", "reply") for answer in answers]
        print(json.dumps({"shown": shown, "kinds": kinds, "answers": repr(answers), "events": repr(events.events)}))

if __name__ == "__main__":
    main(*ARGUMENTS)
"""


def test_with_everything_logged_no_key_is_told(tmp_path: Path) -> None:
    told, errors = run(LOGS, tmp_path, True)
    assert told["kinds"] == ["reply", "authentication", "server"]
    for library in ("anthropic", "httpx2", "httpcore2"):
        assert f"DEBUG:{library}" in errors or f"INFO:{library}" in errors  # their own records did arrive
    assert "hello" in errors
    for where in (told["answers"], told["events"], errors):
        assert where
        assert CANARY not in where
    assert told["shown"] is False


def test_libraries_do_not_log_conversations_unless_they_may(tmp_path: Path) -> None:
    _, errors = run(LOGS, tmp_path, False)
    assert "httpx2" not in errors
    assert "hello" not in errors
