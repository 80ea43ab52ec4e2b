"""Legion: agents that solve a task by writing code, which runs in a sandbox.

    from beamlens import legion

    class Clerk(legion.Agent):
        \"\"\"You answer questions about orders.\"\"\"

        def tools(self):
            return [Orders]

    legion.execute(Clerk, "How many orders are open?")   # Ok(value=...) or Cancelled(reason=...)

Names are imported when they are first used.
"""

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING

if _TYPE_CHECKING:
    from beamlens.legion import telemetry as telemetry
    from beamlens.legion.agent import Agent as Agent
    from beamlens.legion.functions import aexecute as aexecute
    from beamlens.legion.functions import default_tree as default_tree
    from beamlens.legion.functions import execute as execute
    from beamlens.legion.functions import parallel as parallel
    from beamlens.legion.functions import pipeline as pipeline
    from beamlens.legion.functions import recover as recover
    from beamlens.legion.functions import resume as resume
    from beamlens.legion.functions import start as start
    from beamlens.legion.functions import start_agent as start_agent
    from beamlens.legion.functions import stop as stop
    from beamlens.legion.functions import then as then
    from beamlens.legion.guards import GuardContext as GuardContext
    from beamlens.legion.guards import LLMGuard as LLMGuard
    from beamlens.legion.guards import Verdict as Verdict
    from beamlens.legion.handle import AgentHandle as AgentHandle
    from beamlens.legion.legion import LegionTree as LegionTree
    from beamlens.legion.options import AgentOptions as AgentOptions
    from beamlens.legion.results import Cancelled as Cancelled
    from beamlens.legion.results import Ok as Ok
    from beamlens.legion.results import Result as Result
    from beamlens.legion.rules import Policy as Policy
    from beamlens.legion.rules import Rule as Rule
    from beamlens.legion.skill_tools import callback_docs as callback_docs
    from beamlens.legion.skill_tools import callbacks as callbacks
    from beamlens.legion.store.postgres import PostgresStore as PostgresStore
    from beamlens.legion.store.sqlite import SqliteStore as SqliteStore
    from beamlens.legion.store.store import Store as Store
    from beamlens.legion.tools.agent_tool import AgentTool as AgentTool
    from beamlens.legion.tools.context import current_tool_config as current_tool_config
    from beamlens.legion.tools.context import vault as vault
    from beamlens.legion.tools.function import ToolError as ToolError
    from beamlens.legion.tools.human_tool import HumanDesk as HumanDesk
    from beamlens.legion.tools.human_tool import HumanRequest as HumanRequest
    from beamlens.legion.tools.human_tool import HumanTool as HumanTool
    from beamlens.legion.tools.human_tool import terminal as terminal
    from beamlens.legion.tools.office import call_application as call_application
    from beamlens.legion.tools.tool import Tool as Tool
    from beamlens.legion.tree import Legion as Legion
    from beamlens.legion.tree import LegionOptions as LegionOptions
    from beamlens.llm.model import Image as Image

_HOMES = {
    "beamlens.legion.agent": ["Agent"],
    "beamlens.legion.functions": [
        "aexecute",
        "default_tree",
        "execute",
        "parallel",
        "pipeline",
        "recover",
        "resume",
        "start",
        "start_agent",
        "stop",
        "then",
    ],
    "beamlens.legion.guards": ["GuardContext", "LLMGuard", "Verdict"],
    "beamlens.legion.handle": ["AgentHandle"],
    "beamlens.legion.legion": ["LegionTree"],
    "beamlens.legion.options": ["AgentOptions"],
    "beamlens.legion.results": ["Cancelled", "Ok", "Result"],
    "beamlens.legion.rules": ["Policy", "Rule"],
    "beamlens.legion.skill_tools": ["callback_docs", "callbacks"],
    "beamlens.legion.store.postgres": ["PostgresStore"],
    "beamlens.legion.store.sqlite": ["SqliteStore"],
    "beamlens.legion.store.store": ["Store"],
    "beamlens.legion.tools.agent_tool": ["AgentTool"],
    "beamlens.legion.tools.context": ["current_tool_config", "vault"],
    "beamlens.legion.tools.function": ["ToolError"],
    "beamlens.legion.tools.human_tool": ["HumanDesk", "HumanRequest", "HumanTool", "terminal"],
    "beamlens.legion.tools.office": ["call_application"],
    "beamlens.legion.tools.tool": ["Tool"],
    "beamlens.legion.tree": ["Legion", "LegionOptions"],
    "beamlens.llm.model": ["Image"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted([*_HOME_OF, "telemetry"])  # noqa: PLE0605


def __getattr__(name: str) -> object:
    """Import a public name from the module that defines it."""
    if name == "telemetry":
        return _importlib.import_module("beamlens.legion.telemetry")
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'beamlens.legion' has no attribute {name!r}")
    found = getattr(_importlib.import_module(home), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """List the public names."""
    return sorted([*globals(), *_HOME_OF])
