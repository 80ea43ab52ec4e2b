"""One run of the coordinator, as strategies see it: its role, its loop, the model, its operators."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from functools import partial
from typing import Any

from beamlens.agent.asking import Asking
from beamlens.agent.compaction import CORRELATING, Compaction, Run, compact_if_needed
from beamlens.agent.context import Context
from beamlens.agent.control import Control, Interrupted
from beamlens.agent.loop import AgentLoop, Ended, LoopPolicy, LoopState
from beamlens.agent.retry_policy import RetryPolicy
from beamlens.agent.run_observer import RunObserver
from beamlens.coordinator.events import CoordinatorEvents
from beamlens.coordinator.messages import CoordinatorConfig, Member, Outcome
from beamlens.coordinator.progress import Progress
from beamlens.coordinator.prompt import context_text
from beamlens.coordinator.role import CoordinatorRole
from beamlens.coordinator.strategy import load_strategy
from beamlens.coordinator.team import Team
from beamlens.errors import ConfigurationError, ModelError
from beamlens.journal.writer import JournalWriter
from beamlens.llm.client import ModelClient
from beamlens.llm.model import Message, ModelFailure, ModelReply, ModelRequest, ToolCall, ToolSchema
from beamlens.parts import Parts
from supervision import Ref

__all__ = ["Session", "tell_end"]

_GATHER = 0.5  # seconds between two looks at whether operators have ended, where nobody wakes us


class Session:
    """Lead one run from its beginning to its outcome. The run's thread, but where it says otherwise.

    Args:
        config: the coordinator's.
        members: the operators it may invoke.
        progress: where the run stands: new, or restored after a crash.
        control: cancels it.
        parts: finds the other parts of the tree.
        myself: the coordinator's ref.
    """

    def __init__(
        self,
        config: CoordinatorConfig,
        members: tuple[Member, ...],
        progress: Progress,
        control: Control,
        parts: Parts,
        myself: Ref,
    ) -> None:
        self.config = config
        self.control = control
        asked = progress.asked
        allowed = members if asked.operators is None else tuple(m for m in members if m.name in asked.operators)
        self._parts = parts
        self._myself = myself
        self._client = asked.client if asked.client is not None else config.client
        self._iterations = asked.max_iterations if asked.max_iterations is not None else config.max_iterations
        self._restored = progress
        self.running = True
        self.events = CoordinatorEvents(self._standing, progress.run_id)
        journal = parts.find("journal") if config.journal else None
        self._journal = JournalWriter(journal, "coordinator", progress.run_id)

        def team(role: CoordinatorRole) -> Team:
            return Team(parts, myself, progress.run_id, role.finished, role.crashed, control)

        self.role = CoordinatorRole(progress, allowed, self.events, team, self._keep_findings, self._iterations)
        self._loop: AgentLoop | None = None

    def _standing(self) -> tuple[bool, int]:
        role = getattr(self, "role", None)
        return self.running, len((role.progress if role is not None else self._restored).inbox)

    # -- the run --------------------------------------------------------------------------------

    def run(self) -> Outcome:
        """Lead the run to its end."""
        began = time.monotonic_ns()
        self._begin()
        try:
            strategy = load_strategy(self.role.progress.asked.strategy or self.config.strategy)
            ended = strategy.run(self)
        except Interrupted as interrupted:
            ended = Ended(interrupted.ending, reason=interrupted.reason)
        except ModelError as error:
            ended = Ended("llm_failed", reason=f"{error.failure.kind}: {error.failure.text}")
        except ConfigurationError as error:
            ended = Ended("crashed", reason=str(error))
        self._tell_interruption(ended)
        self.role.team.cancel(self.role.progress.running)
        outcome = self.role.progress.outcome(ended.ending, ended.reason)
        self._journal.ended(outcome)
        self.running = False
        tell_end(self.events, outcome, time.monotonic_ns() - began)
        return outcome

    def _begin(self) -> None:
        found = self._restored
        if not found.crashes:
            self._journal.began(found.asked, found.asked.context)
            self.events.tell("run_started", {"context": found.asked.context})
            return
        self._journal.resumed(found.crashes, os.getpid(), found.loop.context.messages)
        self.events.tell("resumed", {"iteration": found.loop.iteration, "crashes": found.crashes})
        for name, run_id in found.running:
            self.role.go_on(name, run_id)

    def _tell_interruption(self, ended: Ended) -> None:
        if ended.ending == "deadline":
            self.events.tell("deadline_exceeded")
        elif ended.ending == "cancelled":
            self.events.tell("caller_down" if ended.reason == "caller_down" else "cancelled")

    # -- for strategies -------------------------------------------------------------------------

    def loop(self) -> Ended:
        """Let the model choose tools until the run ends."""
        observer = _Observer(self)
        compaction = Compaction(self.config.compaction_max_tokens, self.config.compaction_keep_last, CORRELATING)
        model = self._model()

        def compact(context: Context, iteration: int) -> Context:
            ask = partial(model.complete, cancel=self.control.cancelled)
            return compact_if_needed(
                context, ask, compaction, Run(self.role.progress.run_id, iteration), ids=self.role.progress.ids
            )

        policy = LoopPolicy(max_iterations=self._iterations, request_seconds=self.config.request_seconds)
        asking = self._asking(model, observer)
        loop = self._loop = AgentLoop(self.role, asking, self.control, observer, policy, compact, self._request())
        ended = loop.run(self._first_state())
        self.keep(loop.state)
        return ended

    def ask_tool(self, system: str, question: str, tool: ToolSchema, facts: dict[str, Any]) -> dict[str, Any]:
        """Have the model call one tool, and return the arguments; an unusable answer is asked again, twice.

        Raises:
            ModelError: it failed, or said nothing usable.
        """
        observer = _Observer(self)
        asking = self._asking(self._model(), observer)
        messages: tuple[Message, ...] = (Message("user", question),)
        problem = ""
        for count in range(1, 4):
            request = replace(self._request(), system=system, messages=messages, tools=(tool,), facts=facts)
            reply = asking(request)
            if reply.call is not None:
                return reply.call.arguments
            problem = reply.problem or "no tool was called"
            observer.nonsense(0, problem, count)
            messages = (*messages, Message("user", json.dumps({"error": problem})))
        raise ModelError(ModelFailure("malformed", f"three unusable answers in a row: {problem}", retryable=False))

    def wait_for_operators(self) -> None:
        """Wait until no operator works any more.

        Raises:
            Interrupted: the run is over.
        """
        changed = self.role.team.changed
        while self.role.progress.running:
            self.control.check()
            with changed:
                if self.role.progress.running:
                    changed.wait(_GATHER)

    @property
    def notes(self) -> dict[str, Any]:
        """Return what the strategy noted; it is there after a crash."""
        return self.role.progress.notes

    def note(self, key: str, value: Any) -> None:
        """Keep something of the strategy's own, as wire values."""
        progress = self.role.update(lambda now: replace(now, notes={**now.notes, key: value}))
        self.keep(progress.loop)

    def keep(self, state: LoopState, seconds: dict[str, float] | None = None) -> None:
        """Write where the run stands into the journal."""
        progress = self.role.update(lambda now: replace(now, loop=state))
        slim = replace(progress, loop=LoopState())
        self._journal.stepped(state, lambda _: slim, progress.crashes, seconds or {})

    def _keep_findings(self) -> None:
        progress = self.role.progress
        self._journal.found(replace(progress, loop=LoopState()), progress.crashes)

    # -- plumbing -------------------------------------------------------------------------------

    def _model(self) -> ModelClient:
        gateway = self._parts.find("gateway")
        if gateway is None:
            raise ModelError(ModelFailure("gateway_down", "there is no gateway in this tree", retryable=False))
        run_id = self.role.progress.run_id
        return ModelClient(gateway, "coordinator", run_id, client=self._client, owner=self._myself)

    def _request(self) -> ModelRequest:
        asked = self.role.progress.asked
        return ModelRequest(
            "",
            (),
            caller="coordinator",
            run_id=asked.run_id,
            client=self._client,
            model=asked.model or self.config.model,
            timeout=self.config.request_seconds,
        )

    def _asking(self, model: ModelClient, observer: RunObserver) -> Asking:
        waits = self.config.retry_waits
        policy = RetryPolicy(attempts=len(waits) + 1, waits=waits)
        return Asking(model.complete, self.control, observer, policy, self._iteration)

    def _iteration(self) -> int:
        return self.role.progress.loop.iteration if self._loop is None else self._loop.state.iteration

    def _first_state(self) -> LoopState:
        state = self.role.progress.loop
        about = context_text(self.role.progress.asked.context)
        if state.context.messages or not about:
            return state
        return replace(state, context=state.context.with_user(about))


