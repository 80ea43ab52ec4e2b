"""The way to an actor in this process: through its Pykka ref."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pykka
from pykka._envelope import Envelope  # what every Pykka ref puts into an inbox; there is no public maker

from supervision.future import ReplyFuture, pass_on
from supervision.process.waiter import Pending
from supervision.process.wire import Codec
from supervision.proxy import Attributes, describe

__all__ = ["LocalWay"]


class LocalWay:
    """Send messages to a Pykka actor in this process; no copy is made, as with Pykka.

    Args:
        ref: Pykka's ref.
        number: counts the incarnations.
        codec: unpacks what comes from other processes.
    """

    def __init__(self, ref: pykka.ActorRef[Any], number: int, codec: Codec) -> None:
        self.ref = ref
        self.number = number
        self._codec = codec

    @property
    def pid(self) -> int | None:
        """This process' id."""
        return os.getpid()

    def ask(self, message: object, timeout: float | None) -> object:
        """Send a message and wait for its answer."""
        return self.ref.ask(message, timeout=timeout)

    def begin_ask(self, message: object, pending: Pending) -> None:
        """Send a message; the answer goes to `pending`."""
        future = ReplyFuture()
        future.add_done_callback(lambda done: pass_on(done, pending))
        if not self.ref.is_alive():
            future.fail(pykka.ActorDeadError(f"{self.ref} not found"))
        else:
            self.ref.actor_inbox.put(Envelope(message, reply_to=future))

    def tell(self, message: object) -> None:
        """Send a message."""
        self.ref.tell(message)

    def forward(self, body: bytes, pending: Pending | None) -> Callable[[], None]:
        """Send a message that another process packed."""
        message = self._codec.decode(body)
        if pending is None:
            self.ref.tell(message)
        else:
            self.begin_ask(message, pending)
        return _nothing

    def attributes(self, *, fresh: bool) -> Attributes | None:
        """Return the actor's own attributes."""
        actor = self.ref._actor_weakref()
        return [] if actor is None else describe(actor)

    def begin_attributes(self) -> ReplyFuture:
        """Return the future of the actor's own attributes."""
        future = ReplyFuture()
        future.succeed(self.attributes(fresh=True))
        return future


def _nothing() -> None:
    """Withdraw nothing: the answer is dropped by whoever waited."""
