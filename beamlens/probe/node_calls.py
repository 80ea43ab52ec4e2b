"""What Lua may call where a program has several processes: a skill's functions, of one node or another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Protocol

from beamlens.errors import SkillError
from beamlens.probe.messages import NodeInfo
from beamlens.probe.remote import SkillAccess

__all__ = ["NodeCalls", "ReachesNodes"]


class ReachesNodes(SkillAccess, Protocol):
    """Call a skill in any process of a group. Any thread; each call ends, with a result or a `SkillError`."""

    def nodes(self) -> list[NodeInfo]:
        """Return the processes there are, the own one first."""
        ...

    def at(self, node: str) -> SkillAccess:
        """Return the skill in the process of this name."""
        ...


class NodeCalls:
    """Hold which node the functions of one evaluation answer for. One evaluation's thread.

    Args:
        skill: the skill, wherever it runs.
        names: of its functions.
    """

    def __init__(self, skill: ReachesNodes, names: Iterable[str]) -> None:
        self._skill = skill
        self._names = tuple(names)
        self._chosen: SkillAccess = skill

    def callbacks(self) -> Mapping[str, Callable[..., Any]]:
        """Return the functions that Lua may call, by name."""
        own = {name: partial(self._call, name) for name in self._names}
        return {**own, "nodes": self._nodes, "use_node": self._use}

    def _call(self, name: str, *args: Any) -> Any:
        return self._chosen.call(name, *args)

    def _nodes(self) -> list[dict[str, Any]]:
        return [{**node.to_dict(), "own": number == 0} for number, node in enumerate(self._skill.nodes())]

    def _use(self, name: str | None = None) -> str:
        known = self._skill.nodes()
        if name is None:
            name = known[0].name
        if name not in [node.name for node in known]:
            there = ", ".join(node.name for node in known)
            raise SkillError("bad_arguments", f"use_node: there is no node {name!r:.80}; there are: {there}")
        self._chosen = self._skill.at(name)
        return name
