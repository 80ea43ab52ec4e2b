"""What this process is: the application, or the host of one actor.

`node()` answers for both, so that a ref that came in a message knows its way, and `start()` works in an
actor as in the application.
"""

from __future__ import annotations

import sys
import threading
from typing import Any, Protocol

from supervision.errors import StartError
from supervision.future import ReplyFuture
from supervision.ref import Address, Ref

__all__ = [
    "Node",
    "is_actor",
    "node",
    "node_that_is",
    "set_loading_script",
    "set_node",
    "set_thread_actor",
    "thread_actor",
]


class Node(Protocol):
    """Do what depends on the kind of process. Any thread."""

    def ref(self, address: Address) -> Ref:
        """Return a ref for an address."""

    def start_actor(self, actor_class: type[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Ref:
        """Start an actor in a process of its own and wait until it runs."""

    def call(self, operation: str, *args: object) -> ReplyFuture:
        """Ask the application for something about actors."""


_node: Node | None = None
_loading_script = False
_on_thread = threading.local()


def set_thread_actor(address: Address) -> None:
    """Say which supervised actor of the application runs on this thread."""
    _on_thread.address = address


def thread_actor() -> Address | None:
    """Return the address of the supervised actor that runs on this thread of the application, if one does."""
    return getattr(_on_thread, "address", None)


def node() -> Node:
    """Return this process' node; in the application it is made at the first call.

    Raises:
        StartError: the script of the application is just being loaded for an actor class in it.
    """
    _refuse_while_loading()
    if _node is not None:
        return _node
    # Here and not above: a process that hosts an actor needs none of it, and should stay small.
    from supervision.process.application import application

    return application()


def is_actor() -> bool:
    """Tell whether this process hosts an actor; makes no node.

    Raises:
        StartError: as `node`.
    """
    _refuse_while_loading()
    return getattr(_node, "hosts_actor", False)


def node_that_is() -> Node:
    """Return this process' node; never make one.

    Raises:
        RuntimeError: there is none: bytes of a peer must not start anything.
    """
    if _node is None:
        raise RuntimeError("this process has no actors, so a ref means nothing in it")
    return _node


def set_loading_script(loading: bool) -> None:
    """Say whether this process is loading the application's script; it must not start anything then."""
    global _loading_script
    _loading_script = loading


def set_node(new: Node | None) -> None:
    """Say what this process is."""
    global _node
    _node = new


def _refuse_while_loading() -> None:
    if _loading_script or _spawning():
        raise StartError(
            ("no_main_guard", None),
            "the program's script is being loaded by an actor's process, to find the actor's class, and starts "
            'actors at its top level; put what starts them under `if __name__ == "__main__":`',
        )


def _spawning() -> bool:
    """Tell whether multiprocessing is just loading the application's script in a new process."""
    multiprocessing = sys.modules.get("multiprocessing.process")
    return bool(multiprocessing and getattr(multiprocessing.current_process(), "_inheriting", False))
