"""All tools of one agent: by the names that Lua calls, and as documentation for the model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from beamlens.errors import ConfigurationError
from beamlens.legion.tools.function import ToolError, ToolFunction
from beamlens.legion.tools.tool import BoundTool, tool_of

__all__ = ["HELP", "Toolbox"]

HELP = "help"


class Toolbox:
    """Hold an agent's tools. The agent's process; does not change once it is made.

    Args:
        tools: what `tools()` returned.
        config: `tool_config`.
        docs: `inline`, `source` or `on_demand`.

    Raises:
        ConfigurationError: a tool that cannot be one, or two of one name.
    """

    def __init__(self, tools: Iterable[Any], config: Callable[[Any], Mapping[str, Any]], docs: str = "inline") -> None:
        self._docs = docs
        self.tools: dict[str, BoundTool] = {}
        # No question of an abstract class here, nor elsewhere at an agent's start: to say no it looks at all classes
        # that there are, whose memory a forked process then has to copy.
        if isinstance(tools, str | bytes | dict) or not hasattr(tools, "__iter__"):
            raise ConfigurationError(f"tools() returned {tools!r:.80}; a list of tools is expected")
        for given in tools:
            tool = tool_of(given, config(getattr(given, "target", given)) or {})
            if tool.name in self.tools:
                raise ConfigurationError(
                    f'two tools are named {tool.name!r}; give one of them another name: Tool(..., name="...")'
                )
            self.tools[tool.name] = tool

    def functions(self) -> dict[str, tuple[BoundTool | None, ToolFunction]]:
        """Return each function with its tool, by the name that Lua calls; `help` belongs to none."""
        found: dict[str, tuple[BoundTool | None, ToolFunction]] = {
            name: (tool, function) for tool in self.tools.values() for name, function in tool.functions.items()
        }
        if self._docs == "on_demand" and self.tools:
            found[HELP] = (None, ToolFunction(HELP, self.help))
        return found

    @property
    def prompt(self) -> str:
        """Return what the model is told of the tools."""
        if not self.tools:
            return "There are no tools; code can only compute."
        if self._docs == "on_demand":
            lines = [f"- {tool.name}: {tool.summary or ', '.join(tool.functions)}" for tool in self.tools.values()]
            return 'Call `return help("NAME")` for the documentation of a tool before you use it.\n' + "\n".join(lines)
        if self._docs == "source":
            parts = [
                f"### {it.name}\n```python\n{it.source}```" if it.source else it.docs for it in self.tools.values()
            ]
            return "\n\n".join(parts)
        return "\n\n".join(tool.docs for tool in self.tools.values())

    def help(self, name: str = "") -> str:
        """Return the documentation of a tool; without a name, the names there are."""
        if not name:
            return ", ".join(self.tools)
        tool = self.tools.get(name)
        if tool is None:
            raise ToolError(f"there is no tool {name[:60]!r}; there are: {', '.join(self.tools)}")
        return tool.docs
