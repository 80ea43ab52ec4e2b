"""A model that says what a script tells it to: for tests and benchmarks, without any network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from beamlens.errors import ConfigurationError, ModelError
from beamlens.llm.model import ModelFailure, ModelReply, ModelRequest, Usage, checked_reply
from beamlens.llm.providers.script import Unknown, filled, step_of

__all__ = ["Scripted"]

# Requests of these roles come between a caller's steps; a script of their own answers them, where there is one.
_SIDE_ROLES = ("message", "compaction", "classify", "synthesize")
_RETRYABLE = ("connection", "timeout", "rate_limited", "overloaded", "server", "malformed", "gateway_down")


class Scripted:
    """Answer requests by a script. Any event loop; deterministic for the same requests in the same order.

    Args:
        script: a list of steps that all callers share; or a mapping from callers to lists of their own; or a function
            from the request to a step. A request takes the first key there is of: `caller/role` and `role` (for the
            roles message, compaction, classify and synthesize), `caller`, the caller's part before the colon, `*`.
            In place of a list, `{"steps": [...], "position": "turns"}` finds its place by the number of answers in
            the conversation, not by counting calls: such a script survives a restart of the gateway, not a compaction.

    A step is a text; a pair (tool, arguments); or a mapping: `tool` with `arguments`, or `calls` (a list of pairs), or
    `text`, or `failure` (a kind of ModelFailure, with `text`, `retryable`, `retry_after`, `status`); beside them
    `delay` (seconds before the answer), `repeat` (a number or "forever"), `usage`, `model`, `stop_reason`. In Python
    a step may also be a ModelFailure, an exception to raise, a ModelReply, or a function from the request to a step.
    Values in arguments and texts may be placeholders: see `beamlens.llm.providers.script.filled`.
    """

    def __init__(self, script: Sequence[Any] | Mapping[str, Any] | Callable[[ModelRequest], Any]) -> None:
        self._function = script if callable(script) else None
        scripts = {} if callable(script) else script if isinstance(script, Mapping) else {"*": script}
        self._lines = {caller: _Line(steps) for caller, steps in scripts.items()}
        self._asked = 0

    async def complete(self, request: ModelRequest) -> ModelReply:
        """Return what the next step says.

        Raises:
            ModelError: the step is a failure; or the script is used up or names what is not there (`configuration`).
        """
        self._asked += 1
        number = self._asked
        try:
            step = self._function(request) if self._function else self._next(request)
            while callable(step) and not isinstance(step, type):
                step = step(request)
            return await _perform(step, request, number)
        except (Unknown, ConfigurationError) as error:
            problem = f"the script for {request.caller or 'a caller without a name'}: {error}"
        raise ModelError(ModelFailure("configuration", problem, retryable=False))

    def _next(self, request: ModelRequest) -> Any:
        keys = _keys(request)
        for key in keys:
            if key in self._lines:
                return self._lines[key].step(request)
        raise ConfigurationError(f"there is none; of the keys {', '.join(keys)} it has only {', '.join(self._lines)}")


class _Line:
    """The steps of one key, and how far they are."""

    def __init__(self, given: Any) -> None:
        by_turns = isinstance(given, Mapping) and given.get("position") == "turns"
        steps = given.get("steps", ()) if isinstance(given, Mapping) else given
        self._steps = list(steps)
        self._by_turns = by_turns
        self._taken = 0

    def step(self, request: ModelRequest) -> Any:
        place = sum(message.role == "assistant" for message in request.messages) if self._by_turns else self._taken
        self._taken += 1
        for step in self._steps:
            repeat = step.get("repeat", 1) if isinstance(step, Mapping) else 1
            if repeat == "forever" or place < repeat:
                return step
            place -= repeat
        raise ConfigurationError(f"all of its {len(self._steps)} steps were used; add one, such as ('done', {{}})")


def _keys(request: ModelRequest) -> list[str]:
    role = str(request.facts.get("role", ""))
    beside = [f"{request.caller}/{role}", role] if role in _SIDE_ROLES else []
    return list(dict.fromkeys([*beside, request.caller, request.caller.partition(":")[0], "*"]))


async def _perform(step: Any, request: ModelRequest, number: int) -> ModelReply:
    if isinstance(step, ModelFailure):
        raise ModelError(step)
    if isinstance(step, BaseException):
        raise step
    if isinstance(step, ModelReply):
        return step
    said = step_of(step)
    await asyncio.sleep(said.get("delay", 0))
    text = _text(said, request)
    if "failure" in said:
        raise ModelError(_failure(said, text))
    calls = [
        (f"call_{len(request.messages)}_{number}_{place}", name, filled(given, request))
        for place, (name, given) in enumerate(_calls(said))
    ]
    return checked_reply(
        request,
        calls,
        text=text,
        usage=_usage(said, request, text, calls),
        model=said.get("model", "scripted"),
        stop_reason=said.get("stop_reason", "tool_use" if calls else "end_turn"),
    )


def _calls(said: dict[str, Any]) -> list[tuple[str, Any]]:
    if "tool" in said:
        return [(said["tool"], said.get("arguments", {}))]
    return [(name, arguments) for name, arguments in said.get("calls", ())]


def _text(said: dict[str, Any], request: ModelRequest) -> str:
    text = filled(said.get("text", ""), request)
    return text if isinstance(text, str) else json.dumps(text)


def _failure(said: dict[str, Any], text: str) -> ModelFailure:
    kind = said["failure"]
    retryable = bool(said.get("retryable", kind in _RETRYABLE))
    return ModelFailure(kind, text or f"scripted: {kind}", retryable, said.get("retry_after"), said.get("status"))


def _usage(said: dict[str, Any], request: ModelRequest, text: str, calls: list[tuple[str, str, Any]]) -> Usage:
    if "usage" in said:
        return Usage(**said["usage"])
    heard = len(request.system) + sum(len(message.text) + len(_arguments(message)) for message in request.messages)
    answer = len(text) + sum(len(json.dumps(arguments, default=str)) for _, _, arguments in calls)
    return Usage(input_tokens=1 + heard // 4, output_tokens=1 + answer // 4)  # about four characters a token


def _arguments(message: Any) -> str:
    return "" if message.call is None else json.dumps(message.call.arguments, default=str)
