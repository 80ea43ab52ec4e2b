"""ProcessActor: a Pykka actor whose loop runs in an operating-system process of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable
from functools import cached_property
from typing import Any, ClassVar, NoReturn

import pykka

from supervision.errors import StartError
from supervision.exits import NORMAL, ExitReason
from supervision.future import ReplyFuture
from supervision.process import birth, context
from supervision.process.birth import Ended, Ignore
from supervision.process.timers import ActorTimer
from supervision.process.wire import set_ref_hooks
from supervision.ref import Ref

__all__ = ["Ignore", "ProcessActor"]


class ProcessActor(pykka.Actor):
    """Be the base of actors that live in processes of their own.

    Define it as a Pykka actor, at the top level of a module; `start()`, the hooks and the methods mean
    what they mean there. Arguments and messages must be what msgpack can carry. What differs:

    - `start()` returns when `on_start` has; an error in `__init__` or `on_start` is raised by it.
    - `SystemExit` or `KeyboardInterrupt` in a handler ends this actor alone, and its asker gets it.
    - Every ask ends: with an answer, an error, or `ActorDeadError`.

    Everything but `start` runs in the actor's process, on its main thread.
    """

    trap_exits: ClassVar[bool] = False
    """Whether the end of a linked actor arrives as an `Exit` message in place of ending this one."""

    _loop: Any = None

    @classmethod
    def environment(cls, *_args: Any, **_kwargs: Any) -> Iterable[str]:
        """Return the names of withheld environment variables that this actor needs (see `withheld_env`).

        Runs in the application, with the arguments of `start`; the values travel over the actor's own socket.
        """
        return ()

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> Ref:
        """Start the actor in a process of its own and wait until `on_start` has returned.

        Args:
            args, kwargs: what `__init__` is given.

        Returns:
            A ref to this incarnation; nobody restarts it.

        Raises:
            StartError: `__init__` or `on_start` raised, with the remote text; no process is left.
            SpecError: another process could not find the class; the text says what to do.
            MessageError: an argument cannot be sent.
        """
        return context.node().start_actor(cls, args, kwargs)

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        # Not Pykka's: its ref wants the actor object at hand, its inbox and URN have no use here.
        born = birth.current()
        if born is None:
            raise StartError(
                ("not_started", type(self).__qualname__),
                f"{type(self).__qualname__} lives in a process of its own: call {type(self).__qualname__}.start(...)",
            )
        self.actor_urn = born.urn
        self._loop = born.loop
        self._actor_ref = born.loop.node.ref((born.urn, born.incarnation))

    @cached_property
    def actor_stopped(self) -> threading.Event:  # type: ignore[override]
        """An event that is never set while the actor can see it: process and actor end together."""
        return threading.Event()

    @cached_property
    def actor_inbox(self) -> Any:  # type: ignore[override]
        """An empty queue: messages come through the process' socket."""
        return queue.Queue()

    @property
    def actor_ref(self) -> Ref:
        """A ref to this incarnation of the actor."""
        return self._actor_ref  # type: ignore[return-value]

    # -- what Pykka's actors do not have --------------------------------------------------------

    def exit(self, reason: ExitReason = NORMAL) -> NoReturn:
        """End this actor now with a reason of its own; `on_stop` is called."""
        raise Ended(reason)

    def stop(self) -> None:
        """Stop after the messages that are here already."""
        self._loop.stop_self()

    def send_after(self, delay: float, message: Any, to: Ref | None = None) -> ActorTimer:
        """Send a message later.

        Args:
            delay: seconds.
            message: what to send.
            to: whom; None for this actor itself.

        Returns:
            A timer whose `cancel()` makes it void.
        """
        return self._loop.send_after(delay, to, message)  # type: ignore[no-any-return]

    def monitor(self, ref: Ref) -> int:
        """Have a `Down` message sent here when the actor ends, at once when it has; return the monitor's number."""
        return self._call("monitor", list(ref.address), None)  # type: ignore[no-any-return]

    def demonitor(self, monitor: int) -> None:
        """Have no `Down` message sent for this monitor."""
        self._call("demonitor", monitor)

    def link(self, ref: Ref) -> None:
        """Tie this actor and another: an abnormal end of one ends the other (see `trap_exits`)."""
        self._call("link", list(ref.address), None)

    def unlink(self, ref: Ref) -> None:
        """Undo `link`."""
        self._call("unlink", list(ref.address), None)

    def _call(self, operation: str, *args: object) -> Any:
        return context.node().call(operation, *args).get()

    # -- what Pykka asks of an actor type -------------------------------------------------------

    @staticmethod
    def _create_actor_inbox() -> Any:
        return queue.Queue()

    @staticmethod
    def _create_future() -> pykka.Future[Any]:
        return ReplyFuture()

    def _start_actor_loop(self) -> None:
        raise StartError(("not_started", type(self).__qualname__), "call start() on the class")

    def __str__(self) -> str:
        return f"{type(self).__name__} ({getattr(self, 'actor_urn', 'not started')})"


def _ref_from_wire(parts: list[Any]) -> Ref:
    urn, number = parts
    if not isinstance(urn, str) or not isinstance(number, int):
        raise ValueError("a ref is a URN and the number of an incarnation")
    return context.node_that_is().ref((urn, number))


set_ref_hooks(Ref, lambda ref: list(ref.address), _ref_from_wire)
