"""The probe of a process that may be one of several: it looks into all of them, each within its own time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from beamlens.errors import SkillError
from beamlens.nodes.seat import Seat
from beamlens.probe.by_node import NodeReply, merged
from beamlens.probe.lifted import lifted_value
from beamlens.probe.messages import SNAPSHOT, Answer, Call, Failed, ListNodes
from beamlens.tree_parts import TreeProbe
from supervision import ReplyFuture

__all__ = ["GroupProbe"]


class GroupProbe(TreeProbe):
    """Be the probe of a tree, and of the processes that have joined it.

    A snapshot is of all of them. What a skill says of itself is said of several processes. Other calls are the own
    process', unless `Call.node` names another.

    Args:
        seat: knows which processes there are.
        args, kwargs: of `TreeProbe`.
    """

    def __init__(self, *args: Any, seat: Seat, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._seat = seat
        self._handlers[ListNodes] = lambda _: seat.nodes()
        self._handlers[Call] = self._route

    def _route(self, call: Call) -> ReplyFuture | Failed:
        own = replace(call, node="")
        if call.node == "" or call.node == self._seat.own.name:
            return self._call(own)
        if call.node is not None:
            return self._elsewhere(call)
        if call.name == SNAPSHOT:
            return self._everywhere(own)
        return self._lifted(own)

    def _elsewhere(self, call: Call) -> ReplyFuture | Failed:
        if not isinstance(call.node, str):
            return Failed("bad_arguments", f"node is {call.node!r:.80}; a text is expected")
        try:
            node = self._seat.find(call.node)
        except SkillError as error:
            return Failed(error.kind, error.text)
        silent = Failed("timeout", f"node {node.name} did not answer {call.name}() in time")
        return _mapped(node.perform(call), lambda found: silent if found is None else found)

    def _lifted(self, call: Call) -> ReplyFuture | Failed:
        silence = call.skill == self._watches_silence()

        def lift(found: Any) -> Any:
            if not isinstance(found, Answer):
                return found
            return replace(found, value=lifted_value(call.name, found.value, silence=silence))

        return _mapped(self._call(call), lift)

    def _watches_silence(self) -> str:
        """Return the one skill that tells of nodes that do not answer: each of them sees it."""
        return "vm" if "vm" in self._runners else next(iter(self._runners), "")

    def _everywhere(self, call: Call) -> ReplyFuture | Failed:
        nodes = self._seat.others()
        runner = self._runners.get(call.skill)
        additive = runner.spec.skill.additive if runner is not None else ()
        reply = ReplyFuture()
        gathering = _Gathering(1 + len(nodes), lambda found: reply.succeed(merged(found, additive)))
        own = self._seat.own
        # The others first: what blocks this process is then no time lost.
        for place, node in enumerate(nodes, 1):
            node.perform(call).add_done_callback(
                lambda done, place=place, node=node: gathering.put(  # type: ignore[misc]
                    place, NodeReply(node.name, node.pid, done.get(timeout=0), node.silent_seconds)
                )
            )
        _mapped(self._call(call), lambda found: gathering.put(0, NodeReply(own.name, own.pid, found)))
        return reply


class _Gathering:
    """Wait for a number of replies. Any thread.

    Args:
        count: of replies.
        done: is called with all of them, in the order of their places, on the thread of the last.
    """

    def __init__(self, count: int, done: Callable[[list[NodeReply]], object]) -> None:
        self._lock = threading.Lock()
        self._found: dict[int, NodeReply] = {}
        self._count = count
        self._done = done

    def put(self, place: int, reply: NodeReply) -> None:
        """Take one."""
        with self._lock:
            self._found[place] = reply
            complete = len(self._found) == self._count
        if complete:
            self._done([self._found[each] for each in sorted(self._found)])


def _mapped(found: ReplyFuture | Failed, change: Callable[[Any], Any]) -> ReplyFuture:
    """Return the future of the changed answer; `found` fails never."""
    reply = ReplyFuture()
    if isinstance(found, Failed):
        reply.succeed(change(found))
        return reply

    def settle(done: ReplyFuture) -> None:
        try:
            reply.succeed(change(done.get(timeout=0)))
        except BaseException as error:
            reply.fail(error)

    found.add_done_callback(settle)
    return reply
