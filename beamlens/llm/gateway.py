"""The one process that talks to providers: it alone has their libraries, the keys, and the budget.

ModelRequest -> ModelReply | ModelFailure      as values; nothing is raised at the asker
Cancel(id)                                     told; the connection of that request is closed
UsageQuery   -> UsageReport
SetBudget    -> True
Past         -> True                           what predecessors counted; taken once
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from beamlens import telemetry
from beamlens.errors import ConfigurationError
from beamlens.llm.budget import Budget
from beamlens.llm.model import ModelFailure, ModelRequest
from beamlens.llm.prices import DEFAULT_PRICES, Price
from beamlens.llm.registry import ClientRegistry, build, key_variables
from beamlens.llm.usage import Past, UsageQuery
from supervision import Down, ProcessActor, wire_value

if TYPE_CHECKING:
    from beamlens.llm.desk import Desk, Models

__all__ = ["Attend", "Cancel", "Gateway", "SetBudget"]

logger = logging.getLogger("beamlens.llm")

# They log each request, and at debug level whole conversations, which operators might then read as the application's.
_TALKATIVE: Final = ("anthropic", "httpx2", "httpcore2")


@wire_value
@dataclass(frozen=True, slots=True)
class Cancel:
    """Give up the request of this id; nothing happens when there is none."""

    id: str


@wire_value
@dataclass(frozen=True, slots=True)
class Attend:
    """Give up requests whose ids begin with a token once the actor that made them is gone.

    Args:
        owner: the actor.
        token: what no other actor's ids begin with.
    """

    owner: Any
    token: str


@wire_value
@dataclass(frozen=True, slots=True)
class SetBudget:
    """Set other limits; what was used so far stays counted."""

    budget: Budget


class Gateway(ProcessActor):
    """Answer `ModelRequest`s by asking providers, many at once.

    Its mailbox only hands requests over to an event loop on another thread, and so never waits.

    Args:
        registry: the clients, as `beamlens.llm.registry.validate` returns them.
        budget: limits; none where None.
        prices: by the model's name, in place of those of `DEFAULT_PRICES`, which stand for the others.
        concurrent: how many requests may be with providers at once.
        library_logs: whether the providers' libraries may log below warnings; conversations are told then, keys not.
    """

    tree = ""  # whose it is, where there are several; told with its events

    @classmethod
    def environment(cls, registry: Any, *_args: Any, **_kwargs: Any) -> Iterable[str]:
        """Return the names of the variables with the clients' keys. In the application."""
        return cls.key_names(registry)

    @classmethod
    def key_names(cls, registry: ClientRegistry) -> tuple[str, ...]:
        """Return the names of the variables with the clients' keys."""
        return key_variables(registry)

    def __init__(
        self,
        registry: ClientRegistry,
        budget: Budget | None = None,
        prices: Mapping[str, Price] | None = None,
        concurrent: int = 16,
        library_logs: bool = False,
    ) -> None:
        super().__init__()
        self.registry = registry
        self._budget = budget
        self._prices = {**DEFAULT_PRICES, **(prices or {})}
        self._concurrent = concurrent
        self._library_logs = library_logs
        self._knows_the_past = False
        self._attended: dict[str, int] = {}  # tokens and the monitors of their owners
        self._desk: Desk | None = None

    def build(self) -> Models:
        """Make the models of the registry, on a thread of its own."""
        from beamlens.llm.desk import Models

        return Models(build(self.registry, os.environ), self.registry.primary)

    def model_of(self, request: ModelRequest) -> str:
        """Return the model that will answer a request, as far as the registry says so; empty where it does not."""
        try:
            return request.model or self.registry.model(request.client)
        except ConfigurationError:  # no such client: the request will be refused
            return ""

    def client_names(self) -> list[str]:
        """Return the names in the registry."""
        return [client.name for client in self.registry.clients]

    def on_start(self) -> None:
        """Begin to serve."""
        # Here and not above: the application imports this module, and should not load an event loop for it.
        from beamlens.llm.budget import Ledger
        from beamlens.llm.desk import Desk
        from beamlens.llm.environment import erase_initial
        from beamlens.llm.secrets import Secrets

        names = self.key_names(self.registry)
        secrets = Secrets(os.environ[name] for name in names if name in os.environ)
        secrets.guard_logs()
        for name in () if self._library_logs else _TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)
        erase_initial(names)
        ledger = Ledger(self._budget, self._prices, model_of=self.model_of)
        self._desk = Desk(self.build, ledger, secrets, self._concurrent, self.tree)
        self._desk.start()
        about = {"pid": os.getpid(), "clients": self.client_names(), "tree": self.tree}
        telemetry.emit(("beamlens", "gateway", "started"), None, about)

    def on_stop(self) -> None:
        """Answer what is open and close the connections."""
        if self._desk is not None:
            self._desk.stop()

    def on_receive(self, message: Any) -> Any:
        """Hand a message over."""
        desk = self._desk
        assert desk is not None, "on_start has run before the first message"
        match message:
            case ModelRequest():
                return desk.serve(message)
            case Cancel():
                return desk.cancel(message.id)
            case Attend():
                return self._attend(message)
            case Down():
                return self._mourn(desk, message)
            case UsageQuery():
                return desk.call(lambda ledger: ledger.report())
            case SetBudget():
                return desk.call(lambda ledger: ledger.set_budget(message.budget))
            case Past():
                return self._remember(desk, message)
        # A value and no exception: told, it would end the gateway for everybody.
        logger.warning("the gateway was sent %s, which it does not know", type(message).__name__)
        text = f"the gateway does not know {type(message).__name__}; a ModelRequest is expected"
        return ModelFailure("invalid_request", text, retryable=False)

    def _attend(self, message: Attend) -> None:
        if message.token not in self._attended:
            self._attended[message.token] = self.monitor(message.owner)

    def _mourn(self, desk: Desk, down: Down) -> None:
        tokens = [token for token, monitor in self._attended.items() if monitor == down.monitor]
        for token in tokens:
            del self._attended[token]
            desk.cancel_all(token)

    def _remember(self, desk: Desk, past: Past) -> Any:
        if self._knows_the_past:
            return False
        self._knows_the_past = True
        return desk.call(lambda ledger: ledger.remember(past))
