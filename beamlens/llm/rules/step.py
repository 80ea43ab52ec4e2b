"""What a policy chose: one tool, and why, or a text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from beamlens.llm.model import ModelRequest

__all__ = ["Step", "count", "fitted", "listed", "steps_left"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a policy.

    Args:
        tool: the tool's name; empty where the answer is a text.
        arguments: of the tool.
        text: why, or the answer; every reply says it beside the call.
    """

    tool: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    text: str = ""


def steps_left(facts: Mapping[str, Any]) -> int:
    """Return how many steps may follow this one; a large number where there is no limit."""
    most, now = facts.get("max_iterations"), facts.get("iteration")
    if not isinstance(most, int) or most <= 0 or not isinstance(now, int):
        return 1_000_000
    return max(0, most - now - 1)


def listed(facts: Mapping[str, Any], name: str) -> list[Any]:
    """Return a list among the facts; an empty one where there is none."""
    found = facts.get(name)
    return list(found) if isinstance(found, list | tuple) else []


def count(facts: Mapping[str, Any], name: str, default: float) -> float:
    """Return a number among the facts, or the default where there is none."""
    found = facts.get(name)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else default


def fitted(step: Step, request: ModelRequest) -> dict[str, Any]:
    """Return the step's arguments as its tool's schema takes them.

    A tool may know fewer fields (`additionalProperties` false), and strict ones want every field, with null for none.
    """
    schema = next((tool.parameters for tool in request.tools if tool.name == step.tool), {})
    arguments = dict(step.arguments)
    if schema.get("additionalProperties") is False:
        known = schema.get("properties", {})
        arguments = {name: value for name, value in arguments.items() if name in known}
    for name in schema.get("required", ()):
        arguments.setdefault(name, None)
    return arguments
