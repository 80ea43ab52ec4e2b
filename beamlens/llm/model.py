"""The one protocol of all models: a conversation and tools in, one checked tool call and the tokens used out.

Who talks to a model sees only this file: operators, the coordinator and Legion's agents above, the providers below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from beamlens.llm.schema import violations
from supervision import wire_value

__all__ = [
    "FailureKind",
    "Image",
    "Message",
    "Model",
    "ModelFailure",
    "ModelReply",
    "ModelRequest",
    "ToolCall",
    "ToolSchema",
    "Usage",
    "checked_reply",
]

Role = Literal["user", "assistant"]
FailureKind = Literal[
    "connection",  # nothing came, or it was cut off
    "timeout",
    "rate_limited",  # 429
    "overloaded",  # 529 and 503
    "server",  # other 5xx, 408, 409
    "malformed",  # the answer was no message of the protocol
    "gateway_down",  # our own process that talks to providers died
    "invalid_request",  # 400 and other 4xx
    "authentication",  # 401, or no key
    "permission",  # 403
    "not_found",  # 404: most often the model's name
    "refused",  # the model declined
    "budget",  # calls, tokens or money are used up
    "context_window",  # the conversation is too long
    "cancelled",
    "configuration",
]


@wire_value
@dataclass(frozen=True, slots=True)
class ToolSchema:
    """Describe a tool to a model.

    Args:
        name: letters, digits and underscores.
        description: when to use it, in a sentence or two.
        parameters: the JSON Schema of its arguments: an object.
    """

    name: str
    description: str
    parameters: dict[str, Any]


@wire_value
@dataclass(frozen=True, slots=True)
class ToolCall:
    """Choose a tool, with arguments that fit its schema."""

    id: str
    name: str
    arguments: dict[str, Any]


@wire_value
@dataclass(frozen=True, slots=True)
class Image:
    """Show a picture: its bytes and media type, or the address from which the provider gets it.

    Args:
        data: the bytes.
        media_type: of the bytes.
        url: `https://...`; in place of bytes, for providers that fetch pictures.

    Raises:
        ValueError: neither bytes nor an address, or both, or an address that is none of the web.
    """

    data: bytes = b""
    media_type: str = "image/png"
    url: str = ""

    def __post_init__(self) -> None:
        if bool(self.data) == bool(self.url):
            raise ValueError("a picture is given by its bytes or by its url; exactly one of the two is expected")
        if self.url and not self.url.startswith(("https://", "http://")):
            raise ValueError(f"the url of a picture is {self.url[:80]!r}; https://... is expected")


@wire_value
@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation.

    Args:
        role: `user` or `assistant`.
        text: what is said.
        call: the tool that the assistant chose.
        answers: the id of the call whose result `text` is (role `user`).
        is_error: whether that result is an error.
        images: pictures beside the text (role `user`).
    """

    role: Role
    text: str = ""
    call: ToolCall | None = None
    answers: str | None = None
    is_error: bool = False
    images: tuple[Image, ...] = ()


@wire_value
@dataclass(frozen=True, slots=True)
class Usage:
    """Count the tokens of one call; `input_tokens` are those not read from the provider's cache."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0

    @property
    def context_tokens(self) -> int:
        """Return the size of the conversation that was sent."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens

    @property
    def total_tokens(self) -> int:
        """Return all tokens, in and out."""
        return self.context_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cache_read_tokens + other.cache_read_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
        )


@wire_value
@dataclass(frozen=True, slots=True)
class ModelRequest:
    """Ask a model for its next step.

    Args:
        system: the system prompt.
        messages: the conversation, oldest first; the last one is the user's.
        tools: what the model may choose from; it must choose exactly one. None at all: it answers with text.
        caller: who asks, such as `operator:vm`; usage is counted by it.
        run_id: the run's trace id; budgets of a run are counted by it.
        client: the name of a client in the registry; None for the primary one.
        model: the model's name in place of the client's own.
        max_tokens: the longest answer.
        timeout: seconds for this one call.
        facts: what the rules provider needs to know (role, checks, state ...); never sent anywhere.
        id: names the request, to cancel it.
    """

    system: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSchema, ...] = ()
    caller: str = ""
    run_id: str = ""
    client: str | None = None
    model: str | None = None
    max_tokens: int = 4096
    timeout: float = 60.0
    facts: dict[str, Any] = field(default_factory=dict)
    id: str = ""


@wire_value
@dataclass(frozen=True, slots=True)
class ModelReply:
    """Answer a `ModelRequest`.

    Args:
        call: the one tool call, checked against its schema; None where there were no tools, or with `problem`.
        problem: what was wrong with what the model said, in words that can be fed back to it.
        text: what it said beside the call.
        usage: the tokens of this call.
        model: the model that answered.
        stop_reason: the provider's.
    """

    call: ToolCall | None = None
    problem: str | None = None
    text: str = ""
    usage: Usage = Usage()
    model: str = ""
    stop_reason: str = ""


@wire_value
@dataclass(frozen=True, slots=True)
class ModelFailure:
    """Say that a call failed.

    Args:
        kind: what happened.
        text: a sentence for people, without any key.
        retryable: whether the same call may succeed later.
        retry_after: seconds that the provider asked for.
        status: the HTTP status, if there was one.
    """

    kind: FailureKind
    text: str
    retryable: bool
    retry_after: float | None = None
    status: int | None = None


class Model(Protocol):
    """Choose the next step of a conversation."""

    async def complete(self, request: ModelRequest) -> ModelReply:
        """Return one checked tool call, or what was wrong with it.

        Raises:
            ModelError: the call failed.
        """
        ...


def checked_reply(
    request: ModelRequest,
    calls: Sequence[tuple[str, str, object]],
    *,
    text: str = "",
    usage: Usage | None = None,
    model: str = "",
    stop_reason: str = "",
) -> ModelReply:
    """Turn what a provider sent into a reply: one call that fits its tool's schema, or the problem in words.

    Args:
        request: what was asked.
        calls: (id, name, arguments) of each tool call in the answer; arguments as decoded JSON.
        text, usage, model, stop_reason: passed on.
    """
    call, problem = _one_call(request, calls)
    return ModelReply(call, problem, text, usage or Usage(), model, stop_reason)


def _one_call(request: ModelRequest, calls: Sequence[tuple[str, str, object]]) -> tuple[ToolCall | None, str | None]:
    if not request.tools:
        return None, None
    names = ", ".join(tool.name for tool in request.tools)
    if len(calls) != 1:
        said = "no tool" if not calls else f"{len(calls)} tools"
        return None, f"{said} was called; call exactly one of: {names}"
    number, name, arguments = calls[0]
    tool = next((tool for tool in request.tools if tool.name == name), None)
    if tool is None:
        return None, f"there is no tool {name!r}; call one of: {names}"
    if not isinstance(arguments, dict):
        return None, f"the arguments of {name} are no object; they must fit {tool.parameters!r}"
    wrong = violations(arguments, tool.parameters)
    if wrong:
        return None, f"the arguments of {name} do not fit: " + "; ".join(wrong[:5])
    return ToolCall(number, name, arguments), None
