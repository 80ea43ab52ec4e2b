"""Agents that have others work, and one that cannot start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from beamlens import legion
from tests.beamlens.legion.agents import Clerk, Worker


class Lead(legion.Agent):
    """You lead."""

    def tools(self) -> Sequence[Any]:
        return [legion.AgentTool, legion.HumanTool]

    def tool_config(self, tool: Any) -> Mapping[str, Any]:
        if tool is legion.AgentTool:
            return {"agents": [Clerk, Worker]}
        return {"timeout": 10.0}

    def config(self) -> Mapping[str, Any]:
        return {"sandbox_timeout": 0.5, "max_sub_agents": 3}


class Broken(legion.Agent):
    """You never come to be."""

    def system_prompt(self) -> str:
        raise RuntimeError("the prompt cannot be built")


class Recursor(legion.Agent):
    """You have your own kind work."""

    def tools(self) -> Sequence[Any]:
        return [legion.AgentTool]

    def tool_config(self, tool: Any) -> Mapping[str, Any]:
        return {"agents": [Recursor]}


class Chief(legion.Agent):
    """You lead one who cannot start."""

    def tools(self) -> Sequence[Any]:
        return [legion.AgentTool]

    def tool_config(self, tool: Any) -> Mapping[str, Any]:
        return {"agents": [Clerk, Broken]}
