"""What a user may say about a tree, checked and completed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

from beamlens.coordinator.messages import CoordinatorConfig
from beamlens.coordinator.strategy import check_strategy
from beamlens.domain.ids import node_name
from beamlens.errors import ConfigurationError
from beamlens.journal.store import default_directory
from beamlens.llm.budget import Budget
from beamlens.llm.prices import Price
from beamlens.llm.registry import ClientRegistry, key_variables, validate
from beamlens.operator.messages import OperatorConfig
from beamlens.option_checks import check_names, check_values
from beamlens.probe.specs import SkillSpec, skill_spec
from beamlens.skills.catalog import address_of, default_names

__all__ = ["OperatorPlan", "Options", "plan_operator"]

_OWN: Final = frozenset({"name", "skill", "skill_options"})
_SHARED: Final = frozenset(
    {"compaction_keep_last", "compaction_max_tokens", "continuous", "deadline", "max_iterations", "pace"}
)
_SETTABLE: Final = _SHARED | {"client", "model"}


@dataclass(frozen=True, slots=True)
class OperatorPlan:
    """Hold one operator's configuration and its skill."""

    config: OperatorConfig
    spec: SkillSpec


@dataclass(frozen=True, kw_only=True)
class Options:
    """Hold the options of a tree.

    Args:
        operators: names of built-in skills, classes of skills, or mappings with `skill` and optionally `name`,
            `skill_options` and options of the operator; None for those that need no configuration.
        provider, model, provider_options: of the one client; or
        client_registry: several clients in BeamLens' form.
        budget: limits on calls, tokens and money; None for none.
        prices: US dollars for a million tokens, by model.
        max_iterations: steps of one run of an operator.
        deadline: seconds for one run of an operator; None for none.
        compaction_max_tokens, compaction_keep_last: when a conversation is shortened, and what is kept of it.
        continuous: whether operators run from the start; an operator's own option goes before it.
        pace: seconds between two snapshots, for the rules provider.
        retry_waits: seconds before each further attempt of a call of the model.
        request_seconds: for one call of the model.
        coordinator: options of the coordinator: `strategy`, `max_iterations`, `deadline`, `client`, `model`,
            `compaction_max_tokens`, `compaction_keep_last`.
        journal: whether unfinished runs are kept, in memory, to go on after a crash.
        transcripts: where transcripts of runs are written: a directory, True for the user's state directory, or False.
        redaction: options of `Redactor`: `patterns`, `keys`, `values`.
        control: whether `beamlens ps` and the other commands find this tree.
        allow_reduced_sandbox: run Lua where a defence of the sandbox is missing; `beamlens doctor` says which.
        group: a name that several processes of one application on one host have in common: one of them is elected to
            run the operators, which then look into all of them. None: each process has operators of its own.
        node: how findings name this process among those of the group; None: `host:pid`.

    Raises:
        ConfigurationError: what is wrong, and what is expected.
    """

    operators: Iterable[Any] | None = None
    provider: str | None = None
    model: str | None = None
    provider_options: Mapping[str, Any] | None = None
    client_registry: Mapping[str, Any] | ClientRegistry | None = None
    budget: Budget | None = None
    prices: Mapping[str, Price] | None = None
    max_iterations: int = 25
    deadline: float | None = None
    compaction_max_tokens: int = 50_000
    compaction_keep_last: int = 5
    continuous: bool = False
    pace: float = 1.0
    retry_waits: tuple[float, ...] = (1.0, 2.0)
    request_seconds: float = 60.0
    coordinator: Mapping[str, Any] = field(default_factory=dict)
    journal: bool = True
    transcripts: str | os.PathLike[str] | bool = True
    redaction: Mapping[str, Any] = field(default_factory=dict)
    control: bool = True
    allow_reduced_sandbox: bool = False
    group: str | None = None
    node: str | None = None

    def __post_init__(self) -> None:
        check_values("Beamlens", {each.name: getattr(self, each.name) for each in fields(self)})
        if isinstance(self.operators, str) or not isinstance(self.operators, Iterable | None):
            raise ConfigurationError(f"operators is {self.operators!r}; a list is expected, such as ['vm', MySkill]")
        for name in ("coordinator", "redaction"):
            if not isinstance(getattr(self, name), Mapping):
                raise ConfigurationError(f"{name} is {getattr(self, name)!r}; a mapping of options is expected")

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Options:
        """Return the options that were given, all of them checked.

        Raises:
            ConfigurationError: what is wrong, and what is expected.
        """
        check_names("Beamlens", given, ("name", "spares", *(each.name for each in fields(cls))))
        options = cls(**given)
        options.registry()
        options.plans("")
        options.coordinator_config("")
        return options

    def registry(self) -> ClientRegistry:
        """Return the checked client registry."""
        return validate(self.client_registry, provider=self.provider, model=self.model, options=self.provider_options)

    def key_names(self) -> tuple[str, ...]:
        """Return the names of the environment variables that only the gateway is to have."""
        return key_variables(self.registry())

    def directory(self) -> Path | None:
        """Return where transcripts go."""
        if self.transcripts is False:
            return None
        return default_directory() if self.transcripts is True else Path(os.fspath(self.transcripts))

    def plans(self, tree: str) -> list[OperatorPlan]:
        """Return the operators' configurations.

        Raises:
            ConfigurationError: an unknown skill, an unknown option, or two operators of one name.
        """
        given = default_names() if self.operators is None else list(self.operators)
        found: dict[str, OperatorPlan] = {}
        for each in given:
            plan = plan_operator(each, self, tree)
            if plan.config.name in found:
                raise ConfigurationError(
                    f"two operators are named {plan.config.name!r}; give one of them another name: "
                    '{"name": "...", "skill": ...}'
                )
            found[plan.config.name] = plan
        return list(found.values())

    def coordinator_config(self, tree: str) -> CoordinatorConfig:
        """Return the coordinator's configuration."""
        allowed = {
            "strategy",
            "max_iterations",
            "deadline",
            "client",
            "model",
            "compaction_max_tokens",
            "compaction_keep_last",
        }
        check_names("coordinator", self.coordinator, allowed)
        check_values("coordinator", self.coordinator)
        check_strategy(self.coordinator.get("strategy", "agent_loop"))
        return CoordinatorConfig(
            tree=tree,
            retry_waits=tuple(self.retry_waits),
            request_seconds=self.request_seconds,
            journal=self.journal,
            secrets=self.key_names(),
            node=node_name(),
            **self.coordinator,
        )


