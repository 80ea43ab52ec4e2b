"""A local server that speaks Anthropic's Messages API, for tests with the real SDK over real sockets."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from beamlens.testing.anthropic_rules import refusal
from beamlens.testing.stub_server import Answer, StubRequest, StubServer

__all__ = ["StubAnthropic", "error_answer", "message", "text_message", "tool_message"]

_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_numbers = itertools.count(1)


def message(
    content: list[dict[str, Any]], stop_reason: str = "end_turn", usage: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """Return the body of an answer; the stub adds the model, and the usage where none is given."""
    return {
        "id": f"msg_{next(_numbers)}",
        "type": "message",
        "role": "assistant",
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        **({} if usage is None else {"usage": dict(usage)}),
    }


def tool_message(
    name: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    text: str = "",
    usage: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Return the body of an answer that calls one tool."""
    said = [{"type": "text", "text": text}] if text else []
    call = {"type": "tool_use", "id": f"toolu_{next(_numbers)}", "name": name, "input": dict(arguments or {})}
    return message([*said, call], "tool_use", usage)


def text_message(text: str, stop_reason: str = "end_turn", usage: Mapping[str, int] | None = None) -> dict[str, Any]:
    """Return the body of an answer in words."""
    return message([{"type": "text", "text": text}], stop_reason, usage)


def error_answer(status: int, text: str = "scripted", headers: Mapping[str, str] | None = None) -> Answer:
    """Return an error as Anthropic's servers send it; see `retry_headers` for its headers."""
    return Answer(_error(status, text), status=status, headers=headers or {})


def _error(status: int, text: str) -> dict[str, Any]:
    kind = _ERROR_TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return {"type": "error", "error": {"type": kind, "message": text}, "request_id": "req_stub"}


class StubAnthropic(StubServer):
    """Answer `create` (also as a stream) and `count_tokens` as Anthropic's servers do.

    What is enqueued is a message's body (see `tool_message`, `text_message`), an `Answer`, or a function from the
    request's JSON to either. A request that the real server would refuse is refused here too, with a 400 that says why:
    results that answer no call, empty texts, open strict schemas and the like.

    Args:
        checking: whether requests are checked so.

    Example::

        with StubAnthropic() as stub:
            stub.enqueue(error_answer(529), tool_message("done"))
            client = {"name": "stub", "provider": "anthropic", "options": {"base_url": stub.url}}
    """

    def __init__(self, *, checking: bool = True) -> None:
        super().__init__()
        self._checking = checking

    def handle(self, request: StubRequest) -> Answer:
        """Choose the answer, after checking the request. A handler's thread."""
        if request.path.partition("?")[0].endswith("/count_tokens"):
            with self._lock:
                self._requests.append(request)
            return Answer({"input_tokens": _tokens(request)})
        reason = refusal(request.json) if self._checking else None
        if reason is None:
            return super().handle(request)
        with self._lock:
            self._requests.append(request)
        return error_answer(400, reason)

    def answer_for(self, request: StubRequest, given: Any) -> Answer:
        """Return a message, as one body or as a stream of events."""
        if not isinstance(given, dict):
            return Answer(given)
        asked = request.json if isinstance(request.json, dict) else {}
        body = {"model": asked.get("model", "stub"), **given}
        body.setdefault("usage", {"input_tokens": _tokens(request), "output_tokens": _size(given.get("content"))})
        if not asked.get("stream"):
            return Answer(body)
        return Answer("".join(_events(body)), headers={"content-type": "text/event-stream; charset=utf-8"})

    def error_body(self, status: int, message: str) -> Any:
        """Return an error's body."""
        return _error(status, message)


def _tokens(request: StubRequest) -> int:
    return 1 + len(request.body) // 4  # about four characters a token


def _size(content: Any) -> int:
    return 1 + len(json.dumps(content)) // 4


def _events(body: dict[str, Any]) -> Iterator[str]:
    usage = body["usage"]
    start = {**body, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    yield _event("message_start", message=start)
    for index, block in enumerate(body["content"]):
        if block["type"] == "tool_use":
            empty, delta = (
                {**block, "input": {}},
                {"type": "input_json_delta", "partial_json": json.dumps(block["input"])},
            )
        else:
            empty, delta = {**block, "text": ""}, {"type": "text_delta", "text": block["text"]}
        yield _event("content_block_start", index=index, content_block=empty)
        yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    end = {"stop_reason": body["stop_reason"], "stop_sequence": body["stop_sequence"]}
    yield _event("message_delta", delta=end, usage={"output_tokens": usage["output_tokens"]})
    yield _event("message_stop")


def _event(kind: str, **fields: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n"
