"""Beamlens: the subtree of supervisors and actors; here everything is put together.

    Beamlens                    one_for_one
    ├── journal                 a thread of the application: where runs stand, and what they found
    ├── sandbox                 a thread of the application: keeps the server that runs Lua
    ├── probe                   a thread of the application: runs the skills
    ├── gateway                 a process: talks to models
    ├── operators               one_for_one
    │   ├── vm                  a process
    │   └── ...
    └── coordinator             a process

The parts find each other by name, whatever is restarted, so the death of one never stops the work of another longer
than its own restart takes.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar, Final

from beamlens.coordinator.coordinator import Coordinator
from beamlens.journal.journal import Journal, Listeners
from beamlens.journal.store import JournalStore
from beamlens.lens import Lens, member_of, operator_spec
from beamlens.llm.usage import UsageTally
from beamlens.operator.operator import Operator
from beamlens.options import OperatorPlan, Options
from beamlens.probe.specs import SkillSet
from beamlens.redact import Redactor
from beamlens.sandbox.keeper import SandboxKeeper
from beamlens.tree_parts import TreeGateway, TreeProbe
from supervision import Backoff, ChildSpec, Supervisor, configure
from supervision.process.settings import current_settings

__all__ = ["Beamlens"]

_INTENSITY: Final = 20  # with the waits between restarts, more than any part can use up
_PERIOD: Final = 10
_MODULES: Final = (Operator.__module__, Coordinator.__module__, TreeGateway.__module__)
_REST: Final = Backoff(initial=0.01, factor=4.0, maximum=30.0)


class Beamlens(Supervisor):
    """Look at this program from the inside.

        Beamlens.start(operators=["vm", "gc", RedisSkill])

    starts a tree by itself; `(Beamlens, {"operators": [...]})` among the children of a supervisor makes it a part of
    that tree, where `tree["Beamlens"]` is the `Lens`. The options are those of `Options`, and `name`.
    """

    handle: ClassVar[type[Lens]] = Lens

    @classmethod
    def start(cls, *, name: str | None = None, spares: int | None = None, **options: Any) -> Lens:  # type: ignore[override]
        """Start a tree by itself and return when all of it runs.

        Args:
            name: how reports and `beamlens ps` call it.
            spares: idle processes that wait for restarts; see `Supervisor.start`.
            options: of `Options`.

        Raises:
            ConfigurationError: what is wrong, and what is expected.
            StartError: a part did not start.
        """
        _prepare(Options(**options))
        return super().start(name=name or "beamlens", spares=spares, **options)  # type: ignore[return-value]

    @classmethod
    def child_spec(cls, *, name: str = "Beamlens", **options: Any) -> ChildSpec:
        """Return how this wants to be supervised: permanent, with a child id of `name`."""
        checked = Options(**options)
        checked.plans("")
        _prepare(checked)
        return ChildSpec(id=name, start=(cls, (), options), type="supervisor")

    def init(self, **options: Any) -> Any:  # type: ignore[override]
        """Return the flags and the children; called at each start of the tree."""
        tree = f"beamlens.{secrets.token_hex(4)}"
        checked = Options(**options)
        flags = {"strategy": "one_for_one", "intensity": _INTENSITY, "period": _PERIOD}
        return flags, _children(tree, checked, checked.plans(tree))


def _children(tree: str, options: Options, plans: list[OperatorPlan]) -> list[ChildSpec]:
    skills = SkillSet(plan.spec for plan in plans)
    specs = [operator_spec(plan) for plan in plans]
    members = tuple(member_of(spec, skills) for spec in specs)
    coordinator = replace(options.coordinator_config(tree), members=members)
    operators = {"children": specs, "intensity": _INTENSITY, "period": _PERIOD}
    return [
        _part("journal", Journal, tree=tree, options=options, **_keepers(options)),
        _part("sandbox", SandboxKeeper, tree=tree),
        _part("probe", TreeProbe, tree=tree, skills=skills, redact=Redactor(**options.redaction).redact),
        _part(
            "gateway",
            TreeGateway,
            registry=options.registry(),
            budget=options.budget,
            prices=None if options.prices is None else dict(options.prices),
            tree=tree,
        ),
        ChildSpec(id="operators", start=(Supervisor, (), operators), type="supervisor"),
        _part("coordinator", Coordinator, config=coordinator),
    ]


def _part(name: str, actor: type[Any], **kwargs: Any) -> ChildSpec:
    return ChildSpec(id=name, start=(actor, (), kwargs), backoff=_REST, healthy_after=60.0)


def _keepers(options: Options) -> dict[str, Any]:
    return {"store": JournalStore(options.directory()), "listeners": Listeners(), "tally": UsageTally()}


def _prepare(options: Options) -> None:
    """Keep the providers' keys out of every process but the gateway, and have our modules imported before forks.

    Only where it is not too late: where actors run already, operators and the coordinator remove the keys from their
    own processes, and our modules are learned after the first start.
    """
    known = current_settings()
    try:
        configure(
            withheld_env=_joined(known.withheld_env, options.key_names()), preload=_joined(known.preload, _MODULES)
        )
    except RuntimeError:
        return


def _joined(one: Iterable[str], other: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*one, *other)))
