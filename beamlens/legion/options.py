"""How an agent works: the defaults of Legion 0.4.0, what the program, the agent's class and its start say instead."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Literal

from beamlens.errors import ConfigurationError
from beamlens.legion.rules import Rule
from beamlens.legion.text import check_limit

__all__ = ["AgentOptions", "BindingScope", "merged"]

BindingScope = Literal["iteration", "turn", "conversation"]
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "binding_scope": ("iteration", "turn", "conversation"),
    "tool_docs": ("inline", "source", "on_demand"),
    "persistence": ("step", "turn"),
    "interrupted": ("tell", "rerun"),
}
_COUNTS: Final = (
    *("max_iterations", "sandbox_max_heap", "max_bindings_bytes", "max_sub_agents", "max_tokens"),
    *("compaction_max_tokens", "compaction_keep_last"),
)
_SECONDS: Final = ("sandbox_timeout", "request_seconds", "idle_timeout")
_OR_NONE: Final = ("compaction_max_tokens", "idle_timeout")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentOptions:
    """Say how an agent works.

    Args:
        model: the model's name; None: the client's own.
        client: the name of a client in the registry; None: the primary one.
        max_iterations: steps of a turn that go on, 10 as in Legion.
        max_retries: failures in a row that are fed back, 3 as in Legion.
        sandbox_timeout: seconds for the Lua of one evaluation, and as many for its tools together, 60 as in Legion; the
            time in which a person or another agent is waited for does not count.
        binding_scope: how long Lua's globals last: `iteration`, `turn` (Legion's default) or `conversation`.
        max_message_length: bytes of one message to the model, 20,000 as in Legion; `math.inf` for any.
        sandbox_max_heap: bytes of memory for one evaluation.
        max_bindings_bytes: of all globals that last.
        max_sub_agents: that an agent may have at a time.
        tool_docs: `inline` (signatures and docstrings in the prompt), `source`, or `on_demand` (names only; the model
            calls `help`).
        persistence: whether the conversation is saved after each `step` or only at the ends of a `turn`.
        interrupted: what is done with code that was being evaluated when the process died: `tell` the model, which
            knows best whether to repeat it, or `rerun` it.
        eval_guard: a callable or `module:function`, or an object with `check`; see `guards`.
        rate_limit: rules that all must hold.
        request_seconds: for one request to the model, and for a guard.
        retry_waits: seconds before a further request when one has failed.
        max_tokens: the longest reply.
        compaction_max_tokens: the size from which on a conversation is shortened; None for never.
        compaction_keep_last: how many messages stay as they are then.
        idle_timeout: seconds without a turn after which the agent ends itself; None for never.

    Raises:
        ConfigurationError: a value that cannot be.
    """

    model: str | None = None
    client: str | None = None
    max_iterations: int = 10
    max_retries: int = 3
    sandbox_timeout: float = 60.0
    binding_scope: BindingScope = "turn"
    max_message_length: float = 20_000
    sandbox_max_heap: int = 64 * 1024 * 1024
    max_bindings_bytes: int = 1024 * 1024
    max_sub_agents: int = 10
    tool_docs: Literal["inline", "source", "on_demand"] = "inline"
    persistence: Literal["step", "turn"] = "step"
    interrupted: Literal["tell", "rerun"] = "tell"
    eval_guard: Any = None
    rate_limit: tuple[Rule, ...] = ()
    request_seconds: float = 60.0
    retry_waits: tuple[float, ...] = (1.0, 2.0)
    max_tokens: int = 4096
    compaction_max_tokens: int | None = 100_000
    compaction_keep_last: int = 5
    idle_timeout: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "max_message_length", check_limit(self.max_message_length))
        object.__setattr__(self, "rate_limit", _rules(self.rate_limit))
        object.__setattr__(self, "retry_waits", tuple(self.retry_waits))
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ConfigurationError(f"{name} is {getattr(self, name)!r}; one of {', '.join(choices)} is expected")
        for name in _given(self, _COUNTS):
            _check_whole(name, getattr(self, name), 1)
        _check_whole("max_retries", self.max_retries, 0)
        for name in _given(self, _SECONDS):
            _check_seconds(name, getattr(self, name))


def merged(*layers: Mapping[str, Any]) -> AgentOptions:
    """Return the options that layers of them make; a later layer goes before an earlier one.

    Raises:
        ConfigurationError: an unknown option, or a value that cannot be.
    """
    found = AgentOptions()
    for layer in layers:
        check_known(layer)
        found = replace(found, **layer)
    return found


def check_known(given: Mapping[str, Any]) -> None:
    """Raise for a name that is no option.

    Raises:
        ConfigurationError: it names the options there are.
    """
    known = {field.name for field in fields(AgentOptions)}
    unknown = sorted(set(given) - known)
    if unknown:
        raise ConfigurationError(f"an agent has no option {unknown[0]!r}; it has: {', '.join(sorted(known))}")


def _given(options: AgentOptions, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if name not in _OR_NONE or getattr(options, name) is not None]


def _check_seconds(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ConfigurationError(f"{name} is {value!r}; seconds above 0 are expected")


def _check_whole(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigurationError(f"{name} is {value!r}; a whole number from {least} up is expected")


def _rules(given: Any) -> tuple[Rule, ...]:
    rules = (given,) if isinstance(given, Rule) else tuple(given)
    for rule in rules:
        if not isinstance(rule, Rule):
            raise ConfigurationError(f"rate_limit has {rule!r}; Rule(identity, Policy(...)) is expected")
    return rules
