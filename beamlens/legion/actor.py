"""AgentActor: an agent in a process of its own. Its mailbox never waits; turns are taken one after another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import pykka

from beamlens.agent.control import Control
from beamlens.agent.worker import Job, Worker
from beamlens.legion import telemetry
from beamlens.legion.definition import Definition
from beamlens.legion.evaluation import Evaluator
from beamlens.legion.limits import LimitReached
from beamlens.legion.messages import AgentConfig, Await, Cancel, Evaluate, GetMessages, Message, Status
from beamlens.legion.resources import Resources
from beamlens.legion.results import Cancelled, Result
from beamlens.legion.state import Conversation, TurnState
from beamlens.legion.store.store import ClaimLost
from beamlens.legion.text import error_text, truncated
from beamlens.legion.tools.context import vault_values
from beamlens.legion.tools.office import Office, office
from beamlens.legion.transcript import as_dicts
from beamlens.legion.turn import Turn, Workshop
from beamlens.llm.environment import scrub
from beamlens.llm.model import ModelReply, ModelRequest
from beamlens.parts import Parts
from supervision import SHUTDOWN, Down, ProcessActor, ReplyFuture, shutdown

__all__ = ["AgentActor"]

_BROKEN: Final = "broken"
_IDLE: Final = "idle"
_MOST_CRASHES: Final = 5


class AgentActor(ProcessActor):
    """Be an agent: take turns when messages come, go on with the last one after a crash.

    Args:
        config: what it is.

    Raises:
        ConfigurationError: something in its class is not right; nothing is told of the agent then.
    """

    def __init__(self, config: AgentConfig) -> None:
        super().__init__(config)
        self.config = config
        self._parts = Parts(config.tree)
        self._conversation = Conversation()
        self._turn: Turn | None = None
        self._job: Job[TurnState] | None = None
        self._resumed: str | None = None
        self._failure: BaseException | None = None
        self._busy_until = time.monotonic()
        self._evaluations: list[threading.Thread] = []
        self._handlers: Mapping[type, Callable[[Any], Any]] = {
            Message: self._message,
            Await: self._await,
            Cancel: lambda message: self._worker.cancel(message.call_id),
            GetMessages: lambda _: self._when_ready(self._messages),
            Status: lambda _: self._when_ready(self._status),
            Evaluate: self._evaluate,
            Down: self._orphaned,
        }

    # -- life -----------------------------------------------------------------------------------

    def on_start(self) -> None:
        """Read the class, make itself known, begin to work."""
        config = self.config
        scrub(config.secrets)
        self._definition = Definition(config)
        self._resources = Resources(config, self._definition, self._parts, self.actor_ref)
        self._evaluator = self._resources.evaluator()
        self._worker: Worker[TurnState] = Worker(self._perform, self._break, self._resume, self._idle)
        self._parts.register(f"agent:{config.agent_id}")
        if config.parent is not None:
            self.monitor(config.parent)
        telemetry.set_run(config.agent_id, config.parent_id)
        self._tell("started")
        self._worker.start()

    def on_stop(self) -> None:
        """Cut off what is on; who resumes the agent goes on with it."""
        self._resources.ending = True
        if self._turn is not None:
            self._office.withdraw()
        self._worker.close()
        self._evaluator.close()
        self._tell("stopped")

    def _tell(self, what: str) -> None:
        telemetry.emit(("legion", "agent", what), {"system_time": time.time_ns()}, {"agent": self._definition.name})

    # -- messages -------------------------------------------------------------------------------

    def on_receive(self, message: Any) -> Any:
        """Answer, mostly later."""
        if message == _BROKEN and self._failure is not None:
            return self._fail(self._failure)
        if message == _IDLE:
            return self._retire()
        handler = self._handlers.get(type(message))
        return None if handler is None else handler(message)

    def _fail(self, failure: BaseException) -> None:
        if isinstance(failure, ClaimLost):
            self._resources.ending = True
            self.exit(shutdown(str(failure)))  # no successor: the agent goes on elsewhere
        raise failure

    def _orphaned(self, _: Down) -> None:
        self._end()

    def _message(self, message: Message) -> ReplyFuture:
        future = ReplyFuture()
        if message.nobody_waits:
            self._resources.accept(message)

        def begin() -> None:
            known = self._conversation.outcome(message.call_id)
            if known is not None:
                future.succeed(known)
            else:
                self._worker.submit(self._standing(message), Control(message.deadline), future)

        self._worker.when_ready(begin)
        return future

    def _standing(self, message: Message) -> TurnState:
        limit = self._definition.options.max_message_length
        content = replace(message.content, text=truncated(message.content.text, limit))
        return TurnState(message.call_id, content, message.deadline)

    def _await(self, message: Await) -> ReplyFuture:
        future = ReplyFuture()

        def unknown() -> None:
            # Who resumed the agent means the turn that it went on with, which may be over by now.
            resumed = self._resumed if message.call_id is None else None
            future.succeed(None if resumed is None else self._conversation.outcome(resumed))

        def attach() -> None:
            known = None if message.call_id is None else self._conversation.outcome(message.call_id)
            if known is not None:
                future.succeed(known)
            else:
                self._worker.attach(message.call_id, future, unknown)

        self._worker.when_ready(attach)
        return future

    def _when_ready(self, function: Callable[[], Any]) -> ReplyFuture:
        future = ReplyFuture()
        self._worker.when_ready(lambda: _settle(future, function()))
        return future

    def _messages(self) -> list[dict[str, Any]]:
        now = self._turn.conversation if self._turn is not None else self._conversation
        return as_dicts(self._definition.system, now.context)

    def _status(self) -> dict[str, Any]:
        turn = self._turn
        state = turn.conversation.turn if turn is not None else None
        return {
            "agent": self._definition.name,
            "agent_id": self.config.agent_id,
            "status": "running" if turn is not None else "idle",
            "iteration": state.iteration if state is not None else 0,
            "queued": self._worker.queued,
            "usage": self._resources.meter.used(),
        }

    def _evaluate(self, message: Evaluate) -> ReplyFuture:
        future = ReplyFuture()

        def work() -> None:
            self._enter()
            evaluator: Evaluator = self._resources.evaluator()
            try:
                self._resources.meter.evaluation()
                found = evaluator.evaluate(message.code, {}, Control(), keep=False)
                future.succeed((found.error is None, found.value if found.error is None else found.error.text))
            except LimitReached as reached:
                future.succeed((False, str(reached)))
            except BaseException as error:
                future.fail(error)
            finally:
                evaluator.close()
                self._busy_until = time.monotonic()

        self._evaluations = [thread for thread in self._evaluations if thread.is_alive()]
        self._evaluations.append(threading.Thread(target=work, name="legion-evaluate", daemon=True))
        self._evaluations[-1].start()
        return future

    # -- the run thread -------------------------------------------------------------------------

    def _enter(self) -> None:
        """Work in this agent's name on the calling thread."""
        telemetry.set_run(self.config.agent_id, self.config.parent_id)
        vault_values.set(self.config.vault)
        office.set(self._office)

    @property
    def _office(self) -> Office:
        def control() -> Control | None:
            return None if self._job is None else self._job.control

        most = self._definition.options.max_sub_agents
        return Office(self.config, self._parts, self.actor_ref, control, self._resources.sub_agents, most)

    def _resume(self) -> None:
        """Find out where the agent stood, and go on."""
        self._enter()
        found, waiting = self._resources.load()
        if found is not None:
            self._conversation = found
        turn = self._conversation.turn
        self._resumed = None if turn is None else turn.call_id
        if turn is not None and turn.crashes >= _MOST_CRASHES:
            self._give_up(turn)
        elif turn is not None:
            self._office.withdraw()  # what the former life asked people
            turn = replace(turn, crashes=turn.crashes + 1)
            self._conversation = replace(self._conversation, turn=turn)
            self._worker.submit(turn, Control(turn.deadline))
        for message in waiting:
            self._worker.submit(self._standing(message), Control(message.deadline))

    def _give_up(self, turn: TurnState) -> None:
        reason = f"the process died {turn.crashes} times in this turn"
        if turn.pending is not None:  # providers want an answer to each call
            told = f"The task was ended: {reason}."
            context = self._conversation.context.with_result(turn.pending.call_id, told, is_error=True)
            self._conversation = replace(self._conversation, context=context)
        self._conversation = self._conversation.ended(Cancelled("gone", reason), {})
        self._resources.save(self._conversation)
        self._resources.flush()

    def _perform(self, job: Job[TurnState]) -> Result:
        known = self._conversation.outcome(job.run_id)
        if known is not None:  # asked for again by who did not hear of it
            return known
        begun = self._conversation if job.standing.crashes else replace(self._conversation, turn=job.standing)
        definition, resources = self._definition, self._resources
        shop = Workshop(
            definition,
            self.config.agent_id,
            self._complete,
            self._evaluator.evaluate,
            resources.save,
            resources.flush,
            resources.meter,
        )
        self._job, self._turn = job, Turn(shop, begun, job.control)
        try:
            result = self._turn.run()
            self._conversation = self._turn.conversation
        finally:
            self._job = self._turn = None
            self._busy_until = time.monotonic()
        return result

    def _complete(self, request: ModelRequest, cancel: threading.Event | None = None) -> ModelReply:
        timer = self._evaluator.waiting()
        try:
            return self._resources.complete(request, cancel)
        finally:
            timer.cancel()

    def _idle(self) -> float | None:
        """Return how long the run thread may wait for a message."""
        waits = [self._evaluator.rest(), self._patience()]
        return min((wait for wait in waits if wait is not None), default=None)

    def _patience(self) -> float | None:
        """Return the seconds until the agent ends itself; at the end of them have that looked at."""
        most = self._definition.options.idle_timeout
        if most is None:
            return None
        left = self._busy_until + most - time.monotonic()
        if left > 0:
            return left
        self.actor_ref.tell(_IDLE)
        return most

    def _retire(self) -> None:
        """End in order, unless there is something to do by now; what is kept of the agent stays."""
        most = self._definition.options.idle_timeout
        rested = most is not None and time.monotonic() - self._busy_until >= most
        if rested and not any(thread.is_alive() for thread in self._evaluations):
            self._worker.attach(None, ReplyFuture(), self._end)

    def _end(self) -> None:
        self._resources.give_up()
        self.exit(SHUTDOWN)

    def _break(self, error: BaseException) -> None:
        """End the process; the next one goes on."""
        self._failure = error if isinstance(error, Exception) else RuntimeError(error_text(error))
        try:
            self.actor_ref.tell(_BROKEN)
        except pykka.ActorDeadError:
            return  # it ends already


def _settle(future: ReplyFuture, value: Any) -> None:
    future.succeed(value)