def plan_operator(given: Any, options: Options, tree: str) -> OperatorPlan:
    """Return the configuration of one operator.

    Args:
        given: as in `Options.operators`.
        options: of the tree.
        tree: names the tree's registry.

    Raises:
        ConfigurationError: what is wrong, and what is expected.
    """
    own: Mapping[str, Any] = given if isinstance(given, Mapping) else {"skill": given}
    check_names("operator", own, _OWN | _SETTABLE)
    check_values(f"operator {own.get('name', own.get('skill'))!r}", own)
    if "skill" not in own:
        raise ConfigurationError(f'{given!r} names no skill; {{"name": "db", "skill": MyDb}} is expected')
    kwargs = own.get("skill_options", {})
    found = skill_spec((own["skill"], dict(kwargs)) if kwargs else own["skill"])
    spec = replace(found, name=str(own.get("name", found.name)))
    local = spec.skill.runs_in == "operator"
    settings: dict[str, Any] = {name: own.get(name, getattr(options, name)) for name in _SHARED}
    settings |= {name: own.get(name) for name in ("client", "model")}
    config = OperatorConfig(
        name=spec.name,
        skill=spec.name,
        tree=tree,
        title=spec.skill.title,
        description=spec.skill.description,
        local_skill=address_of(spec.skill) if local else None,
        skill_options=dict(spec.kwargs) if local else {},
        pid=os.getpid(),
        node=node_name(),
        retry_waits=tuple(options.retry_waits),
        request_seconds=options.request_seconds,
        journal=options.journal,
        secrets=options.key_names(),
        allow_reduced_sandbox=options.allow_reduced_sandbox,
        redaction=dict(options.redaction),
        grouped=options.group is not None and not spec.skill.machine_wide,
        **settings,
    )
    return OperatorPlan(config, spec)
