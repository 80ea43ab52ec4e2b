"""References to actors: what code holds in place of the actor itself.

A ref is a thin face over a target, which knows the way: in the application the slot of a child, in a
child the application's address of it, for an actor that runs as a thread here the actor itself.
"""

from __future__ import annotations

from typing import Any, NoReturn, Protocol

import pykka
from pykka import ActorDeadError

from supervision.future import ReplyFuture
from supervision.proxy import Proxy, stand_in

__all__ = ["Address", "Ref", "Target"]

Address = tuple[str, int]  # the actor's URN; its incarnation, or 0 for whichever lives


class Target(Protocol):
    """Know the way to one actor. Any thread."""

    def address(self) -> Address:
        """Return what names the actor in every process."""

    def actor_class(self) -> type[Any]:
        """Return the actor's class, or the nearest one known here."""

    def alive(self) -> bool:
        """Tell whether the actor runs or is being restarted."""

    def ask(self, message: object, timeout: float | None) -> Any:
        """Send a message and wait for its answer."""

    def begin_ask(self, message: object) -> ReplyFuture:
        """Send a message and return the future of its answer; errors of sending are raised or set on it."""

    def tell(self, message: object) -> None:
        """Send a message."""

    def stop(self) -> ReplyFuture:
        """Ask the actor to stop; the future tells whether it was alive, once it is gone."""

    def attributes(self, *, fresh: bool) -> list[tuple[str, bool, object]] | None:
        """Return (name, callable, nested or None) of the actor's own attributes; None when it is too busy to say."""

    def pid(self) -> int | None:
        """Return the process id, None while there is none."""

    def number(self) -> int:
        """Return which incarnation lives."""

    def at(self, number: int) -> Target:
        """Return the way to one incarnation of the actor, or with 0 to whichever lives."""


class Ref(pykka.ActorRef[Any]):
    """Refer to an actor in a process of its own, as Pykka's `ActorRef` does to one in this process.

    A ref found by name or child id follows restarts; one returned by `start()`, and `ref.pinned()`, means
    one incarnation and raises `ActorDeadError` afterwards. Refs can be sent in messages. All methods may
    be called from any thread.
    """

    def __init__(self, target: Target) -> None:
        # Pykka's own __init__ wants the actor object, which lives elsewhere.
        self._target = target
        self.actor_urn = target.address()[0]

    # -- what Pykka's refs have -----------------------------------------------------------------

    @property
    def actor_class(self) -> type[Any]:  # type: ignore[override]
        """The actor's class."""
        return self._target.actor_class()

    @property
    def actor_stopped(self) -> Any:  # type: ignore[override]
        """An object whose `is_set()` tells whether the actor is gone for good."""
        return _Stopped(self._target)

    @property
    def _actor_weakref(self) -> Any:  # type: ignore[override]
        return lambda: stand_in(self._target.actor_class(), self._target.attributes(fresh=False))

    def is_alive(self) -> bool:
        """Tell whether the actor runs, or is being restarted."""
        return self._target.alive()

    def tell(self, message: Any) -> None:
        """Send a message without waiting for anything.

        Raises:
            ActorDeadError: the actor is gone.
            MailboxFull: it has too much unread already.
            MessageError: the message cannot travel.
        """
        self._target.tell(message)

    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any:
        """Send a message and wait for its answer, or with `block=False` return the answer's future.

        Args:
            message: what msgpack can carry.
            block: whether to wait.
            timeout: seconds to wait at most; None waits as long as the actor lives.

        Raises:
            ActorDeadError: the actor is gone, or died before it answered.
            Timeout: no answer came in time.
            AskCycle: actors would wait for each other.
            Exception: what the actor's handler raised.
        """
        if block:
            return self._target.ask(message, timeout)
        return self._begin(message)

    async def aask(self, message: Any, *, timeout: float | None = None) -> Any:
        """Send a message and await its answer; the event loop goes on meanwhile. Raises as `ask`."""
        import asyncio  # only coroutines come here

        future = self._begin(message)
        try:
            return await asyncio.wait_for(future._arrive(), timeout)
        except TimeoutError:
            if future.done:
                raise
            raise pykka.Timeout(f"no answer in {timeout} seconds") from None

    def stop(self, *, block: bool = True, timeout: float | None = None) -> Any:
        """Ask the actor to stop after the messages it has, and wait until its process is gone.

        Returns:
            True, or False when it was gone already; with `block=False` the future of that.
        """
        future = self._target.stop()
        return future.get(timeout=timeout) if block else future

    def proxy(self) -> Any:
        """Return a proxy with the actor's methods and attributes.

        Raises:
            ActorDeadError: the actor is gone.
        """
        return Proxy(actor_ref=self)

    # -- what ours have besides -------------------------------------------------------------------

    @property
    def address(self) -> Address:
        """What names the actor in every process: (URN, incarnation or 0)."""
        return self._target.address()

    def following(self) -> Ref:
        """Return a ref to the same actor that follows its restarts."""
        return self._at(0)

    def pinned(self) -> Ref:
        """Return a ref to the present incarnation alone; `ActorDeadError` once it is gone."""
        return self._at(self._target.number())

    def _at(self, number: int) -> Ref:
        return Ref(self._target.at(number))

    @property
    def pid(self) -> int | None:
        """The actor's process id; None while it has none."""
        return self._target.pid()

    def attributes(self) -> list[tuple[str, bool, object]] | None:
        """Return what the actor's own attributes are now; None when it is too busy to say."""
        return self._target.attributes(fresh=True)

    def _begin(self, message: object) -> ReplyFuture:
        try:
            return self._target.begin_ask(message)
        except ActorDeadError as error:
            future = ReplyFuture()
            future.fail(error)
            return future

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ref) and other.address == self.address

    def __hash__(self) -> int:
        return hash(self.address)

    def __copy__(self) -> Ref:
        return self

    def __deepcopy__(self, _memo: object) -> Ref:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} cannot be pickled; it can be sent in messages and arguments of actors")

    def __repr__(self) -> str:
        return f"<Ref for {self}>"

    def __str__(self) -> str:
        return f"{self.actor_class.__name__} ({self.actor_urn})"


class _Stopped:
    """Look like Pykka's `actor_stopped` event."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def is_set(self) -> bool:
        return not self._target.alive()
