"""The one loop: ask the model for its next step, perform the tool it chose, tell it what came of it, go on.

It knows no operator, no coordinator and no event: a `Role` says what the model is told and performs the tools, an
`Observer` hears what happens. It runs on a thread that may block; everything it waits for ends at the run's deadline
or when the run is cancelled.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, TypeAlias

from beamlens.agent.context import Context
from beamlens.agent.control import Control, Interrupted
from beamlens.agent.observer import Observer
from beamlens.errors import ModelError
from beamlens.llm.model import Message, ModelReply, ModelRequest, ToolCall, ToolSchema
from supervision import wire_value

__all__ = ["AgentLoop", "Brief", "Continue", "Ended", "Finish", "LoopPolicy", "LoopState", "Outcome", "Role", "Sleep"]


@dataclass(frozen=True, slots=True)
class Continue:
    """Tell the model a tool's result and go on."""

    result: Any
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Finish:
    """End the run: the model is done."""

    value: Any = None


@dataclass(frozen=True, slots=True)
class Sleep:
    """Tell the model a tool's result, wait so many seconds, and go on; `until` ends the wait early."""

    seconds: float
    result: Any
    until: Callable[[], bool] | None = None


Outcome: TypeAlias = Continue | Finish | Sleep


@dataclass(frozen=True, slots=True)
class Brief:
    """Say what the model is told at one step.

    Args:
        system: the system prompt.
        tools: what it may choose from.
        prompt: a last word of the user's, such as the current state; it is not kept in the conversation.
        news: what happened since the last step and should be known from now on; kept in the conversation.
        facts: what the rules provider needs to know.
    """

    system: str
    tools: tuple[ToolSchema, ...]
    prompt: str = ""
    news: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


