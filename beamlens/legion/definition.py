"""An agent's class made ready: its options, tools, prompt and schemas, read once when its process starts."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from beamlens.errors import ConfigurationError
from beamlens.legion.agent import Agent
from beamlens.legion.guards import GuardContext, guard_of
from beamlens.legion.messages import AgentConfig
from beamlens.legion.options import AgentOptions, merged
from beamlens.legion.output import Output
from beamlens.legion.prompt import system_prompt
from beamlens.legion.reply import ACTIONS, reply_tool
from beamlens.legion.tools.toolbox import Toolbox
from supervision.process.classes import load_class, main_name

__all__ = ["Definition", "address_of", "config_of", "find_agent", "made"]


def address_of(agent: Any) -> str:
    """Return `module:Class` of an agent's class, by which its process finds it.

    Raises:
        ConfigurationError: it is no agent's class, or another process could not find it.
    """
    if not (isinstance(agent, type) and issubclass(agent, Agent)) or agent is Agent:
        raise ConfigurationError(f"{agent!r} is no agent; a subclass of beamlens.legion.Agent is expected")
    if "<locals>" in agent.__qualname__:
        raise ConfigurationError(f"{agent.__qualname__} is defined in a function; move it to the top of its module")
    module = main_name() if agent.__module__ == "__main__" else agent.__module__
    return f"{module}:{agent.__qualname__}"


def find_agent(address: str) -> type[Agent]:
    """Return the class of an address, importing its module.

    Raises:
        SpecError: there is none.
        ConfigurationError: it is no agent.
    """
    found = load_class(address)
    if not issubclass(found, Agent):
        raise ConfigurationError(f"{address} is no agent; a subclass of beamlens.legion.Agent is expected")
    return found


def made(cls: type[Agent]) -> Agent:
    """Return an agent of a class.

    Raises:
        ConfigurationError: its `__init__` wants arguments, which nobody has.
    """
    try:
        return cls()
    except TypeError:
        _check_arguments(cls)
        raise


def _check_arguments(cls: type[Agent]) -> None:
    try:
        inspect.signature(cls).bind()
    except TypeError as error:
        raise ConfigurationError(f"{cls.__qualname__}() cannot be made: {error}; agents take no arguments") from error


def config_of(agent: Agent) -> Mapping[str, Any]:
    """Return the options of an agent's class.

    Raises:
        ConfigurationError: `config()` returned none.
    """
    given = agent.config()
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"config() returned {given!r:.80}; a mapping of options is expected")
    return given


class Definition:
    """Hold what an agent is, apart from what it has been through. Does not change; any thread.

    Args:
        config: of the agent's process.

    Raises:
        ConfigurationError: something in the class or its options is not right.
    """

    def __init__(self, config: AgentConfig) -> None:
        cls = find_agent(config.agent)
        agent = made(cls)
        self.name = f"{cls.__module__}.{cls.__qualname__}"
        self.options: AgentOptions = merged(config.defaults, config_of(agent), config.options)
        self.actions = _actions(agent.action_types())
        self.output = Output(agent.output_schema())
        self.toolbox = Toolbox(agent.tools(), agent.tool_config, self.options.tool_docs)
        self.guard: tuple[str, Callable[[str, GuardContext], object]] | None = guard_of(self.options.eval_guard)
        self.reply = reply_tool(self.actions, self.output.schema)
        self.system = _own_prompt(agent) or system_prompt(
            cls.role(), self.actions, self.options.binding_scope, self.toolbox.prompt
        )
        self.model = self.options.model or config.model


def _own_prompt(agent: Agent) -> str | None:
    given: Any = agent.system_prompt()
    if given is not None and not isinstance(given, str):
        raise ConfigurationError(f"system_prompt() returned {given!r:.80}; a text, or None, is expected")
    return given


def _actions(given: Sequence[str]) -> tuple[str, ...]:
    if not isinstance(given, list | tuple):
        raise ConfigurationError(f"action_types() returned {given!r:.80}; a list of {', '.join(ACTIONS)} is expected")
    found = tuple(dict.fromkeys(given))
    unknown = [action for action in found if action not in ACTIONS]
    if unknown or not found:
        said = unknown[0] if unknown else "nothing"
        raise ConfigurationError(f"action_types() has {said!r}; some of {', '.join(ACTIONS)} are expected")
    if set(found) == {"eval_and_continue"}:
        raise ConfigurationError("action_types() allows eval_and_continue alone, with which no task ever ends")
    return found
