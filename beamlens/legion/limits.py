"""Counting what an agent uses, and stopping it where a rule says so."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from beamlens.legion.rules import Rule, Violation
from beamlens.legion.telemetry import emit
from beamlens.llm.model import ModelReply
from beamlens.llm.prices import DEFAULT_PRICES, Price, cost

__all__ = ["LimitReached", "Meter", "violation_data"]


class LimitReached(Exception):
    """A rule forbids what was about to be done."""

    def __init__(self, violations: tuple[Violation, ...]) -> None:
        super().__init__("; ".join(each.text for each in violations))
        self.data = [violation_data(each) for each in violations]


def violation_data(violation: Violation) -> dict[str, Any]:
    """Return a violation as plain data."""
    return {
        "identity": dict(violation.rule.identity),
        "policy": violation.rule.policy.to_dict(),
        "usage": violation.used.to_dict(),
        "violations": list(violation.limits),
    }


class Meter:
    """Count for one agent. Its run thread.

    Args:
        agent: its name.
        rules: that must hold.
        admit: (rules, what is asked for) -> violations; counts it where there are none.
        spend: (tokens, money); counts a request.
        prices: by the model's name.
    """

    def __init__(
        self,
        agent: str,
        rules: tuple[Rule, ...],
        admit: Callable[[tuple[Rule, ...], str], tuple[Violation, ...]],
        spend: Callable[[int, float], None],
        prices: Mapping[str, Price] = DEFAULT_PRICES,
    ) -> None:
        self._agent = agent
        self._rules = rules
        self._admit = admit
        self._spend = spend
        self._prices = prices
        self.tokens = 0
        self.money = 0.0
        self.requests = 0
        self.evaluations = 0

    def turn(self) -> None:
        """Ask for a turn. Raises `LimitReached`."""
        self._check("turn")

    def request(self) -> None:
        """Ask for a request to the model. Raises `LimitReached`."""
        self._check("request")

    def evaluation(self) -> None:
        """Ask for an evaluation. Raises `LimitReached`."""
        self._check("eval")
        self.evaluations += 1

    def spent(self, reply: ModelReply) -> None:
        """Count a request that was answered."""
        tokens = reply.usage.total_tokens
        money = cost(reply.model, reply.usage, self._prices) or 0.0
        self.requests += 1
        self.tokens += tokens
        self.money += money
        if self._rules:
            self._spend(tokens, money)

    def used(self) -> dict[str, Any]:
        """Return what the agent has used in all."""
        return {
            "requests": self.requests,
            "tokens": self.tokens,
            "evaluations": self.evaluations,
            "money": self.money,
        }

    def remember(self, used: Mapping[str, Any]) -> None:
        """Add what the agent used in former lives."""
        self.requests += int(used.get("requests", 0))
        self.tokens += int(used.get("tokens", 0))
        self.evaluations += int(used.get("evaluations", 0))
        self.money += float(used.get("money", 0.0))

    def _check(self, asked: str) -> None:
        if not self._rules:
            return
        found = self._admit(self._rules, asked)
        if not found:
            return
        for each in found:
            about = {"agent": self._agent, **violation_data(each)}
            emit(("legion", "rate_limit", "exceeded"), {"system_time": time.time_ns()}, about)
        raise LimitReached(found)
