"""A child's way to everybody else: through the application, bodies packed from end to end."""

from __future__ import annotations

from typing import Any

import pykka
from pykka import ActorDeadError, Timeout

from supervision.errors import AskCycle, MessageError
from supervision.future import ReplyFuture
from supervision.process import birth
from supervision.process.classes import find_class
from supervision.process.context import set_node
from supervision.process.link import Link
from supervision.process.protocol import ASK_FOR, CANCEL, NODE, TELL_FOR, WAITING
from supervision.process.registry import wire_module
from supervision.process.waiter import Waiter
from supervision.ref import Address, Ref

__all__ = ["ChildNode"]


class ChildFuture(ReplyFuture):
    """Wait for an answer in a child, reading the socket where the actor's own thread waits."""

    def __init__(self) -> None:
        super().__init__()
        self.link: Link | None = None
        self.number = 0
        self.own = False  # asked of itself: the answer cannot come while it waits

    def wait(self, timeout: float | None) -> bool:
        """Wait for the answer without taking it; False when `timeout` seconds ran out first."""
        if self.link is None or self.done:
            return super().wait(timeout)
        if self.link.on_actor_thread:
            self._begin_wait()
        arrived = self.link.wait_for(lambda: self.done, lambda left: super(ChildFuture, self).wait(left), timeout)
        self._after_await()
        return arrived

    def _begin_wait(self) -> None:
        if self.own:
            raise AskCycle("the actor waits for an answer of its own, which it can only give afterwards")
        if self.link is not None:
            self.link.send([WAITING, self.number, True])

    def _before_await(self) -> None:
        if self.link is not None and not self.done:
            self.link.read_in_background()
            if self.link.on_actor_thread:
                self._begin_wait()

    def _after_await(self) -> None:
        if self.link is not None and not self.done and self.link.on_actor_thread:
            self.link.send([WAITING, self.number, False])


class ChildNode:
    """Be what `context.node()` returns in a process that hosts an actor.

    Args:
        link: the way to the application.
        address: the hosted actor's URN and incarnation.
    """

    hosts_actor = True

    def __init__(self, link: Link, address: Address) -> None:
        self.link = link
        self.address = address

    def enter(self) -> None:
        """Make this the process' node."""
        set_node(self)

    def ref(self, address: Address) -> Ref:
        """Return a ref for an address."""
        return Ref(RemoteTarget(self, address))

    def start_actor(self, actor_class: type[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Ref:
        """Start an actor in a process of its own and wait until it runs."""
        path = f"{wire_module(actor_class.__module__)}:{actor_class.__qualname__}"
        return self.call("start", path, list(args), kwargs).get()  # type: ignore[no-any-return]

    def call(self, operation: str, *args: object) -> ChildFuture:
        """Ask the application for something about actors."""
        future = self._future()
        future.number = self.link.open(future)
        try:
            self.link.send([NODE, future.number, operation, list(args)])
        except MessageError as error:
            self.link.forget(future.number)
            future.fail(error)
        return future

    def _future(self) -> ChildFuture:
        future = ChildFuture()
        future.link = self.link
        return future

    def is_self(self, address: Address) -> bool:
        """Tell whether the address means the actor that lives here."""
        return address[0] == self.address[0] and address[1] in (0, self.address[1])


class RemoteTarget:
    """Know the way from a child to an actor elsewhere, or to its own."""

    def __init__(self, node: ChildNode, address: Address) -> None:
        self._node = node
        self._link = node.link
        self._address = address

    def address(self) -> Address:
        """Return what names the actor in every process."""
        return self._address

    def actor_class(self) -> type[Any]:
        """Return the actor's class, or a plain one when it is not known here."""
        born = birth.current()
        if born is not None and self._node.is_self(self._address):
            return born.loop.actor_class  # type: ignore[no-any-return]
        try:
            path = self._node.call("class", list(self._address)).get(timeout=5.0)
        except ActorDeadError:
            return pykka.Actor  # to name a ref to a dead actor is no error
        return find_class(path) or pykka.Actor

    def alive(self) -> bool:
        """Tell whether the actor runs or is being restarted."""
        return self._is_own or bool(self._node.call("alive", list(self._address)).get())

    @property
    def _is_own(self) -> bool:
        return self._node.is_self(self._address) and self._link.on_actor_thread

    def tell(self, message: object) -> None:
        """Send a message."""
        codec = self._link.codec
        body = codec.encode(message)
        if self._is_own:
            self._link.inbox.append(["self", None, codec.decode(body)])
        else:
            self._link.send([TELL_FOR, list(self._address), body])

    def ask(self, message: object, timeout: float | None) -> Any:
        """Send a message and wait for its answer."""
        if self._is_own:
            raise AskCycle("the actor asks itself, and can only answer afterwards; use tell, or call the method")
        body = self._link.codec.encode(message)
        waiter = Waiter()
        number = self._link.open(waiter)
        self._link.send([ASK_FOR, number, list(self._address), self._link.on_actor_thread, body])
        if not self._link.wait(waiter, timeout):
            self._link.forget(number)
            self._link.send([CANCEL, number])
            raise Timeout(f"no answer in {timeout} seconds")
        return waiter.result()

    def begin_ask(self, message: object) -> ReplyFuture:
        """Send a message and return the future of its answer."""
        codec = self._link.codec
        body = codec.encode(message)
        future = self._node._future()
        if self._is_own:
            future.own = True
            self._link.inbox.append(["self", future, codec.decode(body)])
            return future
        future.number = self._link.open(future)
        self._link.send([ASK_FOR, future.number, list(self._address), False, body])
        return future

    def stop(self) -> ReplyFuture:
        """Ask the actor to stop; the future tells whether it was alive, once it is gone."""
        future = self._node.call("stop", list(self._address))
        future.own = self._is_own
        return future

    def attributes(self, *, fresh: bool) -> list[tuple[str, bool, object]] | None:
        """Return the actor's own attributes; None when it is too busy to say."""
        born = birth.current()
        if born is not None and self._is_own:
            return born.loop.attributes()  # type: ignore[no-any-return]
        return self._node.call("attributes", list(self._address), fresh).get()  # type: ignore[no-any-return]

    def pid(self) -> int | None:
        """Return the process id, None while there is none."""
        return self._node.call("pid", list(self._address)).get()  # type: ignore[no-any-return]

    def number(self) -> int:
        """Return which incarnation lives."""
        return self._address[1] or self._node.call("number", list(self._address)).get()

    def at(self, number: int) -> RemoteTarget:
        """Return the way to one incarnation of the actor, or with 0 to whichever lives."""
        return RemoteTarget(self._node, (self._address[0], number))
