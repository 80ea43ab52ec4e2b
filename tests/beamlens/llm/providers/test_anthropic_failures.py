"""Claude through the real SDK against a server that misbehaves: what each failure becomes, and where the key is not."""

from __future__ import annotations

import asyncio
import logging
import traceback
from typing import Any

import anthropic
import pytest

from beamlens.errors import ModelError
from beamlens.llm.registry import close
from beamlens.testing import Answer, StubAnthropic, error_answer, retry_headers, text_message, tool_message
from supervision.testing import wait_until
from tests.beamlens.llm.providers.asking import KEY, failure, model_for, reply, request


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, "invalid_request", False),
        (401, "authentication", False),
        (402, "permission", False),
        (403, "permission", False),
        (404, "not_found", False),
        (408, "server", True),
        (409, "server", True),
        (413, "context_window", False),
        (422, "invalid_request", False),
        (429, "rate_limited", True),
        (500, "server", True),
        (501, "server", True),
        (503, "overloaded", True),
        (504, "server", True),
        (529, "overloaded", True),
    ],
)
def test_each_status_is_its_kind_and_is_asked_once(status: int, kind: str, retryable: bool) -> None:
    with StubAnthropic() as stub:
        stub.always(error_answer(status, "scripted"))
        said = failure(model_for("anthropic", stub.url))
        assert len(stub.requests) == 1  # the SDK's own retries are off
    assert (said.kind, said.retryable, said.status) == (kind, retryable, status)
    assert "scripted" in said.text
    assert "req_stub" in said.text


@pytest.mark.parametrize(
    ("form", "least", "most"), [("milliseconds", 2.5, 2.5), ("seconds", 2.5, 2.5), ("date", 5, 30)]
)
def test_retry_after_in_its_three_forms(form: Any, least: float, most: float) -> None:
    with StubAnthropic() as stub:
        stub.enqueue(error_answer(429, headers=retry_headers(30 if form == "date" else 2.5, form)))
        said = failure(model_for("anthropic", stub.url))
    assert said.retry_after is not None
    assert least <= said.retry_after <= most


def test_a_server_that_forbids_to_retry_is_obeyed() -> None:
    with StubAnthropic() as stub:
        stub.enqueue(error_answer(529, headers={"x-should-retry": "false"}))
        assert failure(model_for("anthropic", stub.url)).retryable is False


def test_a_conversation_that_is_too_long_is_told_as_such() -> None:
    with StubAnthropic() as stub:
        stub.enqueue(error_answer(400, "prompt is too long: 210000 tokens > 200000 maximum"))
        assert failure(model_for("anthropic", stub.url)).kind == "context_window"


@pytest.mark.parametrize("cut", ["before", "headers", "body"])
def test_connections_that_break_are_connection_failures(cut: Any) -> None:
    with StubAnthropic() as stub:
        stub.enqueue(Answer(tool_message("done"), cut=cut))
        said = failure(model_for("anthropic", stub.url))
    assert (said.kind, said.retryable) == ("connection", True)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b'{"id": "msg_1", "content": [{"type":'),
        Answer("<html>a proxy's page</html>", headers={"content-type": "text/html"}),
        Answer(b"\xff\xfe\x00"),
        Answer(b""),
        Answer([1, 2]),
        Answer({"content": "text"}),
        Answer({"id": "msg_1"}),
    ],
)
def test_what_is_no_message_is_malformed(answer: Answer) -> None:
    with StubAnthropic() as stub:
        stub.enqueue(answer)
        said = failure(model_for("anthropic", stub.url))
    assert (said.kind, said.retryable) == ("malformed", True)


@pytest.mark.parametrize(
    "content",
    [[None], [{"type": "tool_use"}], [{"type": "thinking", "thinking": "hm"}], [{"type": "tool_use", "input": []}], []],
)
def test_odd_blocks_are_problems_and_no_crash(content: list[Any]) -> None:
    with StubAnthropic() as stub:
        stub.enqueue(Answer({"content": content, "usage": None, "stop_reason": "unheard_of"}))
        assert reply(model_for("anthropic", stub.url)).problem is not None


def test_nobody_there_is_a_connection_failure() -> None:
    with StubAnthropic() as stub:
        url = stub.url
    said = failure(model_for("anthropic", url))
    assert (said.kind, said.retryable) == ("connection", True)


@pytest.mark.parametrize("answer", [Answer(tool_message("done"), delay=30), Answer(tool_message("done"), drip=0.05)])
def test_the_deadline_holds_for_silence_and_for_drips(answer: Answer) -> None:
    with StubAnthropic() as stub:
        stub.enqueue(answer)
        said = failure(model_for("anthropic", stub.url), request(timeout=0.5))
    assert (said.kind, said.retryable) == ("timeout", True)
    assert "0.5 s" in said.text


