"""What users hold of one operator."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

import pykka

from beamlens.domain import Completion, Notification, OperatorStatus, RunStatus, new_trace_id
from beamlens.following import Follower
from beamlens.journal.journal import Listeners
from beamlens.operator.messages import (
    Await,
    Cancel,
    Invoke,
    OperatorConfig,
    Question,
    RunNotified,
    RunOptions,
    Status,
)
from beamlens.option_checks import check_names, check_values
from supervision import Ref, ReplyFuture, SupervisionError

__all__ = ["OperatorHandle", "RunHandle", "invocation", "reason_of"]

_GLANCE = 2.0  # seconds that an operator gets to say how it stands


class RunHandle:
    """Hold a run that was begun: iterate it for its notifications as they are sent, then take its `completion`.

    Any thread of the application; one iterates at a time.
    """

    def __init__(self, run_id: str, told: queue.SimpleQueue[Any], outcome: ReplyFuture) -> None:
        self.run_id = run_id
        self._told = told
        self._outcome = outcome
        self._over = False

    def __iter__(self) -> Iterator[Notification]:
        """Yield notifications until the run has ended; once it has, all of them."""
        seen: set[str] = set()
        while not self._over and isinstance(told := self._told.get(), RunNotified):
            seen.add(told.notification.id)
            yield told.notification
        self._over = True
        # What was told while the operator's process died may have been lost; the completion has it.
        yield from (found for found in self.wait().notifications if found.id not in seen)

    @property
    def completion(self) -> Completion | None:
        """Return what the run came to; None while it is on."""
        return self.wait() if self._outcome.done else None

    def wait(self, timeout: float | None = None) -> Completion:
        """Return what the run came to.

        Raises:
            pykka.Timeout: it did not end in so many seconds; it goes on.
        """
        return self._outcome.get(timeout=timeout)  # type: ignore[no-any-return]


class OperatorHandle:
    """Hold an operator. Any thread of the application.

    Args:
        config: the operator's.
        ref: to it; follows restarts.
        journal: who hands on what it tells; a ref.
        listeners: who listens to which run.
    """

    def __init__(self, config: OperatorConfig, ref: Ref, journal: Ref, listeners: Listeners) -> None:
        self.config = config
        self.name = config.name
        self.ref = ref
        self._journal = journal
        self._listeners = listeners

    def run(self, context: Any = None, *, timeout: float | None = None, **options: Any) -> Completion:
        """Have it investigate, and return what that came to.

        Args:
            context: what to look into: a text, or a mapping with `reason`; None: look around.
            timeout: seconds to wait; then `pykka.Timeout` is raised and the run goes on.
            options: of `RunOptions`: `max_iterations`, `deadline` (seconds), `client`, `model`,
                `compaction_max_tokens`, `compaction_keep_last`.
        """
        return self.follower(invocation(context, options)).wait(timeout)

    async def arun(self, context: Any = None, **options: Any) -> Completion:
        """Do as `run`, from an event loop; cancelling the task cancels the run."""
        import asyncio  # here and not above: a program without an event loop should not import one

        invoke = invocation(context, options)
        try:
            return await self.follower(invoke).await_()
        except asyncio.CancelledError:
            self.ref.tell(Cancel(invoke.run_id))
            raise

    def run_async(self, context: Any = None, **options: Any) -> RunHandle:
        """Begin an investigation and return at once; the handle yields notifications as they are sent."""
        invoke = invocation(context, options, self._journal)
        told = self._listeners.listen(invoke.run_id)
        outcome = ReplyFuture()

        def follow() -> None:
            try:
                outcome.succeed(self.follower(invoke).wait())
            except Exception as error:
                outcome.fail(error)
            self._listeners.tell(invoke.run_id, None)
            self._listeners.forget(invoke.run_id)

        threading.Thread(target=follow, name=f"beamlens-follow-{self.name}", daemon=True).start()
        return RunHandle(invoke.run_id, told, outcome)

    def await_(self, run_id: str | None = None, *, timeout: float | None = None) -> Completion | None:
        """Wait for a run, by default the one that is on; None where there is none."""
        answer = self.ref.ask(Await(run_id), timeout=timeout)
        return answer if isinstance(answer, Completion) else None

    def message(self, text: str, *, timeout: float = 30.0) -> dict[str, Any]:
        """Ask it a question; it answers from what it has seen so far, also while a run is on.

        Returns:
            `response` (or `error`), `state`, `iteration`, `skill`, `operator`.
        """
        return dict(self.ref.ask(Question(text, timeout), timeout=timeout + _GLANCE))

    async def amessage(self, text: str, *, timeout: float = 30.0) -> dict[str, Any]:
        """Do as `message`, from an event loop."""
        return dict(await self.ref.aask(Question(text, timeout), timeout=timeout + _GLANCE))

    def status(self) -> OperatorStatus:
        """Return how it stands; `restarting` or `busy` where it does not answer."""
        try:
            status = self.ref.ask(Status(), timeout=_GLANCE)
        except pykka.Timeout:
            return self._silent("busy" if self.ref.pid is not None else "restarting")
        except (pykka.ActorDeadError, SupervisionError):
            return self._silent("restarting" if self.ref.is_alive() else "stopped")
        return status  # type: ignore[no-any-return]

    def _silent(self, status: RunStatus) -> OperatorStatus:
        config = self.config
        return OperatorStatus(
            self.name, status=status, skill=config.skill, title=config.title, description=config.description
        )

    def cancel(self, run_id: str | None = None) -> int:
        """Cancel a run, by default all of them; return how many there were."""
        return int(self.ref.ask(Cancel(run_id), timeout=_GLANCE))

    def follower(self, invoke: Invoke) -> Follower[Completion]:
        """Return what stays with a run until it ends."""

        def gone(reason: str, deaths: int) -> Completion:
            why = f"the operator is gone: {reason}"
            return Completion(self.name, "crashed", trace_id=invoke.run_id, reason=why, crashes=deaths)

        return Follower(self.ref, invoke, Await(invoke.run_id), Completion, gone)

    def __repr__(self) -> str:
        return f"<operator {self.name}>"


def reason_of(context: Any) -> dict[str, Any]:
    """Return a context as a mapping: a text is a `reason`."""
    if context is None:
        return {}
    return dict(context) if isinstance(context, Mapping) else {"reason": str(context)}


def invocation(context: Any, options: Mapping[str, Any], notify: Ref | None = None) -> Invoke:
    """Return what begins a run of an operator.

    Raises:
        ConfigurationError: an option is none, or cannot be so.
    """
    check_names("a run of an operator", options, (each.name for each in fields(RunOptions)))
    check_values("a run of an operator", options)
    return Invoke(run_id=new_trace_id(), reason=reason_of(context), options=RunOptions(**options), notify=notify)
