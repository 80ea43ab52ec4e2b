"""One turn of an agent: from a message to a result, as a loop in which the model writes code and sees what came of it.

Iterations are told nested in each other, as Legion's are: the first one stops last.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Final

from beamlens.agent.asking import Asking
from beamlens.agent.compaction import Run
from beamlens.agent.control import Control, Interrupted
from beamlens.agent.retry import RetryPolicy
from beamlens.errors import ModelError
from beamlens.legion.definition import Definition
from beamlens.legion.guards import GuardContext, judge
from beamlens.legion.limits import LimitReached, Meter
from beamlens.legion.llm_observer import LlmObserver
from beamlens.legion.reply import EVALUATIONS, Reply, parse
from beamlens.legion.results import MAX_ITERATIONS, MAX_RETRIES, Cancelled, Ok, Result
from beamlens.legion.shortening import shortened
from beamlens.legion.state import Conversation, Decision
from beamlens.legion.telemetry import Span, emit
from beamlens.legion.text import error_text, shown, truncated
from beamlens.llm.model import ModelFailure, ModelReply, ModelRequest
from beamlens.sandbox import Evaluation, SandboxError

__all__ = ["Turn", "Workshop"]

_BACKTICKS: Final = re.compile(r"`+")
_INTERRUPTED: Final = (
    "The process that ran this code died before it could say what came of it. The code may have run in part or to its "
    "end, and what it did outside may have happened. Check before you repeat it."
)


@dataclass(frozen=True, slots=True)
class Workshop:
    """Hold what turns work with.

    Args:
        definition: the agent.
        agent_id: its id.
        complete: calls the model once.
        evaluate: runs code: (code, bindings, control, keep) -> Evaluation.
        save: begins to keep where the turn stands.
        flush: waits until it is kept; what it raises ends the process. Code's tools wait by it, too: what the model
            decided is kept before it has any effect.
        meter: counts what is used, and forbids.
    """

    definition: Definition
    agent_id: str
    complete: Callable[..., ModelReply]
    evaluate: Callable[..., Evaluation]
    save: Callable[[Conversation], None]
    flush: Callable[[], None]
    meter: Meter


class Turn:
    """Take one turn. The agent's run thread; `conversation` is replaced as a whole, and any thread may read it.

    Args:
        workshop: what it works with.
        conversation: whose `turn` is begun, or goes on.
        control: cancels it.
    """

    def __init__(self, workshop: Workshop, conversation: Conversation, control: Control) -> None:
        assert conversation.turn is not None, "a turn is on"
        self._shop = workshop
        self._definition = workshop.definition
        self._options = workshop.definition.options
        self._control = control
        self.conversation = conversation
        self._observer = LlmObserver(workshop.definition.name, workshop.definition.model)
        self._waits = RetryPolicy(attempts=1, waits=self._options.retry_waits)
        # One attempt: a failed request is a retry of the turn, which counts and tells it.
        self._ask = Asking(workshop.complete, control, self._observer, self._waits, lambda: self._state.iteration)

    @property
    def _state(self) -> Any:
        return self.conversation.turn

    # -- the whole turn -------------------------------------------------------------------------

    def run(self) -> Result:
        """Take the turn to its end and return what it came to.

        Raises:
            Exception: the process cannot go on, as where nothing can be saved; it should die, and the next go on.
        """
        about = {"agent": self._definition.name, "message": self._state.content.told}
        with Span(("legion", "agent", "message"), about) as told:
            with ExitStack() as iterations:
                result = self._loop(iterations)
                self._settle()
            status = "ok" if isinstance(result, Ok) else "cancel"
            said = result.value if isinstance(result, Ok) else result.reason
            bindings = self.conversation.bindings
            told.add(iterations=self._state.replies, status=status, result=said, bindings=bindings)
            kept = bindings if self._options.binding_scope == "conversation" else {}
            self.conversation = self.conversation.ended(result, kept)
            self._shop.save(self.conversation)
            self._shop.flush()
        return result

    def _settle(self) -> None:
        """Answer a call of the model that the end of the turn left without an answer."""
        if self._state.pending is not None:
            self._feed(self._state.pending, "The task was ended before this was done.", is_error=True)

    def _loop(self, iterations: ExitStack) -> Result:
        try:
            self._control.check()
            self._begin()
            while True:
                self._control.check()
                if self._state.retries > self._options.max_retries:
                    return Cancelled(MAX_RETRIES, f"{self._state.retries} failures in a row")
                if self._state.iteration >= self._options.max_iterations:
                    return Cancelled(MAX_ITERATIONS, f"{self._options.max_iterations} iterations were taken")
                about = {"agent": self._definition.name, "iteration": self._state.iteration}
                span = Span(("legion", "iteration"), about)
                span.add(action=None)  # until one has succeeded
                # Left open until the turn ends: iterations are told nested.
                result = self._step(iterations.enter_context(span))
                if result is not None:
                    return result
        except Interrupted as interrupted:
            return Cancelled(interrupted.ending, interrupted.reason)
        except LimitReached as reached:
            return Cancelled("rate_limited", str(reached), reached.data)

    def _begin(self) -> None:
        """Let the turn begin, unless it goes on."""
        state = self._state
        if state.pending is not None and self._options.interrupted == "tell":
            self._feed(state.pending, _INTERRUPTED, is_error=True)
            self.conversation = self.conversation.with_turn(pending=None, retries=state.retries + 1)
        if state.crashes == 0:
            self._shop.meter.turn()
            content = state.content
            context = self.conversation.context.with_user(content.text, content.images)
            self.conversation = replace(self.conversation, context=context)
        self._shop.save(self.conversation)

    def _step(self, told: Span) -> Result | None:
        pending = self._state.pending
        if pending is not None:  # the process died while it ran this, and it is to be run again
            return self._evaluate(told, pending)
        reply = self._request()
        if isinstance(reply, Cancelled) or reply is None:
            return reply
        if reply.call is None:
            self._retry(reply.problem or "no tool was called")
            return None
        parsed, problem = parse(reply.call.arguments)
        if parsed is None:
            self._retry(problem)
            return None
        return self._act(told, reply, parsed)

    # -- the model ------------------------------------------------------------------------------

    def _shorten(self, *, at_once: bool = False) -> bool:
        """Shorten the conversation where it has grown too long; tell whether it did become shorter."""
        before, run = self.conversation.context, Run(self._shop.agent_id, self._state.iteration)
        try:
            found = shortened(before, self._state.content, self._options, self._complete, run, at_once=at_once)
        except ModelError:
            self._control.check()  # it was cancelled
            raise
        self.conversation = replace(self.conversation, context=found)
        return len(found.messages) < len(before.messages)

    def _request(self) -> ModelReply | Cancelled | None:
        self._shorten()
        self._shop.meter.request()
        definition, options = self._definition, self._options
        request = ModelRequest(
            definition.system,
            self.conversation.context.messages,
            (definition.reply,),
            client=options.client,
            model=options.model,
            max_tokens=options.max_tokens,
            timeout=options.request_seconds,
            facts={"role": "legion", "agent": definition.name, "iteration": self._state.iteration},
        )
        try:
            reply = self._ask(request)
        except ModelError as error:
            return self._failed(error)
        except Interrupted:
            raise
        except Exception as error:  # of the client itself: told, and then as a failed request
            self._observer.llm_raised(error)
            return self._failed(ModelError(ModelFailure("malformed", error_text(error), retryable=True)))
        self._shop.meter.spent(reply)
        return reply

    def _failed(self, error: ModelError) -> Cancelled | None:
        failure = error.failure
        if failure.kind == "context_window" and self._shorten(at_once=True):
            self.conversation = self.conversation.with_turn(retries=self._state.retries + 1)
            return None
        if not failure.retryable and failure.kind != "malformed":
            return Cancelled("llm_failed", f"{failure.kind}: {failure.text}")
        retries = self._state.retries + 1
        self.conversation = self.conversation.with_turn(retries=retries)
        if retries <= self._options.max_retries:
            self._control.sleep(self._waits.wait(retries, failure))
        return None

    def _retry(self, problem: str) -> None:
        """Drop a reply that cannot be acted on, and tell the model why."""
        text = truncated(f"That could not be used: {problem}", self._options.max_message_length)
        context = self.conversation.context.with_user(text)
        self.conversation = replace(self.conversation, context=context).with_turn(retries=self._state.retries + 1)
        self._step_saved()

    # -- the actions ----------------------------------------------------------------------------

    def _act(self, told: Span, reply: ModelReply, parsed: Reply) -> Result | None:
        assert reply.call is not None, "a parsed reply has a call"
        decision = Decision(parsed.action, parsed.code, reply.call.id)
        if parsed.action == "return":
            problem = self._definition.output.problem(parsed.result)
            if problem is not None:
                self._keep(reply)
                self._correct(decision, problem)
                return None
        self._keep(reply)
        if parsed.action in EVALUATIONS:
            self.conversation = self.conversation.with_turn(pending=decision)
            self._step_saved()
            return self._evaluate(told, decision)
        told.add(action=parsed.action)
        self._feed(decision, "The task has ended.")
        return Ok(parsed.result if parsed.action == "return" else None)

    def _keep(self, reply: ModelReply) -> None:
        context = self.conversation.context.with_reply(reply)
        self.conversation = replace(self.conversation, context=context).with_turn(replies=self._state.replies + 1)

    def _correct(self, decision: Decision, problem: str) -> None:
        self._feed(decision, f"{problem}. Correct it and reply again.", is_error=True)
        self.conversation = self.conversation.with_turn(retries=self._state.retries + 1, pending=None)
        self._step_saved()

    def _evaluate(self, told: Span, decision: Decision) -> Result | None:
        found = self._observed(decision.code)
        self._control.check()
        problem = None if found.error is None else f"The code failed: {found.error.kind}: {found.error.text}"
        if problem is None and decision.action == "eval_and_complete" and not self._definition.output.is_default:
            problem = self._definition.output.problem(found.value)
        if problem is not None:
            self._correct(decision, problem)
            return None
        told.add(action=decision.action)
        kept = self._options.binding_scope != "iteration"
        self.conversation = replace(self.conversation, bindings=found.bindings if kept else {})
        self._feed(decision, self._described(found))
        self.conversation = self.conversation.with_turn(pending=None)
        if decision.action == "eval_and_complete":
            return Ok(found.value)
        self.conversation = self.conversation.with_turn(iteration=self._state.iteration + 1, retries=0)
        self._step_saved()
        return None

    def _observed(self, code: str) -> Evaluation:
        self._shop.meter.evaluation()
        with Span(("legion", "sandbox", "eval"), {"agent": self._definition.name, "code": code}) as told:
            refused = self._refused(code)
            if refused is not None:
                told.add(success=False, error=refused)
                return Evaluation(
                    ok=False, bindings=self.conversation.bindings, error=SandboxError(kind="refused", text=refused)
                )
            keep = self._options.binding_scope != "iteration"
            found = self._shop.evaluate(code, self.conversation.bindings, self._control, keep=keep)
            if found.error is None:
                told.add(success=True, result=found.value)
            else:
                told.add(success=False, error=f"{found.error.kind}: {found.error.text}")
        return found

    def _refused(self, code: str) -> str | None:
        guard = self._definition.guard
        if guard is None:
            return None
        name, check = guard
        tools = tuple(self._definition.toolbox.tools)
        context = GuardContext(self._definition.name, self._shop.agent_id, tools, self._complete)
        verdict = judge(check, code, context, self._options.request_seconds, self._control.cancelled)
        if verdict.allowed:
            return None
        about = {"agent": self._definition.name, "guard": name, "code": code, "reason": verdict.reason}
        emit(("legion", "eval_guard", "denied"), {"system_time": time.time_ns()}, about)
        return f"refused by {name}: {verdict.reason}"

    def _complete(self, request: ModelRequest) -> ModelReply:
        self._shop.meter.request()
        reply = self._shop.complete(request, self._control.cancelled)
        self._shop.meter.spent(reply)
        return reply

    # -- what the model is told -----------------------------------------------------------------

    def _described(self, found: Evaluation) -> str:
        value = "null (the code has no `return`, or returned nil)" if found.value is None else _fenced(found.value)
        names = ", ".join(f"`{name}`" for name in sorted(found.bindings))
        return f"The code ran. It returned: {value}" + (f"\n\nVariables: {names}" if names else "")

    def _feed(self, decision: Decision, text: str, *, is_error: bool = False) -> None:
        shown_text = truncated(text, self._options.max_message_length)
        context = self.conversation.context.with_result(decision.call_id, shown_text, is_error=is_error)
        self.conversation = replace(self.conversation, context=context)

    def _step_saved(self) -> None:
        if self._options.persistence == "step":
            self._shop.save(self.conversation)


def _fenced(value: Any) -> str:
    text = value if isinstance(value, str) else _as_json(value)
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)  # no text can end the fence that it is in
    return f"\n{fence}\n{text}\n{fence}"


def _as_json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        return f"{shown(value)} ({error_text(error)})"