def test_cancelling_closes_the_connection() -> None:
    async def cancelled(stub: StubAnthropic) -> None:
        model = model_for("anthropic", stub.url)
        task = asyncio.ensure_future(model.complete(request()))
        await asyncio.to_thread(wait_until, lambda: stub.requests)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(wait_until, lambda: _hung_up(stub))
        await close({"it": model})

    with StubAnthropic() as stub:
        stub.always(Answer(tool_message("done"), drip=0.02))
        asyncio.run(cancelled(stub))


def _hung_up(stub: StubAnthropic) -> bool:
    return stub.open_connections == 0


def test_requests_run_side_by_side() -> None:
    async def both(stub: StubAnthropic) -> list[str]:
        model = model_for("anthropic", stub.url)
        answers = await asyncio.gather(*[model.complete(request(tools=())) for _ in range(4)])
        await close({"it": model})
        return [answer.text for answer in answers]

    with StubAnthropic() as stub:
        reached = []

        def answer(_: Any) -> Any:
            reached.append(1)
            wait_until(lambda: len(reached) == 4)  # none is answered before all have come
            return text_message("ok")

        stub.always(answer)
        assert asyncio.run(both(stub)) == ["ok"] * 4


def test_a_redirection_is_not_followed_with_the_conversation() -> None:
    with StubAnthropic() as other, StubAnthropic() as stub:
        stub.always(Answer(b"", status=307, headers={"location": f"{other.url}/v1/messages"}))
        said = failure(model_for("anthropic", stub.url))
        assert other.requests == []
    assert said.retryable is False
    assert "redirection" in said.text


def test_left_to_itself_the_sdk_follows_it() -> None:  # the control of the test above
    async def ask_it(url: str) -> None:
        async with anthropic.AsyncAnthropic(api_key=KEY, base_url=url, max_retries=0) as client:
            await client.messages.create(model="m", max_tokens=5, messages=[{"role": "user", "content": "x"}])

    with StubAnthropic() as other, StubAnthropic() as stub:
        other.enqueue(text_message("here"))
        stub.always(Answer(b"", status=307, headers={"location": f"{other.url}/v1/messages"}))
        asyncio.run(ask_it(stub.url))
        assert len(other.requests) == 1


def test_the_key_is_in_no_text_repr_exception_or_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[str] = []

    async def fail(stub: StubAnthropic) -> None:
        model = model_for("anthropic", stub.url)
        seen.append(repr(model))
        for _ in range(5):
            with pytest.raises(ModelError) as caught:
                await model.complete(request())
            error: BaseException | None = caught.value
            seen.append("".join(traceback.format_exception(caught.value)))
            while error is not None:
                seen.append(f"{error!r} {error.args!r} {getattr(error, 'failure', '')!r}")
                assert getattr(error, "request", None) is None
                error = error.__cause__ or error.__context__
        await close({"it": model})

    with StubAnthropic() as stub:
        echo = lambda given: error_answer(401, f"invalid x-api-key: {stub.requests[0].headers['authorization']}")  # noqa: E731
        html = Answer(f"<html>{KEY}</html>", headers={"content-type": "text/html"})
        stub.enqueue(echo, html, Answer(KEY, status=500), Answer(b"", cut="before"), error_answer(400, KEY))
        asyncio.run(fail(stub))
        assert KEY not in repr(stub.requests)
        assert KEY in stub.requests[0].headers["authorization"]
    assert len(seen) > 10
    assert not [text for text in seen if KEY in text]
    assert KEY not in caplog.text
    assert "Request options" in caplog.text  # the SDK's own log was on


def test_a_key_that_no_header_takes_is_not_shown() -> None:
    said = failure(model_for("anthropic", "http://127.0.0.1:9", {"ANTHROPIC_API_KEY": "sk-ca\nnary"}))
    assert said.kind == "authentication"
    assert "nary" not in said.text
    assert "ANTHROPIC_API_KEY" in said.text


def test_the_sdks_own_error_holds_the_key() -> None:  # the control of the test above
    with StubAnthropic() as stub:
        stub.enqueue(error_answer(401, f"invalid x-api-key: {KEY}"))
        sdk = anthropic.Anthropic(api_key=KEY, base_url=stub.url, max_retries=0)
        with sdk, pytest.raises(anthropic.AuthenticationError) as caught:
            sdk.messages.create(model="m", max_tokens=5, messages=[{"role": "user", "content": "x"}])
    assert KEY in str(caught.value)
    assert KEY in caught.value.request.headers["authorization"]
