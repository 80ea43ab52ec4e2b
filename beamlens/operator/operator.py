"""Operator: an actor in a process of its own that watches one subject."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

import pykka

from beamlens.agent.control import Control
from beamlens.agent.worker import Job, Worker
from beamlens.domain import Completion, OperatorStatus, new_trace_id
from beamlens.errors import SkillError
from beamlens.journal.writer import JournalWriter, outcome_of, unfinished_runs
from beamlens.llm.environment import scrub
from beamlens.operator.events import OperatorEvents
from beamlens.operator.findings import Findings, restored
from beamlens.operator.investigation import Investigation, tell_end
from beamlens.operator.messages import Await, Cancel, Invoke, OperatorConfig, Question, RunFinished, Status
from beamlens.operator.question import answer
from beamlens.operator.resources import Resources
from beamlens.parts import Parts
from supervision import ProcessActor, ReplyFuture, SupervisionError

__all__ = ["Operator"]

_REST: Final = 30.0  # seconds between the end of a run that was to last for good, and the next
_QUESTIONS: Final = 4
_BROKEN: Final = "broken"
_CONTINUOUS: Final = "continuous"


class Operator(ProcessActor):
    """Watch one subject: look closer when invoked, or for good, and report what is found.

    Its mailbox takes `Invoke`, `Await`, `Cancel`, `Question` and `Status`, and never waits: runs are performed on a
    thread of their own, one after another, so that it answers while a model is asked.

    Args:
        config: what it is.
    """

    def __init__(self, config: OperatorConfig) -> None:
        super().__init__(config)
        self.config = config
        self._parts = Parts(config.tree)
        self._resources = Resources(config, self._parts)
        self._events = OperatorEvents(config.name)
        self._worker: Worker[Findings] = Worker(self._perform, self._break, self._resume, self._idle)
        self._now: Investigation | None = None
        self._last: Investigation | None = None
        self._asking = threading.BoundedSemaphore(_QUESTIONS)
        self._failure: BaseException | None = None
        self._continuing: Findings | None = None
        self._handlers: Mapping[type, Callable[[Any], Any]] = {
            Invoke: self._invoke,
            Await: self._await,
            Cancel: lambda message: self._worker.cancel(message.run_id),
            Question: self._question,
            Status: lambda _: self.status(),
        }

    # -- life -----------------------------------------------------------------------------------

    def on_start(self) -> None:
        """Remove keys from this process, make itself known, begin to work."""
        scrub(self.config.secrets)
        self._resources.owner = self.actor_ref
        self._parts.register(f"operator:{self.config.name}")
        self._events.tell("started", {})
        self._worker.start()

    def on_stop(self) -> None:
        """Cancel what is on."""
        self._worker.close()
        self._resources.close()

    # -- messages -------------------------------------------------------------------------------

    def on_receive(self, message: Any) -> Any:
        """Answer, mostly later."""
        if message == _BROKEN and self._failure is not None:
            raise self._failure
        handler = self._handlers.get(type(message))
        if handler is None:
            self._events.tell("unexpected_message", {"message": repr(message)[:500]})
            return None
        return handler(message)

    def _invoke(self, message: Invoke) -> ReplyFuture:
        future = ReplyFuture()
        deadline = message.options.deadline if message.options.deadline is not None else self.config.deadline
        control = Control.since(message.asked_at, deadline)
        self._worker.when_ready(lambda: self._worker.submit(Findings(message), control, future))
        return future

    def _await(self, message: Await) -> ReplyFuture:
        future = ReplyFuture()

        def unknown() -> None:
            threading.Thread(target=self._look_up, args=(message.run_id, future), daemon=True).start()

        self._worker.when_ready(lambda: self._worker.attach(message.run_id, future, unknown))
        return future

    def _look_up(self, run_id: str | None, future: ReplyFuture) -> None:
        journal = self._resources.journal
        future.succeed(None if journal is None or run_id is None else outcome_of(journal, run_id))

    def _question(self, message: Question) -> ReplyFuture:
        future = ReplyFuture()
        if not self._asking.acquire(blocking=False):
            future.succeed({"error": f"{_QUESTIONS} questions are being answered already; ask again later"})
            return future

        def work() -> None:
            try:
                future.succeed(answer(self.config, self._resources, self._now or self._last, message))
            except Exception as error:
                future.fail(error)
            finally:
                self._asking.release()

        threading.Thread(target=work, name="beamlens-question", daemon=True).start()
        return future

    def status(self) -> OperatorStatus:
        """Return how it stands; between runs with what the last one said of the subject's health."""
        now = self._now
        seen = now or self._last
        return OperatorStatus(
            operator=self.config.name,
            state=seen.findings.state if seen is not None else "healthy",
            status="running" if now is not None else "idle",
            iteration=now.state.iteration if now is not None else 0,
            skill=self.config.skill,
            title=self.config.title,
            description=self.config.description,
            queued=self._worker.queued,
            trace_id=now.invoke.run_id if now is not None else None,
            notifications=len(now.findings.notifications) if now is not None else 0,
            pid=os.getpid(),
        )

    # -- the run thread -------------------------------------------------------------------------

    def _resume(self) -> None:
        journal = self._resources.journal
        if journal is None:
            return
        for records in unfinished_runs(journal, f"operator:{self.config.name}"):
            found = restored(records)
            if found.crashes > self.config.max_crashes:
                self._give_up(found)
            elif found.invoke.reason.get(_CONTINUOUS):
                self._continuing = found
            else:
                asked = found.invoke
                deadline = asked.options.deadline if asked.options.deadline is not None else self.config.deadline
                self._worker.submit(found, Control.since(asked.asked_at, deadline))

    def _give_up(self, found: Findings) -> None:
        reason = f"the operator's process died {found.crashes} times in this run"
        completion = found.completion(self.config.name, "crashed", reason)
        JournalWriter(self._resources.journal, f"operator:{self.config.name}", found.invoke.run_id).ended(completion)
        tell_end(OperatorEvents(self.config.name, found.invoke.run_id), completion, 0)
        self._tell_finished(found.invoke, completion)

    def _perform(self, job: Job[Findings]) -> Completion:
        investigation = Investigation(self.config, self._resources, job.standing, job.control)
        return self._run(investigation)

    def _run(self, investigation: Investigation) -> Completion:
        outer, self._now = self._now, investigation
        if outer is None:
            self._tell_status("idle", "running", investigation)
        completion = investigation.run()
        self._now, self._last = outer, investigation
        self._tell_finished(investigation.invoke, completion)
        if outer is None:
            self._tell_status("running", "idle", investigation)
        return completion

    def _tell_status(self, before: str, after: str, investigation: Investigation) -> None:
        investigation.events.tell("status_change", {"from": before, "to": after, "running": after == "running"})

    def _tell_finished(self, invoke: Invoke, completion: Completion) -> None:
        if invoke.notify is None:
            return
        try:
            invoke.notify.tell(RunFinished(self.config.name, invoke.run_id, completion))
        except (pykka.ActorDeadError, SupervisionError):
            return  # who wanted to know is gone

    def _idle(self) -> float | None:
        """Watch, if this operator is to watch for good; return the seconds to rest."""
        if not self.config.continuous:
            return None
        found, self._continuing = self._continuing, None
        investigation = Investigation(
            self.config,
            self._resources,
            found or Findings(Invoke(run_id=new_trace_id(), reason={_CONTINUOUS: True})),
            Control(),
            continuous=True,
            between=self._worker.perform_waiting,
            impatient=lambda: self._worker.waiting,
        )
        self._run(investigation)
        return _REST

    def _break(self, error: BaseException) -> None:
        """End the process: the run goes on in the next one."""
        self._failure = error if isinstance(error, Exception) else SkillError("raised", repr(error))
        self.actor_ref.tell(_BROKEN)
