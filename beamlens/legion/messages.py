"""What agents, the host and the store's keeper say to each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from beamlens.legion.content import Content
from beamlens.legion.rules import Rule
from beamlens.llm.prices import Price
from supervision import Ref, wire_value

__all__ = [
    "AgentConfig",
    "Await",
    "CallApplication",
    "Cancel",
    "Evaluate",
    "GetMessages",
    "Message",
    "StartAgent",
    "Status",
    "StopAgent",
    "Withdraw",
]


@wire_value
@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """Say what an agent's process is to be.

    Args:
        agent: `module:Class`.
        agent_id: names the agent and its run.
        tree: names the registry of Legion's own parts: store, host, agents.
        services: names the registry in which the gateway and the sandbox are.
        parent_id: the agent that started it.
        parent: a ref to that one's process.
        depth: how many agents there are above it.
        defaults: options of the program.
        options: options of this start; the class' own stand between the two.
        vault: values for its tools.
        secrets: names of environment variables that it removes from its process.
        model: the name of the model as events tell it where the options name none.
        prices: of models, in place of the known ones or beside them.
        allow_reduced_sandbox: whether Lua may run where a defence of the sandbox is missing.
    """

    agent: str
    agent_id: str
    tree: str
    services: str
    parent_id: str | None = None
    parent: Ref | None = None
    depth: int = 0
    defaults: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    vault: dict[str, Any] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    model: str = ""
    prices: dict[str, Price] = field(default_factory=dict)
    allow_reduced_sandbox: bool = False


@wire_value
@dataclass(frozen=True, slots=True)
class Message:
    """Have an agent take a turn; asked, the answer is its result. A second one of the same id waits for the first.

    Args:
        call_id: names it.
        content: what is said.
        deadline: seconds for the turn, waiting for others included.
        nobody_waits: whether it is kept until its turn comes, since nobody would say it again.
    """

    call_id: str
    content: Content
    deadline: float | None = None
    nobody_waits: bool = False


@wire_value
@dataclass(frozen=True, slots=True)
class Await:
    """Wait for a turn; None where the agent knows of none of that id.

    Args:
        call_id: of the turn; None for the one that is on, or that the agent went on with when it was started.
    """

    call_id: str | None = None


@wire_value
@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel a turn, with None all of them; the answer says how many."""

    call_id: str | None = None


@wire_value
@dataclass(frozen=True, slots=True)
class GetMessages:
    """Ask for the conversation: a list of dicts with `role` and `content`, the system prompt first."""


@wire_value
@dataclass(frozen=True, slots=True)
class Status:
    """Ask how an agent stands: a dict."""


@wire_value
@dataclass(frozen=True, slots=True)
class Evaluate:
    """Run code in an agent's sandbox without a model; the answer is (ok, value or error text)."""

    code: str


@wire_value
@dataclass(frozen=True, slots=True)
class StartAgent:
    """Have the host start an agent of its own tree; the answer is a ref that follows restarts."""

    config: AgentConfig
    rules: tuple[Rule, ...] = ()


@wire_value
@dataclass(frozen=True, slots=True)
class StopAgent:
    """Have the host stop an agent that another one started, of which nothing is kept then."""

    agent_id: str


@wire_value
@dataclass(frozen=True, slots=True)
class Withdraw:
    """Tell the host that an agent waits no more for what it asked people."""

    agent_id: str


@wire_value
@dataclass(frozen=True, slots=True)
class CallApplication:
    """Have the host call a function that the application offers by name; the answer is what it returned."""

    name: str
    arguments: tuple[Any, ...] = ()
    about: dict[str, Any] = field(default_factory=dict)
    timeout: float | None = None