class Role(Protocol):
    """Make the loop an operator, a coordinator, or another kind of agent."""

    def brief(self, iteration: int) -> Brief:
        """Return what the model is told at this step."""
        ...

    def perform(self, call: ToolCall, iteration: int) -> Outcome:
        """Perform a tool; its arguments fit its schema."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopPolicy:
    """Bound a run.

    Args:
        max_iterations: steps.
        max_nonsense: unusable answers in a row that end the run.
        max_repeats: the same call so many times in a row is answered with an error in place of being performed.
        max_result_chars: the longest tool result that the model is told.
        request_seconds: for one call of the model.
        max_tokens: the longest answer of the model.
    """

    max_iterations: int = 25
    max_nonsense: int = 3
    max_repeats: int = 3
    max_result_chars: int = 20_000
    request_seconds: float = 60.0
    max_tokens: int = 4096


@wire_value
@dataclass(frozen=True, slots=True)
class LoopState:
    """Where a run stands between two steps; what is needed to go on after a crash.

    Args:
        context: the conversation.
        iteration: steps taken.
        nonsense: unusable answers in a row.
        last_call: the last call, in short, and how many times in a row it was made.
    """

    context: Context = field(default_factory=Context)
    iteration: int = 0
    nonsense: int = 0
    last_call: str = ""
    repeats: int = 0


@dataclass(frozen=True, slots=True)
class Ended:
    """Say how a run ended."""

    ending: Literal["done", "max_iterations", "llm_failed", "cancelled", "deadline", "crashed"]
    value: Any = None
    reason: str | None = None


class AgentLoop:
    """Run an agent to its end.

    Args:
        role: what it is.
        ask: calls the model, retries included; raises `ModelError` or `Interrupted`.
        control: cancels it, and knows its deadline.
        observer: hears what happens.
        policy: bounds.
        compact: shortens a conversation that has grown too long; called before each step with its number.
        request: what all requests have in common: caller, run id, client.
    """

    def __init__(
        self,
        role: Role,
        ask: Callable[[ModelRequest], ModelReply],
        control: Control,
        observer: Observer,
        policy: LoopPolicy,
        compact: Callable[[Context, int], Context] | None = None,
        request: ModelRequest | None = None,
    ) -> None:
        self._role = role
        self._ask = ask
        self._control = control
        self._observer = observer
        self._policy = policy
        self._compact = compact
        self._request = request or ModelRequest(system="", messages=())
        self.state = LoopState()

    def run(self, state: LoopState) -> Ended:
        """Go on from `state` until the run ends. A thread that may block."""
        self.state = state
        try:
            while True:
                self._control.check()
                if self.state.iteration >= self._policy.max_iterations:
                    return Ended("max_iterations", reason=f"{self._policy.max_iterations} iterations were taken")
                ended = self._step()
                if ended is not None:
                    return ended
        except Interrupted as interrupted:
            return Ended(interrupted.ending, reason=interrupted.reason)
        except ModelError as error:
            return self._model_failed(error)

    def _model_failed(self, error: ModelError) -> Ended:
        self._control.remember_failure(error.failure)
        return Ended("llm_failed", reason=f"{error.failure.kind}: {error.failure.text}")

    def _step(self) -> Ended | None:
        iteration = self.state.iteration
        self._observer.iteration_started(iteration)
        if self._compact is not None:
            self.state = replace(self.state, context=self._compact(self.state.context, iteration))
        reply = self._ask(self._make_request(self._role.brief(iteration)))
        if reply.call is None:
            return self._hear_nonsense(reply)
        return self._perform(reply, reply.call)

    def _make_request(self, brief: Brief) -> ModelRequest:
        if brief.news:
            self.state = replace(self.state, context=self.state.context.with_user(brief.news))
        messages = self.state.context.messages
        if brief.prompt or not messages:
            messages = (*messages, Message("user", brief.prompt or "Begin."))
        return replace(
            self._request,
            system=brief.system,
            messages=messages,
            tools=brief.tools,
            facts=brief.facts,
            max_tokens=self._policy.max_tokens,
            timeout=self._policy.request_seconds,
        )

    def _hear_nonsense(self, reply: ModelReply) -> Ended | None:
        problem = reply.problem or "no tool was called"
        count = self.state.nonsense + 1
        self._observer.nonsense(self.state.iteration, problem, count)
        if count >= self._policy.max_nonsense:
            return Ended("llm_failed", reason=f"{count} unusable answers in a row; the last: {problem}")
        context = self.state.context.with_reply(reply) if reply.text else self.state.context
        context = context.with_user(json.dumps({"error": problem}))
        self.state = replace(self.state, context=context, nonsense=count, iteration=self.state.iteration + 1)
        self._observer.step_finished(self.state)
        return None

    def _perform(self, reply: ModelReply, call: ToolCall) -> Ended | None:
        iteration = self.state.iteration
        name = f"{call.name} {json.dumps(call.arguments, sort_keys=True, default=str)}"
        repeats = self.state.repeats + 1 if name == self.state.last_call else 1
        self.state = replace(self.state, nonsense=0, last_call=name, repeats=repeats)
        if repeats > self._policy.max_repeats:
            outcome: Outcome = Continue(
                {"error": f"this very call was made {repeats} times in a row; choose another step, or done"}, True
            )
        else:
            outcome = self._observed(call, iteration)
        if isinstance(outcome, Finish):
            self.state = replace(self.state, iteration=iteration + 1)
            return Ended("done", outcome.value)
        self._remember(reply, call, outcome)
        self._observer.step_finished(self.state)
        if isinstance(outcome, Sleep):
            self.state = replace(self.state, last_call="", repeats=0)  # waiting changes what a call would find
            self._control.sleep(outcome.seconds, outcome.until)
        return None

    def _observed(self, call: ToolCall, iteration: int) -> Outcome:
        self._observer.tool_started(iteration, call)
        began = time.monotonic_ns()
        try:
            outcome = self._role.perform(call, iteration)
        except BaseException as error:
            self._observer.tool_failed(iteration, call, error, time.monotonic_ns() - began)
            raise
        self._observer.tool_stopped(iteration, call, _result_of(outcome), time.monotonic_ns() - began)
        return outcome

    def _remember(self, reply: ModelReply, call: ToolCall, outcome: Continue | Sleep) -> None:
        error = isinstance(outcome, Continue) and outcome.is_error
        result = _as_text(outcome.result, self._policy.max_result_chars)
        context = self.state.context.with_reply(reply).with_result(call.id, result, is_error=error)
        self.state = replace(self.state, context=context, iteration=self.state.iteration + 1)


def _result_of(outcome: Outcome) -> Any:
    return outcome.value if isinstance(outcome, Finish) else outcome.result


def _as_text(result: Any, limit: int) -> str:
    text = json.dumps(result, ensure_ascii=False, default=str)
    if len(text) <= limit:
        return text
    return json.dumps({"truncated": f"{limit} of {len(text)} characters are shown", "text": text[:limit]})
