"""Legion's tools for operators: as the callbacks of a skill, with their documentation.

class Shop(beamlens.Skill):
    def callbacks(self):
        return legion.callbacks(Orders)

    def callback_docs(self):
        return legion.callback_docs(Orders)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from beamlens.legion.tools.function import ToolFunction
from beamlens.legion.tools.tool import BoundTool, tool_of

__all__ = ["callback_docs", "callbacks"]


def callbacks(*tools: Any, config: Mapping[str, Any] | None = None) -> dict[str, Callable[..., Any]]:
    """Return the functions of tools by the names that operators call: `orders_find` for `Orders.find`.

    Args:
        tools: as an agent's `tools()` returns them.
        config: for the tools whose classes take arguments.
    """
    return {
        _flat(name): _plain(function) for tool in _bound(tools, config) for name, function in tool.functions.items()
    }


def callback_docs(*tools: Any, config: Mapping[str, Any] | None = None) -> str:
    """Return the documentation of tools under the names that operators call."""
    parts = []
    for tool in _bound(tools, config):
        for name, function in tool.functions.items():
            parts.append(f"### {_flat(name)}\n{function.docs.replace(name, _flat(name), 1)}")
    return "\n\n".join(parts)


def _bound(tools: tuple[Any, ...], config: Mapping[str, Any] | None) -> list[BoundTool]:
    return [tool_of(tool, config or {}) for tool in tools]


def _flat(name: str) -> str:
    tool, dot, function = name.rpartition(".")
    return f"{tool.lower()}_{function}" if dot else function


def _plain(function: ToolFunction) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        return function(arguments)

    call.__name__ = function.name
    call.__doc__ = function.docs
    return call
