"""A local server that speaks OpenAI's chat completions, for tests over real sockets."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

from beamlens.testing.stub_server import Answer, StubRequest, StubServer

__all__ = ["StubOpenAI", "openai_error", "text_completion", "tool_completion"]

_numbers = itertools.count(1)


def tool_completion(name: str, arguments: Mapping[str, Any] | str | None = None, **fields: Any) -> dict[str, Any]:
    """Return the body of an answer that calls one tool; arguments as a text are sent as they are."""
    sent = arguments if isinstance(arguments, str) else json.dumps(dict(arguments or {}))
    call = {"id": f"call_{next(_numbers)}", "type": "function", "function": {"name": name, "arguments": sent}}
    return _completion({"content": None, "tool_calls": [call]}, "tool_calls", fields)


def text_completion(text: str, finish_reason: str = "stop", **fields: Any) -> dict[str, Any]:
    """Return the body of an answer in words."""
    return _completion({"content": text}, finish_reason, fields)


def _completion(said: dict[str, Any], finish_reason: str, fields: dict[str, Any]) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **said}, "finish_reason": finish_reason}
    return {"id": f"chatcmpl-{next(_numbers)}", "object": "chat.completion", "choices": [choice], **fields}


def openai_error(
    status: int, text: str = "scripted", headers: Mapping[str, str] | None = None, code: str | None = None
) -> Answer:
    """Return an error as OpenAI's servers send it."""
    body = {"error": {"message": text, "type": "stub_error", "param": None, "code": code}}
    return Answer(body, status=status, headers=headers or {})


class StubOpenAI(StubServer):
    """Answer `POST .../chat/completions`; use it as `StubAnthropic`, with `tool_completion` and `text_completion`."""

    def handle(self, request: StubRequest) -> Answer:
        """Choose the answer. A handler's thread."""
        if request.path.partition("?")[0].endswith("/chat/completions"):
            return super().handle(request)
        return openai_error(404, f"there is nothing at {request.path}")

    def answer_for(self, request: StubRequest, given: Any) -> Answer:
        """Return a completion with the model's name, and usage where none is given."""
        if not isinstance(given, dict):
            return Answer(given)
        asked = request.json if isinstance(request.json, dict) else {}
        sent, said = 1 + len(request.body) // 4, 1 + len(json.dumps(given)) // 4
        usage = {"prompt_tokens": sent, "completion_tokens": said, "total_tokens": sent + said}
        return Answer({"model": asked.get("model", "stub"), "usage": usage, **given})
