"""An agent whose tool has a password."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from beamlens import legion


class Door:
    """Open a door."""

    def __init__(self, password: str) -> None:
        self._password = password

    def open(self) -> str:
        """Open it."""
        assert legion.current_tool_config()["password"] == self._password
        return f"{legion.vault()['user']} opened with {len(self._password)} letters"


def peek() -> int:
    """Return how much there is to see."""
    return len(legion.current_tool_config())


class Keeper(legion.Agent):
    """You open doors."""

    def tools(self) -> Sequence[Any]:
        return [Door, peek]

    def tool_config(self, tool: Any) -> Mapping[str, Any]:
        return {"password": "hunter2"} if tool is Door else {}
