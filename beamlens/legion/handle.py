"""What users hold of one agent."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import pykka

from beamlens.domain.ids import new_id
from beamlens.following import Follower
from beamlens.legion.agent import Agent
from beamlens.legion.content import content_of
from beamlens.legion.definition import made
from beamlens.legion.host import dismiss
from beamlens.legion.messages import Await, Cancel, Evaluate, GetMessages, Message, Status
from beamlens.legion.output import Output
from beamlens.legion.results import Cancelled, Ok, Result
from supervision import Ref, SupervisionError

__all__ = ["AgentHandle"]

_GLANCE: Final = 10.0
_EVALUATION: Final = 600.0


class AgentHandle:
    """Hold an agent. Any thread of the application.

    Args:
        ref: to it; follows restarts.
        agent_id: its id, which is also its run id.
        agent: its class.
        tree: names the registry of its tree.
    """

    def __init__(self, ref: Ref, agent_id: str, agent: type[Agent], tree: str) -> None:
        self.ref = ref
        self.agent_id = agent_id
        self.agent = agent
        self._tree = tree
        self._output = Output(made(agent).output_schema())

    def call(self, message: Any, *, timeout: float | None = None, deadline: float | None = None) -> Result:
        """Have it take a turn, after those that wait already, and return what it came to.

        A restart of the agent's process in the middle is not noticed here.

        Args:
            message: a text, an `Image`, a list of texts and images; anything else is shown as JSON.
            timeout: seconds to wait; then `pykka.Timeout` is raised, and the turn goes on.
            deadline: seconds for the turn, waiting for others included; then it is cancelled.
        """
        return self._typed(self._follower(message, deadline).wait(timeout))

    async def acall(self, message: Any, *, deadline: float | None = None) -> Result:
        """Do as `call`, from an event loop; cancelling the task cancels the turn."""
        follower = self._follower(message, deadline)
        try:
            return self._typed(await follower.await_())
        except asyncio.CancelledError:
            self.ref.tell(Cancel(follower.begin.call_id))
            raise

    def cast(self, message: Any, *, deadline: float | None = None) -> str:
        """Have it take a turn and do not wait; returns the turn's id, for `await_` and `cancel`.

        The message is kept until its turn comes, whatever happens to the process.
        """
        told = Message(new_id(), content_of(message, float("inf")), deadline, nobody_waits=True)
        self.ref.tell(told)
        return told.call_id

    def await_(self, call_id: str | None = None, *, timeout: float | None = None) -> Result | None:
        """Wait for a turn, and return what it came to; None where there is none, or it is forgotten.

        Args:
            call_id: what `cast` returned; None: the turn that is on, or that the agent went on with when resumed.
            timeout: seconds; then `pykka.Timeout` is raised.
        """
        while True:
            try:
                found = self.ref.ask(Await(call_id), timeout=timeout)
            except pykka.ActorDeadError:
                if not self.ref.is_alive():
                    return Cancelled("gone", "the agent has ended")
                continue
            return self._typed(found) if isinstance(found, Ok | Cancelled) else None

    def cancel(self, call_id: str | None = None) -> int:
        """Cancel a turn, by default all that are on or wait; return how many. They end as `Cancelled("cancelled")`."""
        return int(self.ref.ask(Cancel(call_id), timeout=_GLANCE))

    def get_messages(self) -> list[dict[str, Any]]:
        """Return the conversation, the system prompt first; answered at once, in the middle of a turn as well."""
        return list(self.ref.ask(GetMessages(), timeout=_GLANCE))

    def status(self) -> dict[str, Any]:
        """Return how it stands: `status`, `iteration`, `queued`, `usage` ..."""
        return dict(self.ref.ask(Status(), timeout=_GLANCE))

    def eval(self, code: str) -> tuple[bool, Any]:
        """Run Lua in the agent's sandbox with its tools, without a model; return (True, value) or (False, error)."""
        ok, value = self.ref.ask(Evaluate(code), timeout=_EVALUATION)
        return bool(ok), value

    def stop(self) -> None:
        """End it; what is kept of it stays. A turn that is on is cut off, and goes on when the agent is resumed."""
        try:
            dismiss(self._tree, self.agent_id)
        except (pykka.ActorDeadError, SupervisionError):
            return  # it has ended

    def _follower(self, message: Any, deadline: float | None) -> Follower[Any]:
        asked = Message(new_id(), content_of(message, float("inf")), deadline)

        def gone(reason: str, _deaths: int) -> Result:
            return Cancelled("gone", reason)

        return Follower(self.ref, asked, Await(asked.call_id), (Ok, Cancelled), gone)  # type: ignore[arg-type]

    def _typed(self, result: Any) -> Result:
        if isinstance(result, Cancelled) or self._output.is_default:
            return result  # type: ignore[no-any-return]
        return Ok(self._output.typed(result.value)) if result.value is not None else Ok(None)

    def __repr__(self) -> str:
        return f"<AgentHandle {self.agent.__name__} {self.agent_id}>"
