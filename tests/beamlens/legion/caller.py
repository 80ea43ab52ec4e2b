"""An agent whose tool asks the application, and one that does not wait long for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from beamlens import legion


class Bridge:
    """Ask the application."""

    def ask(self, number: int) -> int:
        """Add a number to the application's."""
        return int(legion.call_application("add", number))


class Caller(legion.Agent):
    """You ask the application."""

    def tools(self) -> Sequence[Any]:
        return [Bridge]


class Impatient(legion.Agent):
    """You wait for nobody."""

    def tools(self) -> Sequence[Any]:
        return [legion.HumanTool]

    def tool_config(self, tool: Any) -> Mapping[str, Any]:
        return {"timeout": 0.3}
