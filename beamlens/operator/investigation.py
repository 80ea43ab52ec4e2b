"""One run of an operator, from its invocation to its completion."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pykka

from beamlens import telemetry
from beamlens.agent.asking import Asking
from beamlens.agent.compaction import Compaction, Run, compact_if_needed
from beamlens.agent.context import Context
from beamlens.agent.control import Control
from beamlens.agent.loop import AgentLoop, Ended, LoopPolicy, LoopState
from beamlens.agent.retry_policy import RetryPolicy
from beamlens.agent.run_observer import RunObserver
from beamlens.domain import Completion, Notification
from beamlens.errors import ModelError, SkillError
from beamlens.journal.writer import JournalWriter
from beamlens.llm.model import ModelFailure, ModelReply, ModelRequest, ToolCall
from beamlens.operator.events import OperatorEvents
from beamlens.operator.findings import Findings
from beamlens.operator.messages import Invoke, OperatorConfig, RunNotified
from beamlens.operator.resources import Resources
from beamlens.operator.role import OperatorRole, Subject
from supervision import SupervisionError

__all__ = ["Investigation", "tell_end"]

_FOR_GOOD = 10**9  # iterations of an operator that watches for good


class Investigation:
    """Run one investigation. The operator's run thread; `role` and `loop` may be read by any.

    Args:
        config: the operator's.
        resources: what it works with.
        findings: where it begins: new, or restored after a crash.
        control: cancels it.
        continuous: whether it watches for good.
        between: called before each step, for what must not wait for the end of this run.
        impatient: tells whether a wait is to end early.
    """

    def __init__(
        self,
        config: OperatorConfig,
        resources: Resources,
        findings: Findings,
        control: Control,
        *,
        continuous: bool = False,
        between: Callable[[], None] | None = None,
        impatient: Callable[[], bool] | None = None,
    ) -> None:
        self._config = config
        self._resources = resources
        self._control = control
        self._continuous = continuous
        self._between = between
        self.impatient = impatient
        self.invoke: Invoke = findings.invoke
        self.events = OperatorEvents(config.name, self.invoke.run_id)
        self.journal = JournalWriter(resources.journal, f"operator:{config.name}", self.invoke.run_id)
        self._findings = findings
        self.role: OperatorRole | None = None
        self.loop: AgentLoop | None = None
        self._observer: _Observer | None = None

    # -- from outside ---------------------------------------------------------------------------

    @property
    def findings(self) -> Findings:
        """Return what was found so far."""
        return self._findings if self.role is None else self.role.findings

    @property
    def state(self) -> LoopState:
        """Return where the loop stands."""
        return self._findings.loop if self.loop is None else self.loop.state

    # -- the run --------------------------------------------------------------------------------

    def run(self) -> Completion:
        """Investigate to the end and return what was found.

        Raises:
            Exception: what is nobody's fault but ours; the process should die of it and the run go on in the next.
        """
        began = time.monotonic_ns()
        self._tell_beginning()
        ended = self._look()
        found = replace(self.findings, loop=self.state)
        completion = found.completion(self._config.name, ended.ending, ended.reason)
        self.journal.ended(completion)
        tell_end(self.events, completion, time.monotonic_ns() - began)
        return completion

    def _look(self) -> Ended:
        try:
            role = self.role = self._make_role(self._resources.subject())
            loop = self.loop = self._make_loop(role)
        except SkillError as error:
            return Ended("crashed", reason=f"the skill does not answer: {error.kind}: {error.text}")
        except ModelError as error:
            return Ended("llm_failed", reason=f"{error.failure.kind}: {error.failure.text}")
        return loop.run(self._first_state())

    def _tell_beginning(self) -> None:
        found = self._findings
        if found.crashes:
            self.journal.resumed(found.crashes, os.getpid(), found.loop.context.messages)
            self.events.tell("resumed", {"iteration": found.loop.iteration, "crashes": found.crashes})
            return
        self.journal.began(self.invoke, self.invoke.reason)
        parent = {} if self.invoke.parent is None else {"parent_trace_id": self.invoke.parent}
        mode = "continuous" if self._continuous else "on_demand"
        reason = json.dumps(self.invoke.reason, default=str) if self.invoke.reason else None
        self.events.tell("run_started", {"mode": mode, "reason": reason, **parent})

    def _make_role(self, subject: Subject) -> OperatorRole:
        return OperatorRole(
            subject,
            self._resources.skill(),
            partial(self._resources.evaluate, cancel=self._control.cancelled),
            self._findings,
            self.events,
            self._keep,
            self._sent,
            pace=self._config.pace,
            continuous=self._continuous,
            max_iterations=self._max_iterations(),
            impatient=self.impatient,
        )

    def _max_iterations(self) -> int:
        wanted = self.invoke.options.max_iterations
        return _FOR_GOOD if self._continuous else self._config.max_iterations if wanted is None else wanted

    def _make_loop(self, role: OperatorRole) -> AgentLoop:
        config, options, run_id = self._config, self.invoke.options, self.invoke.run_id
        client = options.client if options.client is not None else config.client
        model = self._resources.model(run_id, client)
        observer = self._observer = _Observer(self, role)
        retry = RetryPolicy(attempts=len(config.retry_waits) + 1, waits=config.retry_waits)
        asking = Asking(model.complete, self._control, observer, retry, lambda: self.state.iteration)
        compaction = Compaction(
            max_tokens=_either(options.compaction_max_tokens, config.compaction_max_tokens),
            keep_last=_either(options.compaction_keep_last, config.compaction_keep_last),
        )

        def compact(context: Context, iteration: int) -> Context:
            def ask(request: ModelRequest) -> ModelReply:
                return model.complete(request, self._control.cancelled)

            ids = [snapshot.id for snapshot in role.findings.snapshots]
            return compact_if_needed(context, ask, compaction, Run(run_id, iteration), ids=ids)

        request = ModelRequest(
            "", (), caller=f"operator:{config.name}", run_id=run_id, client=client, model=options.model or config.model
        )
        policy = LoopPolicy(max_iterations=self._max_iterations(), request_seconds=config.request_seconds)
        return AgentLoop(role, asking, self._control, observer, policy, compact, request)

    def _first_state(self) -> LoopState:
        state = self._findings.loop
        if state.context.messages or not self.invoke.reason:
            return state
        text = json.dumps({"context": self.invoke.reason}, ensure_ascii=False, default=str)
        return replace(state, context=state.context.with_user(text))

    def _keep(self) -> None:
        if self._observer is not None:
            self._observer.keep_findings()

    def _sent(self, notification: Notification) -> None:
        notify = self.invoke.notify
        if notify is None:
            return
        try:
            notify.tell(RunNotified(self._config.name, self.invoke.run_id, notification))
        except (pykka.ActorDeadError, SupervisionError):
            return  # who wanted to know is gone; the run's completion has it all the same

    def before_step(self) -> None:
        """Do what must not wait for the end of this run."""
        if self._between is not None:
            self._between()


class _Observer(RunObserver):
    """Tell an operator's events, and write its journal."""

    def __init__(self, investigation: Investigation, role: OperatorRole) -> None:
        super().__init__(investigation.invoke.run_id, f"operator:{investigation.events.operator}")
        self._investigation = investigation
        self._role = role
        self._events = investigation.events
        self._before = role.findings
        self._seconds = {"llm": 0.0, "tool": 0.0}

    def iteration_started(self, iteration: int) -> None:
        self._investigation.before_step()
        self._seconds = {"llm": 0.0, "tool": 0.0}
        self._events.tell("iteration_start", {"iteration": iteration, "operator_state": self._role.findings.state})

    def llm_stopped(self, iteration: int, reply: ModelReply, duration: int) -> None:
        self._seconds["llm"] += duration / 1e9
        super().llm_stopped(iteration, reply, duration)

    def llm_error(self, failure: ModelFailure, retry_count: int, will_retry: bool) -> None:
        self._events.tell("llm_error", {"reason": failure, "retry_count": retry_count, "will_retry": will_retry})

    def nonsense(self, iteration: int, problem: str, count: int) -> None:
        self._events.tell("nonsense", {"iteration": iteration, "problem": problem, "count": count})

    def tool_stopped(self, iteration: int, call: ToolCall, result: Any, duration: int) -> None:
        self._seconds["tool"] += duration / 1e9
        super().tool_stopped(iteration, call, result, duration)

    def keep_findings(self) -> None:
        """Journal what this step has found so far."""
        before, now = self._before, self._role.findings
        self._before = now
        self._investigation.journal.found(now.gain_since(before), now.crashes)

    def step_finished(self, state: LoopState) -> None:
        before, now = self._before, self._role.findings
        self._before = now
        self._investigation.journal.stepped(
            state, lambda all_of_it: now.gain_since(None if all_of_it else before), now.crashes, self._seconds
        )


def tell_end(events: OperatorEvents, completion: Completion, duration: int) -> None:
    """Tell that a run has ended, after so many nanoseconds."""
    events.tell("loop_stopped", {"final_state": completion.state})
    telemetry.emit(
        ("beamlens", "operator", "run_stopped"),
        {"duration": duration},
        {
            "operator": completion.operator,
            "trace_id": completion.trace_id,
            "iteration": completion.iterations,
            "ending": completion.ending,
            "notification_count": len(completion.notifications),
        },
    )


def _either(wanted: int | None, otherwise: int) -> int:
    return otherwise if wanted is None else wanted
