"""The elected one's end: it takes in nodes, knows which there are, and asks them."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pykka

from beamlens.control import directory
from beamlens.control.peer import is_own_user
from beamlens.errors import SkillError
from beamlens.nodes import events
from beamlens.nodes.link import Link, LinkLost
from beamlens.nodes.messages import Ask, Hello, Refused, Welcome
from beamlens.nodes.wires import Wires
from beamlens.probe.messages import SNAPSHOT, Answer, Call, Failed, NodeInfo
from supervision import ReplyFuture
from supervision.errors import MessageError

__all__ = ["MOST_NODES", "Hub", "Node"]

logger = logging.getLogger("beamlens.nodes")

MOST_NODES: Final = 64
"""How many processes may join one tree."""

_INTRODUCTION: Final = 5.0  # seconds that a new connection has to say who it is
_LOOK: Final = 2.0  # seconds that a node has for a snapshot: a look at many is not to wait for one
_SILENT_LOOK: Final = 0.2  # the same, for one that did not answer before
_MARGIN: Final = 1.0  # seconds that a node gets beyond a call's limit to say that it is over


class Node:
    """Hold a process that has joined. Any thread.

    Args:
        name: by which it is known.
        pid: its process id.
        link: to it.
    """

    def __init__(self, name: str, pid: int, link: Link) -> None:
        self.name = name
        self.pid = pid
        self.link = link
        self._unanswered: float | None = None

    @property
    def silent_seconds(self) -> float:
        """Since when it has not answered, though it was asked; 0 where it does."""
        asked = self._unanswered
        if asked is None or self.link.heard_at >= asked:
            return 0.0
        return time.monotonic() - asked

    @property
    def info(self) -> NodeInfo:
        """What it is."""
        return NodeInfo(self.name, self.pid, silent_seconds=round(self.silent_seconds, 1))

    def perform(self, call: Call) -> ReplyFuture:
        """Have a call performed there; return the future of an `Answer`, a `Failed`, or None where it is silent."""
        limit = call.seconds if call.seconds is not None else _LOOK
        seconds = limit + _MARGIN
        if call.name == SNAPSHOT:
            seconds = _SILENT_LOOK if self.silent_seconds else min(limit, _LOOK)
        reply, asked_at = ReplyFuture(), time.monotonic()
        asked = self.link.ask("call", Call(call.skill, call.name, call.args, limit, ""), seconds)

        def settle(done: ReplyFuture) -> None:
            reply.succeed(self._heard(done, call, asked_at))

        asked.add_done_callback(settle)
        return reply

    def _heard(self, done: ReplyFuture, call: Call, asked_at: float) -> Answer | Failed | None:
        try:
            found = done.get(timeout=0)
        except (pykka.Timeout, LinkLost):
            if not self.silent_seconds:
                self._unanswered = asked_at
            return None
        except MessageError as error:
            return Failed("bad_arguments", f"the arguments of {call.name}() cannot be sent: {error}")
        if isinstance(found, Answer | Failed):
            return found
        return Failed("refused", f"node {self.name} said {found!r:.80}")


class Hub:
    """Listen where the group meets. A thread reads; the rest is for any.

    Args:
        path: of the socket; what is there is removed: who calls this holds the group's lock.
        own: this process.
        version: of this package.
        asked: is called with a node's questions, `(link, Ask)`, on the reading thread; must not wait.

    Raises:
        ControlDirectoryError: the path is too long for a socket.
        OSError: it cannot be bound.
    """

    def __init__(self, path: Path, own: NodeInfo, version: str, asked: Callable[[Link, Ask], None]) -> None:
        self._own = own
        self._version = version
        self._asked = asked
        self._lock = threading.Lock()
        self._nodes: dict[Link, Node] = {}
        self._new: dict[Link, float] = {}
        self._path = path
        self._listening = directory.listen_at(path)
        self._file = os.lstat(path)
        self._wires = Wires(self._heard, self._ended, self._listening, self._admit)
        self._thread = threading.Thread(target=self._run, name="beamlens-nodes", daemon=True)

    def start(self) -> None:
        """Begin to take in nodes."""
        self._thread.start()

    def nodes(self) -> list[Node]:
        """Return the nodes that have joined, in the order in which they did."""
        with self._lock:
            return list(self._nodes.values())

    def find(self, name: str) -> Node:
        """Return a node by its name.

        Raises:
            SkillError: there is none.
        """
        found = self.nodes()
        for node in found:
            if node.name == name:
                return node
        names = ", ".join([self._own.name, *(node.name for node in found)])
        raise SkillError("refused", f"there is no node {name!r:.80}; there are: {names}")

    def renew(self) -> bool:
        """Make the socket look used, for those who clean up; tell whether others still find it."""
        if not self._is_found():
            return False
        os.utime(self._path)
        return True

    def _is_found(self) -> bool:
        try:
            return os.path.samestat(os.lstat(self._path), self._file)
        except OSError:
            return False

    def close(self) -> None:
        """Listen no more, end all links. Not the reading thread; in a forked copy nothing."""
        if self._own.pid != os.getpid():
            return
        if self._is_found():
            self._path.unlink(missing_ok=True)
        self._wires.stop()
        if self._thread.ident is None:
            self._wires.run()  # it was never begun, and ends at once
        else:
            self._thread.join(10.0)
        self._listening.close()

    # -- the reading thread ---------------------------------------------------------------------

    def _run(self) -> None:
        self._wires.run(self._patience)

    def _patience(self) -> float | None:
        now = time.monotonic()
        for link in [link for link, since in self._new.items() if now - since >= _INTRODUCTION]:
            self._wires.drop(link)
        return _INTRODUCTION if self._new else None

    def _admit(self, connection: socket.socket) -> Link | None:
        if not is_own_user(connection):
            logger.warning("another user's process was refused at the socket of the group")
            return None
        if len(self._new) + len(self._nodes) >= 2 * MOST_NODES:
            return None
        link = Link(connection)
        self._new[link] = time.monotonic()
        return link

    def _heard(self, link: Link, message: Any) -> None:
        if isinstance(message, Hello) and link in self._new:
            self._introduced(link, message)
        elif isinstance(message, Ask) and link in self._nodes:
            self._asked(link, message)
        else:
            self._wires.drop(link)

    def _introduced(self, link: Link, hello: Hello) -> None:
        problem = self._problem(hello)
        taken = {self._own.name, *(node.name for node in self._nodes.values() if node.pid != hello.pid)}
        name = hello.name if hello.name not in taken else f"{hello.name}:{hello.pid}"
        with contextlib.suppress(LinkLost):
            link.send(Refused(problem) if problem else Welcome(name), 0.0)
        if problem:
            logger.warning("process %s was not taken in: %s", hello.pid, problem)
            self._wires.drop(link)
            return
        del self._new[link]
        with self._lock:
            self._nodes[link] = Node(name, hello.pid, link)
        events.told("joined", name, hello.pid)

    def _problem(self, hello: Hello) -> str:
        if hello.version != self._version:
            return f"it runs version {hello.version} of beamlens, and the elected process {self._version}"
        if len(self._nodes) >= MOST_NODES:
            return f"there are {MOST_NODES} nodes already"
        return ""

    def _ended(self, link: Link) -> None:
        self._new.pop(link, None)
        with self._lock:
            node = self._nodes.pop(link, None)
        if node is not None:
            events.told("left", node.name, node.pid)
