"""Coordinator: an actor in a process of its own that sends operators out and correlates what they find."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from beamlens.agent.control import Control
from beamlens.agent.worker import Job, Worker
from beamlens.coordinator.events import CoordinatorEvents
from beamlens.coordinator.messages import (
    Await,
    Cancel,
    CoordinatorConfig,
    Investigate,
    Look,
    Outcome,
    SetMembers,
    Status,
)
from beamlens.coordinator.progress import Progress, restored
from beamlens.coordinator.session import Session, tell_end
from beamlens.domain import CoordinatorStatus, new_trace_id
from beamlens.journal.writer import JournalWriter, outcome_of, unfinished_runs
from beamlens.llm.environment import scrub
from beamlens.operator.messages import RunFinished, RunNotified
from beamlens.parts import Parts
from supervision import Down, ProcessActor, ReplyFuture

__all__ = ["Coordinator"]

_BROKEN: Final = "broken"
_OWNER: Final = "coordinator"


class Coordinator(ProcessActor):
    """Send operators out, correlate what they find, answer with insights.

    Its mailbox takes `Investigate`, `Await`, `Cancel`, `SetMembers` and `Status`, hears operators, and never waits:
    runs are led on a thread of their own, one after another.

    Args:
        config: what it is.
    """

    def __init__(self, config: CoordinatorConfig) -> None:
        super().__init__(config)
        self.config = config
        self._members = config.members
        self._parts = Parts(config.tree)
        self._events = CoordinatorEvents(self._standing)
        self._worker: Worker[Progress] = Worker(self._perform, self._break, self._resume, lambda: None)
        self._now: Session | None = None
        self._callers: dict[int, str] = {}
        self._scheduled: Any = None
        self._failure: BaseException | None = None
        self._handlers: Mapping[type, Callable[[Any], Any]] = {
            Investigate: self._investigate,
            Await: self._await,
            Cancel: self._cancel,
            SetMembers: self._set_members,
            Status: lambda _: self.status(),
            RunNotified: self._hear_notification,
            RunFinished: lambda _: None,  # the answer of the operator says the same, and is waited for
            Down: self._hear_down,
            Look: self._look_again,
        }

    def _standing(self) -> tuple[bool, int]:
        now = self._now
        return now is not None, 0 if now is None else len(now.role.progress.inbox)

    # -- life -----------------------------------------------------------------------------------

    def on_start(self) -> None:
        """Remove keys from this process, make itself known, begin to work."""
        scrub(self.config.secrets)
        self._parts.register("coordinator")
        self._events.tell("started")
        self._worker.start()

    def on_stop(self) -> None:
        """Cancel what is on."""
        self._worker.close()

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

    def _investigate(self, message: Investigate) -> ReplyFuture:
        future = ReplyFuture()
        progress = Progress(message).with_notifications(*message.notifications)
        control = self._control(progress)
        self._worker.when_ready(lambda: self._worker.submit(progress, control, future))
        return future

    def _control(self, progress: Progress) -> Control:
        """Return what ends a run: its deadline, and the end of who asked for it. Any thread."""
        asked = progress.asked
        if asked.caller is not None and asked.run_id not in self._callers.values():
            self._callers[self.monitor(asked.caller)] = asked.run_id
        return Control.since(asked.asked_at, asked.deadline if asked.deadline is not None else self.config.deadline)

    def _await(self, message: Await) -> ReplyFuture:
        future = ReplyFuture()

        def unknown() -> None:
            threading.Thread(target=self._look_up, args=(message.run_id, future), daemon=True).start()

        self._worker.when_ready(lambda: self._worker.attach(message.run_id, future, unknown))
        return future

    def _look_up(self, run_id: str | None, future: ReplyFuture) -> None:
        journal = self._parts.find("journal") if self.config.journal else None
        future.succeed(None if journal is None or run_id is None else outcome_of(journal, run_id))

    def _cancel(self, message: Cancel) -> int:
        if message.run_id is None:
            self._unschedule()
        return self._worker.cancel(message.run_id)

    def _set_members(self, message: SetMembers) -> None:
        self._members = message.members

    def _hear_notification(self, message: RunNotified) -> None:
        now = self._now
        if now is not None and any(run_id == message.run_id for _, run_id in now.role.progress.running):
            now.role.notified(message.operator, message.notification)

    def _hear_down(self, message: Down) -> None:
        run_id = self._callers.pop(message.monitor, None)
        if run_id is not None:
            self._worker.cancel(run_id, "caller_down")

    def status(self) -> CoordinatorStatus:
        """Return how it stands."""
        now = self._now
        if now is None:
            return CoordinatorStatus(queued=self._worker.queued, scheduled=self._scheduled is not None)
        progress = now.role.progress
        return CoordinatorStatus(
            running=True,
            notification_count=len(progress.inbox),
            unread_count=progress.unread,
            iteration=progress.loop.iteration,
            queued=self._worker.queued,
            running_operators=tuple(name for name, _ in progress.running),
            scheduled=self._scheduled is not None,
            trace_id=progress.run_id,
        )

    # -- later ----------------------------------------------------------------------------------

    def _schedule(self, ms: int, reason: str) -> None:
        self._unschedule()
        self._scheduled = self.send_after(ms / 1000.0, Look(reason))

    def _unschedule(self) -> None:
        timer, self._scheduled = self._scheduled, None
        if timer is not None:
            timer.cancel()

    def _look_again(self, message: Look) -> None:
        self._scheduled = None
        self._events.tell("scheduled_reinvoke", {"reason": message.reason})
        self._investigate(Investigate(run_id=new_trace_id(), context={"reason": message.reason}))

    # -- the run thread -------------------------------------------------------------------------

    def _resume(self) -> None:
        journal = self._parts.find("journal") if self.config.journal else None
        if journal is None:
            return
        for records in unfinished_runs(journal, _OWNER):
            progress = restored(records)
            if progress.crashes > self.config.max_crashes:
                self._give_up(progress, JournalWriter(journal, _OWNER, progress.run_id))
            else:
                self._worker.submit(progress, self._control(progress))

    def _give_up(self, progress: Progress, journal: JournalWriter) -> None:
        reason = f"the coordinator's process died {progress.crashes} times in this run"
        outcome = progress.outcome("crashed", reason)
        journal.ended(outcome)
        tell_end(CoordinatorEvents(lambda: (False, len(progress.inbox)), progress.run_id), outcome, 0)

    def _perform(self, job: Job[Progress]) -> Outcome:
        self._unschedule()
        session = Session(self.config, self._members, job.standing, job.control, self._parts, self.actor_ref)
        self._now = session
        try:
            return session.run()
        finally:
            self._now = None
            self._forget_caller(job.run_id)
            if session.role.schedule is not None:
                self._schedule(*session.role.schedule)

    def _forget_caller(self, run_id: str) -> None:
        for monitor in [number for number, run in list(self._callers.items()) if run == run_id]:
            del self._callers[monitor]
            self.demonitor(monitor)

    def _break(self, error: BaseException) -> None:
        """End the process: the run goes on in the next one."""
        self._failure = error if isinstance(error, Exception) else RuntimeError(repr(error))
        self.actor_ref.tell(_BROKEN)
