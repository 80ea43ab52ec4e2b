"""What a user writes: an agent as a class whose docstring says what it is there for."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from beamlens.errors import ConfigurationError

if TYPE_CHECKING:
    from beamlens.legion.handle import AgentHandle

__all__ = ["Agent"]


class Agent:
    """Solve tasks by writing code. A subclass' docstring is the role that the model is told; it must have one.

        class Clerk(Agent):
            \"\"\"You answer questions about orders.\"\"\"

            def tools(self):
                return [Orders, prices]

        legion.execute(Clerk, "How many orders are open?")

    Define it at the top level of a module. The methods below are all optional and called once, without arguments but
    for `tool_config`, in the agent's own process.

    Raises:
        ConfigurationError: a subclass without a docstring.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not (cls.__doc__ or "").strip():
            raise ConfigurationError(f"{cls.__qualname__} has no docstring; it is what the model is told of its role")

    def tools(self) -> Sequence[Any]:
        """Return what code may call: modules, classes, objects, functions, or `Tool`s of these."""
        return ()

    def tool_config(self, tool: Any) -> Mapping[str, Any]:
        """Return what one of the tools is configured with, such as credentials; generated code cannot see it.

        A class whose `__init__` takes arguments is given them; any tool reads them by `current_tool_config()`.
        """
        return {}

    def system_prompt(self) -> str | None:
        """Return the system prompt in place of the generated one; None for that."""
        return None

    def output_schema(self) -> Any:
        """Return what results are: a JSON Schema, a dataclass, a pydantic model, or a type hint such as `list[str]`."""
        return {"type": "string"}

    def config(self) -> Mapping[str, Any]:
        """Return options; see `AgentOptions`."""
        return {}

    def action_types(self) -> Sequence[str]:
        """Return which of the four actions are allowed."""
        return ("eval_and_continue", "eval_and_complete", "return", "done")

    # -- for who uses it ------------------------------------------------------------------------

    @classmethod
    def role(cls) -> str:
        """Return the docstring, without its indentation."""
        return inspect.cleandoc(cls.__doc__ or "")

    @classmethod
    def start(cls, **options: Any) -> AgentHandle:
        """Start an agent of this class in the default tree; see `legion.start_agent`."""
        from beamlens.legion import functions

        return functions.start_agent(cls, **options)
