"""A supervision tree of real processes, in the same few words as the simulated one."""

from __future__ import annotations

from typing import Any

from tests.conformance.real import Real
from tests.conformance.scenario import Player
from tests.conformance.tree import Tree

__all__ = ["RealTree", "close_all"]

_open: list[Real] = []


class RealTree(Tree):
    """Be a started supervisor of processes. See `Tree`."""

    sim: Any

    def __init__(self, *children: Any, by_class: bool = False, **flags: Any) -> None:
        self.sim = Real(by_class=by_class)
        _open.append(self.sim)
        self.player = Player({"flags": {"period": 3600, **flags}, "children": list(children)}, self.sim)
        first = self.player.begin()
        self.start = first["r"]
        self.ev = first["ev"]
        self.rep = first["rep"]

    @property
    def ref(self) -> Any:
        """The supervisor's handle."""
        return self.sim.tree

    def rest(self) -> None:
        """Come to rest and read what happened."""
        self.do("sleep", 0)


def close_all() -> None:
    """Leave none of the trees behind that a test made."""
    while _open:
        _open.pop().close()