def tell_end(events: CoordinatorEvents, outcome: Outcome, duration: int) -> None:
    """Tell that a run has ended, after so many nanoseconds."""
    events.tell("loop_stopped", {"reason": outcome.ending})
    about = {"iteration": outcome.iterations, "ending": outcome.ending, "insight_count": len(outcome.insights)}
    events.tell("run_stopped", about, {"duration": duration})


class _Observer(RunObserver):
    """Tell the coordinator's events, and write its journal."""

    def __init__(self, session: Session) -> None:
        super().__init__(session.role.progress.run_id, "coordinator")
        self._session = session
        self._events = session.events
        self._seconds = {"llm": 0.0, "tool": 0.0}

    def iteration_started(self, iteration: int) -> None:
        self._seconds = {"llm": 0.0, "tool": 0.0}
        self._events.tell("iteration_start", {"iteration": iteration})

    def llm_stopped(self, iteration: int, reply: ModelReply, duration: int) -> None:
        self._seconds["llm"] += duration / 1e9
        super().llm_stopped(iteration, reply, duration)

    def llm_error(self, failure: ModelFailure, retry_count: int, will_retry: bool) -> None:
        self._events.tell("llm_error", {"reason": failure, "retry_count": retry_count, "will_retry": will_retry})

    def nonsense(self, iteration: int, problem: str, count: int) -> None:
        self._events.tell("invalid_intent", {"reason": problem, "iteration": iteration})

    def tool_stopped(self, iteration: int, call: ToolCall, result: Any, duration: int) -> None:
        self._seconds["tool"] += duration / 1e9
        super().tool_stopped(iteration, call, result, duration)

    def step_finished(self, state: LoopState) -> None:
        self._session.keep(state, self._seconds)
