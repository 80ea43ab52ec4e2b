"""Legion: the subtree of supervisors and actors in which agents live.

    Legion                      one_for_one
    ├── store                   a thread of the application: keeps conversations, counts what is used
    ├── host                    a thread of the application: starts agents for agents, calls the application
    ├── sandbox                 a thread of the application: keeps the server that runs Lua
    ├── gateway                 a process: talks to models
    └── agents                  dynamic: a process each

With `beamlens=lens` the sandbox and the gateway are those of a running tree of BeamLens.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

from beamlens.errors import ConfigurationError
from beamlens.legion.actor import AgentActor
from beamlens.legion.guards import guard_of
from beamlens.legion.host import Host, Offices
from beamlens.legion.legion import LegionTree
from beamlens.legion.options import merged
from beamlens.legion.store.keeper import StoreKeeper
from beamlens.legion.store.sqlite import SqliteStore
from beamlens.legion.store.store import Store
from beamlens.llm.budget import Budget
from beamlens.llm.prices import Price
from beamlens.llm.registry import ClientRegistry, key_variables, validate
from beamlens.llm.usage import UsageTally
from beamlens.sandbox.keeper import SandboxKeeper
from beamlens.tree_parts import TreeGateway
from supervision import Backoff, ChildSpec, DynamicSupervisor, Supervisor, configure
from supervision.process.settings import current_settings

__all__ = ["Legion", "LegionOptions"]

_INTENSITY: Final = 20
_PERIOD: Final = 10
_REST: Final = Backoff(initial=0.01, factor=4.0, maximum=30.0)
_MODULES: Final = (AgentActor.__module__, TreeGateway.__module__)


@dataclass(frozen=True, kw_only=True)
class LegionOptions:
    """Hold the options of a tree.

    Args:
        provider, model, provider_options: of the one client; or
        client_registry: several clients, in the form of `Beamlens`.
        beamlens: the handle of a running tree whose gateway and sandbox are used; in place of a provider.
        budget: limits on calls, tokens and money of the gateway.
        prices: US dollars for a million tokens, by model.
        store: where conversations are kept: a path for SQLite, or a `Store`; None: in memory.
        recover: whether turns that another life of the program did not end are ended at the start.
        agents: options of all agents (see `AgentOptions`), before those of their classes.
        application: functions that tools may call by `call_application`.
        human: answers the questions of `HumanTool`: `terminal`, a `HumanDesk`, or a function of (question, about,
            timeout).
        lease_seconds: after which another program may take an agent over when this one is gone.
        allow_reduced_sandbox: run Lua where a defence of the sandbox is missing.

    Raises:
        ConfigurationError: what is wrong, and what is expected.
    """

    provider: str | None = None
    model: str | None = None
    provider_options: Mapping[str, Any] | None = None
    client_registry: Mapping[str, Any] | ClientRegistry | None = None
    beamlens: Any = None
    budget: Budget | None = None
    prices: Mapping[str, Price] | None = None
    store: Any = None
    recover: bool = False
    agents: Mapping[str, Any] = field(default_factory=dict)
    application: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    human: Callable[..., Any] | None = None
    lease_seconds: float = 30.0
    allow_reduced_sandbox: bool = False

    def __post_init__(self) -> None:
        merged(self.agents)
        guard = self.agents.get("eval_guard")
        if guard is not None and not isinstance(guard, str):
            raise ConfigurationError("an eval_guard for all agents crosses processes: give it as 'module:function'")
        guard_of(guard)

    def registry(self) -> ClientRegistry:
        """Return the checked client registry.

        Raises:
            ConfigurationError: it is wrong, or there is no model that writes code.
        """
        if self.beamlens is not None:
            found: ClientRegistry = self.beamlens.options.registry()
        else:
            found = validate(
                self.client_registry, provider=self.provider, model=self.model, options=self.provider_options
            )
        if found.client().provider == "rules":
            raise ConfigurationError(
                "Legion needs a model that writes code, which the rules are not: set ANTHROPIC_API_KEY, or start with "
                "legion.start(provider=..., model=...)"
            )
        return found

    def store_or_path(self) -> Store | Path:
        """Return the store, or where the one is that its keeper opens."""
        if isinstance(self.store, str | os.PathLike):
            return Path(self.store)
        return SqliteStore() if self.store is None else self.store


class Legion(Supervisor):
    """Have agents in a program.

        tree = Legion.start(provider="anthropic", store="agents.sqlite3")
        tree.execute(Clerk, "How many orders are open?")

    starts a tree by itself; `(Legion, {...})` among the children of a supervisor makes it a part of that tree, where
    `tree["Legion"]` is the `LegionTree`. The options are those of `LegionOptions`, and `name`.
    """

    handle: ClassVar[type[LegionTree]] = LegionTree

    @classmethod
    def start(cls, *, name: str | None = None, spares: int | None = None, **options: Any) -> LegionTree:  # type: ignore[override]
        """Start a tree by itself and return when all of it runs.

        Args:
            name: how reports and `beamlens ps` call it.
            spares: idle processes that wait for agents; see `Supervisor.start`.
            options: of `LegionOptions`.

        Raises:
            ConfigurationError: what is wrong, and what is expected.
            StartError: a part did not start.
        """
        checked = LegionOptions(**options)
        _prepare(checked)
        tree: Any = super().start(name=name or "legion", spares=spares, **options)
        if checked.recover:
            tree.recover(block=False)
        return tree  # type: ignore[no-any-return]

    @classmethod
    def child_spec(cls, *, name: str = "Legion", **options: Any) -> ChildSpec:
        """Return how this wants to be supervised: permanent, with a child id of `name`."""
        _prepare(LegionOptions(**options))
        return ChildSpec(id=name, start=(cls, (), options), type="supervisor")

    def init(self, **options: Any) -> Any:  # type: ignore[override]
        """Return the flags and the children; called at each start of the tree."""
        tree = f"legion.{secrets.token_hex(4)}"
        flags = {"strategy": "one_for_one", "intensity": _INTENSITY, "period": _PERIOD}
        return flags, _children(tree, LegionOptions(**options), options)


def _children(tree: str, options: LegionOptions, given: dict[str, Any]) -> list[ChildSpec]:
    registry = options.registry()
    offices = Offices(f"{tree}.{secrets.token_hex(8)}", options.lease_seconds, options.application, options.human)
    children = [
        _part(
            "store",
            StoreKeeper,
            tree=tree,
            store=options.store_or_path(),
            owner=offices.owner,
            lease_seconds=options.lease_seconds,
        ),
        _part(
            "host",
            Host,
            tree=tree,
            offices=offices,
            tally=UsageTally(tree=tree) if options.beamlens is None else None,
            options=given,
        ),
    ]
    if options.beamlens is None:
        prices = None if options.prices is None else dict(options.prices)
        children += [
            _part("sandbox", SandboxKeeper, tree=tree),
            _part("gateway", TreeGateway, registry=registry, budget=options.budget, prices=prices, tree=tree),
        ]
    agents = {"intensity": _INTENSITY, "period": _PERIOD}
    return [*children, ChildSpec(id="agents", start=(DynamicSupervisor, (), agents), type="supervisor")]


def _part(name: str, actor: type[Any], **kwargs: Any) -> ChildSpec:
    return ChildSpec(id=name, start=(actor, (), kwargs), backoff=_REST, healthy_after=60.0)


def _prepare(options: LegionOptions) -> None:
    """Keep keys out of every process but the gateway, have our modules imported before forks; where not too late."""
    known = current_settings()
    names = key_variables(options.registry())
    try:
        configure(
            withheld_env=tuple(dict.fromkeys((*known.withheld_env, *names))),
            preload=tuple(dict.fromkeys((*known.preload, *_MODULES))),
        )
    except RuntimeError:
        return
