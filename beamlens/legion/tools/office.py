"""What the tools that reach beyond their own process need: the application's end, and who asks."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from beamlens.agent.control import Control
from beamlens.legion.messages import AgentConfig, CallApplication, Withdraw
from beamlens.legion.tools.function import ToolError
from beamlens.parts import Parts
from supervision import Ref, ReplyFuture, RequestError, SupervisionError

__all__ = ["Office", "call_application", "office"]

_GLANCE: Final = 0.05


@dataclass(slots=True)
class Office:
    """Hold what an agent's tools reach others by. The agent's process.

    Args:
        config: of the agent.
        parts: finds the host.
        ref: to the agent itself.
        control: returns the control of the turn that is on.
        sub_agents: refs and classes by the ids of those that this agent started.
        max_sub_agents: that there may be at a time.
    """

    config: AgentConfig
    parts: Parts
    ref: Ref
    control: Callable[[], Control | None]
    sub_agents: dict[str, tuple[Ref, str]]
    max_sub_agents: int

    def wait(self, future: ReplyFuture, timeout: float | None = None) -> Any:
        """Return an answer, unless the turn is cancelled before.

        Raises:
            TimeoutError: it did not come in so many seconds.
            ToolError: the turn was cancelled.
        """
        left = float("inf") if timeout is None else timeout
        while not future.wait(min(_GLANCE, max(left, 0.0))):
            left -= _GLANCE
            control = self.control()
            if control is not None and (control.cancelled.is_set() or control.remaining() == 0.0):
                raise ToolError("cancelled")
            if left <= 0:
                raise TimeoutError(f"no answer within {timeout:g} seconds")
        return future.get(timeout=0)

    def ask_host(self, message: Any, timeout: float | None = None) -> Any:
        """Ask the host, in the application."""
        host = self.parts.find("host")
        if host is None:
            raise ToolError("the program that this agent belongs to does not answer")
        return self.wait(host.ask(message, block=False), timeout)

    def withdraw(self) -> None:
        """Tell the host that nothing that was asked of people is waited for. Does not wait."""
        host = self.parts.find("host")
        if host is not None:
            host.tell(Withdraw(self.config.agent_id))


office: Final[contextvars.ContextVar[Office | None]] = contextvars.ContextVar("legion_office", default=None)


def current_office() -> Office:
    """Return the office of the agent whose tool runs.

    Raises:
        ToolError: no agent's tool does.
    """
    found = office.get()
    if found is None:
        raise ToolError("this works in the tools of a running agent only")
    return found


def withdraw() -> None:
    """Take back what the agent asked people. In a tool."""
    current_office().withdraw()


def call_application(name: str, *arguments: Any, timeout: float | None = 60.0) -> Any:
    """Call a function that the application offers: `legion.start(application={name: function})`. In a tool.

    Args:
        name: of the function.
        arguments: what a message can carry.
        timeout: seconds; None for as long as it takes.

    Raises:
        ToolError: there is no such function, it raised, or took too long.
    """
    here = current_office()
    about = {"agent": here.config.agent, "agent_id": here.config.agent_id}
    try:
        return here.ask_host(CallApplication(name, arguments, about, timeout), timeout)
    except TimeoutError as error:
        raise ToolError(f"{name}: {error}") from error
    except (SupervisionError, RequestError, LookupError) as error:
        raise ToolError(f"{name}: {error}") from error
