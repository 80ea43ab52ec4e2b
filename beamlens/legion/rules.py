"""Rate limits as values: whom a rule counts together, what it allows them, and what was exceeded."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any, Final

from beamlens.errors import ConfigurationError
from supervision import wire_value

__all__ = ["Policy", "Rule", "Used", "Violation", "exceeded"]

_LIMITS: Final = ("max_agents", "max_running_agents", "max_tokens", "max_evals", "max_money")


@wire_value
@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Say what is allowed; None is any number, 0 is none.

    Args:
        window_seconds: a rolling window.
        max_agents: agents that were started in the window.
        max_running_agents: turns that are on at the same time, whatever the window.
        max_tokens: of requests in the window; a request that is on may go beyond it, no further one is begun.
        max_evals: evaluations in the window.
        max_money: US dollars in the window, as far as prices are known; as `max_tokens`.

    Raises:
        ConfigurationError: a number that cannot be.
    """

    window_seconds: float
    max_agents: int | None = None
    max_running_agents: int | None = None
    max_tokens: int | None = None
    max_evals: int | None = None
    max_money: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.window_seconds < math.inf:
            raise ConfigurationError(f"window_seconds is {self.window_seconds!r}; seconds above 0 are expected")
        for name in _LIMITS:
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ConfigurationError(f"{name} is {value!r}; a number from 0 up, or None, is expected")

    def to_dict(self) -> dict[str, Any]:
        """Return what is limited, as plain data."""
        return {each.name: getattr(self, each.name) for each in fields(self) if getattr(self, each.name) is not None}


@wire_value
@dataclass(frozen=True, slots=True)
class Rule:
    """Limit all agents together whose identity has these entries; an empty identity means everybody.

    Args:
        identity: such as `{"customer": "7"}`; texts.
        policy: what they are allowed.

    Raises:
        ConfigurationError: an identity that is no mapping of texts.
    """

    identity: dict[str, str]
    policy: Policy

    def __post_init__(self) -> None:
        if not isinstance(self.identity, dict) or not all(
            isinstance(key, str) and isinstance(value, str) for key, value in self.identity.items()
        ):
            raise ConfigurationError(f"the identity of a rule is {self.identity!r}; a dict of texts is expected")


@wire_value
@dataclass(frozen=True, slots=True)
class Used:
    """Count what an identity used in a window."""

    agents: int = 0
    running: int = 0
    tokens: int = 0
    evals: int = 0
    money: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


@wire_value
@dataclass(frozen=True, slots=True)
class Violation:
    """Say which rule forbids something.

    Args:
        rule: the rule.
        used: what was used.
        limits: names of the policy's limits that are reached.
    """

    rule: Rule
    used: Used
    limits: tuple[str, ...] = field(default=())

    @property
    def text(self) -> str:
        """Return it as a sentence."""
        who = ", ".join(f"{key}={value}" for key, value in self.rule.identity.items()) or "everybody"
        named = ", ".join(f"{name} {getattr(self.rule.policy, name)}" for name in self.limits)
        return f"the limit for {who} is reached: {named} in {self.rule.policy.window_seconds:g} seconds"


def exceeded(rule: Rule, used: Used, asked: str) -> tuple[str, ...]:
    """Return the names of the limits that forbid one more; pure.

    Args:
        rule: with the limits.
        used: what was used without what is asked for.
        asked: `agent` (a start), `turn`, `request` or `eval`.
    """
    policy = rule.policy
    counts = {
        "max_agents": used.agents if asked == "agent" else None,
        "max_running_agents": used.running if asked == "turn" else None,
        "max_tokens": used.tokens if asked in ("turn", "request") else None,
        "max_money": used.money if asked in ("turn", "request") else None,
        "max_evals": used.evals if asked in ("turn", "eval") else None,
    }
    found = []
    for name, count in counts.items():
        most = getattr(policy, name)
        if count is not None and most is not None and count >= most:
            found.append(name)
    return tuple(found)
