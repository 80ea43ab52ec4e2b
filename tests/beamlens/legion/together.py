"""A skill with Legion's tools, and an agent that asks operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from beamlens import legion
from beamlens.skills.skill import Skill


class Orders:
    """Know the orders."""

    def count(self) -> int:
        """Return how many there are."""
        return 2


class ShopSkill(Skill):
    """Watch the shop."""

    id = "shop"
    title = "Shop"
    description = "The shop."
    system_prompt = "You watch a shop."

    def snapshot(self) -> Mapping[str, Any]:
        return {"orders": 2}

    def callbacks(self) -> Mapping[str, Any]:
        return legion.callbacks(Orders)

    def callback_docs(self) -> str:
        return legion.callback_docs(Orders)


class Operators:
    """Ask the operators that look at the application."""

    def ask(self, question: str) -> list[str]:
        """Have a question investigated; returns what was observed."""
        return list(legion.call_application("investigate", question, timeout=60.0))


class Reporter(legion.Agent):
    """You answer questions about the application."""

    def tools(self) -> Sequence[Any]:
        return [legion.Tool(Operators, waits=True)]
