"""Agents that are not right, each in one way."""

from __future__ import annotations

from typing import Any

from beamlens import legion


class Locked:
    """Want a password."""

    def __init__(self, password: str) -> None:
        self._password = password

    def open(self) -> bool:
        """Open."""
        return bool(self._password)


class NoType(legion.Agent):
    """Its schema has a type there is none of."""

    def output_schema(self) -> Any:
        return {"type": "object", "properties": {"a": {"type": "text"}}}


class NoPattern(legion.Agent):
    """Its schema has a pattern that is none."""

    def output_schema(self) -> Any:
        return {"type": "string", "pattern": "("}


class NoSchema(legion.Agent):
    """Its schema is none."""

    def output_schema(self) -> Any:
        return 7


class NumberTool(legion.Agent):
    """Its tool is a number."""

    def tools(self) -> Any:
        return [3]


class NoTools(legion.Agent):
    """It forgot to return its tools."""

    def tools(self) -> Any:
        return None


class OneTool(legion.Agent):
    """Its tools are a text."""

    def tools(self) -> Any:
        return "Orders"


class NoPassword(legion.Agent):
    """Its tool has no configuration."""

    def tools(self) -> Any:
        return [Locked]


class NoConfig(legion.Agent):
    """Its configuration is none."""

    def config(self) -> Any:
        return None


class TextActions(legion.Agent):
    """Its actions are a text."""

    def action_types(self) -> Any:
        return "return"


class Flies(legion.Agent):
    """Its action is none."""

    def action_types(self) -> Any:
        return ["fly"]


class Endless(legion.Agent):
    """It could never end."""

    def action_types(self) -> Any:
        return ["eval_and_continue"]


class NumberPrompt(legion.Agent):
    """Its prompt is a number."""

    def system_prompt(self) -> Any:
        return 7


class WantsMore(legion.Agent):
    """It wants an argument."""

    def __init__(self, name: str) -> None:
        self.name = name
