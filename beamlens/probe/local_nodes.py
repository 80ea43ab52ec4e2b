"""A skill that asks the operating system, for each process of a group: one instance each, in the operator's process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from beamlens.errors import SkillError
from beamlens.probe.by_node import NodeReply, merged
from beamlens.probe.lifted import lifted_value
from beamlens.probe.messages import SNAPSHOT, Answer, Failed, NodeInfo
from beamlens.probe.remote import Access, LocalSkill

__all__ = ["LocalNodes"]

_FRESH: Final = 1.0  # seconds for which a list of nodes is good


class LocalNodes(Access):
    """Call a skill for any process of a group. Any thread.

    Args:
        make: makes the skill for a process id.
        listed: returns the processes there are, the own one first; raises `SkillError`.
        additive: paths of its figures that may be added up.
    """

    def __init__(
        self, make: Callable[[int], LocalSkill], listed: Callable[[], list[NodeInfo]], additive: Sequence[str]
    ) -> None:
        self._make = make
        self._listed = listed
        self._additive = additive
        self._lock = threading.Lock()
        self._skills: dict[tuple[str, int], LocalSkill] = {}
        self._nodes: list[NodeInfo] = []
        self._known_at = -_FRESH
        own = self.nodes()[0]
        self.name = self._skill(own).name

    def start(self) -> None:
        """Begin to look at all processes that there are now."""
        for node in self.nodes():
            self._skill(node).start()

    def nodes(self) -> list[NodeInfo]:
        """Return the processes there are, the own one first; what was known last where nobody says."""
        with self._lock:
            if time.monotonic() - self._known_at < _FRESH:
                return list(self._nodes)
        try:
            found = self._listed()
        except SkillError:
            if not self._nodes:
                raise
            found = list(self._nodes)
        with self._lock:
            self._nodes, self._known_at = found, time.monotonic()
            kept = {(node.name, node.pid) for node in found}
            gone = [self._skills.pop(key) for key in list(self._skills) if key not in kept]
        for skill in gone:
            skill.close(0.0)
        return list(found)

    def at(self, node: str) -> LocalSkill:
        """Return the skill of the process of this name.

        Raises:
            SkillError: there is none.
        """
        found = next((each for each in self.nodes() if each.name == node), None)
        if found is None:
            raise SkillError("bad_arguments", f"there is no node {node!r:.80}")
        return self._skill(found)

    def ask(self, name: str, args: Sequence[Any] = (), seconds: float | None = None) -> Answer:
        """Return the answer to any call, with what it cost; a snapshot is of all processes."""
        nodes = self.nodes()
        if name == SNAPSHOT:
            return self._snapshots(nodes, seconds)
        answer = self._skill(nodes[0]).ask(name, args, seconds)
        return replace(answer, value=lifted_value(name, answer.value))

    def close(self) -> None:
        """Stop all instances."""
        with self._lock:
            skills = list(self._skills.values())
            self._skills.clear()
        for skill in skills:
            skill.close()

    def _snapshots(self, nodes: list[NodeInfo], seconds: float | None) -> Answer:
        replies = [NodeReply(node.name, node.pid, self._snapshot(node, seconds)) for node in nodes]
        found = merged(replies, self._additive)
        if isinstance(found, Failed):
            raise SkillError(found.kind, found.text)
        return found

    def _snapshot(self, node: NodeInfo, seconds: float | None) -> Answer | Failed:
        try:
            return self._skill(node).ask(SNAPSHOT, (), seconds)
        except SkillError as error:
            return Failed(error.kind, error.text)

    def _skill(self, node: NodeInfo) -> LocalSkill:
        key = (node.name, node.pid)
        with self._lock:
            found = self._skills.get(key)
            if found is None:
                found = self._skills[key] = self._make(node.pid)
            return found
