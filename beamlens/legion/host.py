"""The application's end of an agents' tree: it starts agents for others and calls what the application offers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import pykka

from beamlens.legion.actor import AgentActor
from beamlens.legion.definition import config_of, find_agent, made
from beamlens.legion.messages import AgentConfig, CallApplication, StartAgent, StopAgent, Withdraw
from beamlens.legion.options import merged
from beamlens.legion.rules import Rule
from beamlens.legion.store.keeper import Drop, Load, Release
from beamlens.legion.store.store import Claim, Refused, Saved
from beamlens.legion.text import error_text
from beamlens.legion.tools.human_tool import HUMAN
from beamlens.llm.usage import Past, UsageTally
from beamlens.parts import Parts
from supervision import ChildSpec, Ref, Registry, ReplyFuture, RequestError, SupervisorRef

__all__ = ["Host", "Offices", "hire", "rules_of"]

logger = logging.getLogger("beamlens.legion")

_REGISTER: Final = "register"
_BUDGET: Final = (8, 30.0)
_STOP_SECONDS: Final = 10.0


@dataclass(slots=True)
class Offices:
    """Hold what the host needs and its restart must not lose. In the application.

    Args:
        owner: names this program in claims.
        lease_seconds: for which a claim holds.
        application: functions that tools may call, by name.
        human: answers questions to people.
        agents: the supervisor of the agents; set by the tree's handle.
    """

    owner: str
    lease_seconds: float
    application: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    human: Callable[..., Any] | None = None
    agents: SupervisorRef | None = None


def rules_of(config: AgentConfig) -> tuple[Rule, ...]:
    """Return the rate limits of an agent that is to be started. In the application."""
    return merged(config.defaults, config_of(made(find_agent(config.agent))), config.options).rate_limit


def hire(offices: Offices, config: AgentConfig) -> Ref:
    """Start an agent under its supervisor and return a ref that follows its restarts. A thread of the application.

    Raises:
        RequestError: `already_started`, `agent_mismatch` or `rate_limited`.
        StartError: its process did not start; nothing is left.
    """
    names, parts = Registry(config.tree), Parts(config.tree)
    store = parts.find("store")
    if store is None or offices.agents is None:
        raise RequestError("not_running", "this tree of agents does not run")
    known = names.whereis(f"agent:{config.agent_id}")
    if known is not None:
        raise RequestError(("already_started", known), f"agent {config.agent_id!r} runs already")
    claim = Claim(
        agent_id=config.agent_id,
        agent=config.agent,
        parent_id=config.parent_id,
        owner=offices.owner,
        seconds=offices.lease_seconds,
        rules=rules_of(config),
    )
    refused = store.ask(claim, timeout=_STOP_SECONDS)
    if isinstance(refused, Refused):
        raise RequestError((refused.reason, refused.violations), refused.detail)
    try:
        spec = ChildSpec(id=config.agent_id, start=(AgentActor, (config,)), restart="transient", own_budget=_BUDGET)
        started: Ref = offices.agents.start_child(spec)
    except BaseException:
        if names.whereis(f"agent:{config.agent_id}") is None:
            _give_up(store, config.agent_id)
        raise
    return started.following()


def _give_up(store: Ref, agent_id: str) -> None:
    """Let go of an agent that did not start; of a new one nothing is left."""
    saved = store.ask(Load(agent_id), timeout=_STOP_SECONDS)
    is_new = isinstance(saved, Saved) and saved.body is None and not saved.waiting
    store.tell(Drop(agent_id) if is_new else Release(agent_id))


def dismiss(tree: str, agent_id: str, *, forget: bool = False) -> bool:
    """End an agent and give it up; False where it does not run. A thread of the application.

    Args:
        tree: names the registry of the tree.
        agent_id: the agent.
        forget: whether nothing is kept of it.
    """
    found = Registry(tree).whereis(f"agent:{agent_id}")
    if found is not None:
        found.stop(block=True, timeout=_STOP_SECONDS)
    store = Parts(tree).find("store")
    if store is not None:
        with suppress(pykka.ActorDeadError, pykka.Timeout):  # then the claim ends by itself
            store.ask(Drop(agent_id) if forget else Release(agent_id), timeout=_STOP_SECONDS)
    return found is not None


class Host(pykka.ThreadingActor):
    """Serve the agents of a tree. A thread of the application; what takes time is done on threads of their own.

    Args:
        tree: names the registry of the tree.
        offices: outlives this actor.
        tally: counts what the tree's own gateway was used for, over its restarts; None: there is no own one.
        _kept: what else the tree's handle finds here.
    """

    def __init__(self, tree: str, offices: Offices, tally: UsageTally | None = None, **_kept: Any) -> None:
        super().__init__()
        self._tree = tree
        self._tally = tally
        self._offices = offices
        self._handlers: dict[type, Callable[[Any], Any]] = {
            StartAgent: lambda message: hire(offices, message.config),
            StopAgent: lambda message: dismiss(tree, message.agent_id, forget=True),
            CallApplication: self._call,
        }

    def on_start(self) -> None:
        """Make itself known, once it can be found; begin to count."""
        self.actor_ref.tell(_REGISTER)
        if self._tally is not None:
            self._tally.gateway = self.actor_ref
            self._tally.__enter__()

    def on_stop(self) -> None:
        """Count no more; the tally keeps what it has."""
        if self._tally is not None:
            self._tally.__exit__()

    def on_failure(self, *_: Any) -> None:
        """Count no more; the next host goes on."""
        self.on_stop()

    def on_receive(self, message: Any) -> Any:
        """Begin what was asked for; it is answered when it is done."""
        if message == _REGISTER:
            return Registry(self._tree).register("host")
        if isinstance(message, Past):
            return self._remind(message)
        if isinstance(message, Withdraw):  # here and now: a later question is none of those
            return self._withdraw(message)
        handler = self._handlers.get(type(message))
        if handler is None:
            raise LookupError(f"the host does not know {type(message).__name__}")
        future = ReplyFuture()

        def work() -> None:
            try:
                future.succeed(handler(message))
            except BaseException as error:  # the application's function may raise anything
                future.fail(error if isinstance(error, Exception) else RuntimeError(error_text(error)))

        threading.Thread(target=work, name="legion-host", daemon=True).start()
        return future

    def _withdraw(self, message: Withdraw) -> None:
        withdraw = getattr(self._offices.human, "withdraw", None)
        try:
            if withdraw is not None:
                withdraw(message.agent_id)
        except Exception:  # the handler is the user's
            logger.exception("questions of %s could not be withdrawn", message.agent_id)

    def _remind(self, past: Past) -> None:
        """Tell a gateway that was started again what its predecessors were used for."""
        gateway = Parts(self._tree).find("gateway")
        if gateway is not None:
            gateway.tell(past)

    def _call(self, message: CallApplication) -> Any:
        if message.name == HUMAN:
            if self._offices.human is None:
                raise LookupError("nobody answers questions here; start with human=, as in legion.start(human=...)")
            return self._offices.human(message.arguments[0], message.about, message.timeout)
        function = self._offices.application.get(message.name)
        if function is None:
            names = ", ".join(self._offices.application) or "none"
            raise LookupError(f"the application offers no function {message.name!r}; it offers: {names}")
        return function(*message.arguments)
