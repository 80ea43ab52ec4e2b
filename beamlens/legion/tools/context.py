"""What a tool may know that generated code may not: its configuration, the agent's variables, the call it is in."""

from __future__ import annotations

import contextvars
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

__all__ = ["current_tool_config", "tool_configuration", "vault", "vault_values"]

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})

tool_configuration: Final[contextvars.ContextVar[Mapping[str, Any]]] = contextvars.ContextVar(
    "legion_tool_config", default=_NOTHING
)
vault_values: Final[contextvars.ContextVar[Mapping[str, Any]]] = contextvars.ContextVar(
    "legion_vault", default=_NOTHING
)


def current_tool_config() -> Mapping[str, Any]:
    """Return the configuration of the tool that runs now: what the agent's `tool_config(tool)` returned. In a tool."""
    return tool_configuration.get()


def vault() -> Mapping[str, Any]:
    """Return the values that the agent was started with as `vault={...}`. In a tool; never stored, never in prompts."""
    return vault_values.get()
