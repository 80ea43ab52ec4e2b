"""An actor's place in the application: its URN, whichever incarnation lives there, who waits for it.

While an actor is being restarted, what is sent to it is parked, and leaves right behind the message
that makes a process the new incarnation: nothing waits for the start to be told.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Literal, Protocol

from pykka import Timeout

from supervision.errors import ActorDown, MailboxFull
from supervision.exits import NOPROC, ExitReason
from supervision.future import ReplyFuture
from supervision.process.waiter import Pending, Waiter
from supervision.proxy import Attributes
from supervision.ref import Address

__all__ = ["Slot", "SlotTarget", "Way"]

_PARKED = 100_000


class Way(Protocol):
    """Lead to a living actor. Any thread but the loop's for `ask` and `attributes`."""

    number: int

    @property
    def pid(self) -> int | None:
        """The process id."""

    def ask(self, message: object, timeout: float | None) -> object:
        """Send a message and wait for its answer."""

    def begin_ask(self, message: object, pending: Pending) -> object:
        """Send a message; the answer goes to `pending`."""

    def tell(self, message: object) -> None:
        """Send a message."""

    def forward(self, body: bytes, pending: Pending | None) -> Callable[[], None]:
        """Send a packed message; the packed answer goes to `pending`. Return what withdraws it."""

    def attributes(self, *, fresh: bool) -> Attributes | None:
        """Return the actor's own attributes."""

    def begin_attributes(self) -> ReplyFuture:
        """Return the future of the actor's own attributes."""


class Slot:
    """Hold an actor's place. Any thread, but where said otherwise.

    Args:
        urn: names the actor in every process.
        actor_class: its class.
        name: its child id, or None.
        stop: what asks its owner to end it.
        loop_thread: tells whether the caller is the loop, which must never wait.
    """

    def __init__(
        self,
        urn: str,
        actor_class: type[Any],
        name: object,
        stop: Callable[[], None],
        loop_thread: Callable[[], bool],
    ) -> None:
        self.urn = urn
        self.actor_class = actor_class
        self.name = name
        self.number = 0
        self.state: Literal["starting", "up", "restarting", "down"] = "starting"
        self.reason = NOPROC
        self.way: Way | None = None
        self._stop = stop
        self._on_loop = loop_thread
        self._lock = threading.Lock()
        self._parked: deque[Callable[[Way | None], None]] = deque()
        self._on_down: dict[int, tuple[int, Callable[[ExitReason], None]]] = {}
        self._watches = 0
        self.refuse: Callable[[], None] = _nothing
        self.check: Callable[[object], object] = _accept  # raises for a message that could not be sent later

    # -- its life: loop thread ------------------------------------------------------------------

    def open(self, way: Way, number: int) -> None:
        """Send on what was parked, in order, then let messages through to incarnation `number`."""
        while True:
            with self._lock:
                if not self._parked:
                    self.number = number
                    self.way = way
                    return
                parked, self._parked = self._parked, deque()
            for send in parked:
                send(way)

    def lose(self, reason: ExitReason) -> None:
        """Hear that the incarnation is gone; park what comes until it is known whether another follows."""
        with self._lock:
            self.way = None
            self.reason = reason
            self.state = "restarting"

    def await_start(self) -> None:
        """Park what comes: a start has begun."""
        with self._lock:
            if self.state == "down":
                self.state = "restarting"

    def give_up(self, reason: ExitReason) -> None:
        """Fail what was parked: no incarnation is to follow."""
        with self._lock:
            self.way = None
            self.state = "down"
            self.reason = reason
        self._fail_parked()
        self.announce(self.number + 1, reason)  # also to those who wait for one that will not come

    def _fail_parked(self) -> None:
        with self._lock:
            parked, self._parked = self._parked, deque()
        for send in parked:
            send(None)

    def disown(self, refuse: Callable[[], None]) -> None:
        """Have every use raise what `refuse` raises: this is a forked copy, in which locks may be held for ever."""
        self._lock = threading.Lock()
        self._parked = deque()
        self.way = None
        self.refuse = refuse

    def down_error(self) -> ActorDown:
        """Return the error that tells that the actor is gone."""
        self.refuse()
        return ActorDown(f"{self.actor_class.__name__} ({self.name or self.urn}) is gone: {self.reason}", self.reason)

    # -- watching -------------------------------------------------------------------------------

    def watch(self, number: int, function: Callable[[ExitReason], None], *, first: bool = False) -> int | None:
        """Have `function(reason)` called when incarnation `number` (0: the present one) ends; None if it has.

        Called on the loop's thread, those with `first` before all others.
        """
        with self._lock:
            if self.state == "down" or (number and (number != self.number or self.way is None)):
                return None
            self._watches += 1
            key = -self._watches if first else self._watches
            # While it is being restarted, the present one is the one to come.
            self._on_down[key] = (number or self.number + (self.way is None), function)
            return key

    def unwatch(self, watch: int) -> None:
        """Call the function of this watch no more."""
        with self._lock:
            self._on_down.pop(watch, None)

    def announce(self, gone: int, reason: ExitReason) -> None:
        """Tell those who watch incarnation `gone`, or one before it that never came, of the end. Loop thread."""
        with self._lock:
            told = sorted((key > 0, key) for key, (number, _) in self._on_down.items() if number <= gone)
            calls = [self._on_down.pop(key)[1] for _, key in told]
        for call in calls:
            call(reason)

    # -- messages -------------------------------------------------------------------------------

    def tell(self, message: object) -> None:
        """Send a message, now or when the actor is back."""
        way = self.way
        if way is not None:
            way.tell(message)
        else:
            self.check(message)
            self._park(lambda found: _later(lambda: found.tell(message), None, found, self))

    def ask(self, message: object, timeout: float | None) -> object:
        """Send a message, now or when the actor is back, and wait for the answer."""
        way = self.way
        if way is not None:
            return way.ask(message, timeout)
        begun = time.monotonic()
        way = self._await_way(timeout)
        return way.ask(message, None if timeout is None else max(0.0, begun + timeout - time.monotonic()))

    def _await_way(self, timeout: float | None) -> Way:
        self.refuse()
        if self._on_loop():
            raise RuntimeError("the loop's thread cannot wait for an actor")
        waiter = Waiter()
        self._park(lambda found: waiter.succeed(found) if found else waiter.fail(self.down_error()))
        if not waiter.wait(timeout):
            raise Timeout(f"the actor did not come back within {timeout} seconds")
        return waiter.result()  # type: ignore[return-value]

    def begin_ask(self, message: object, pending: Pending) -> None:
        """Send a message, now or when the actor is back; the answer goes to `pending`."""
        way = self.way
        if way is not None:
            way.begin_ask(message, pending)
        else:
            self.check(message)
            self._park(lambda found: _later(lambda: found.begin_ask(message, pending), pending, found, self))

    def forward(self, body: bytes, pending: Pending | None) -> Callable[[], None]:
        """Send a packed message for another process, now or when the actor is back."""
        way = self.way
        if way is not None:
            return way.forward(body, pending)
        self._park(lambda found: _later(lambda: found.forward(body, pending), pending, found, self))
        return _nothing

    def _park(self, send: Callable[[Any], None]) -> None:
        self.refuse()
        with self._lock:
            way = self.way
            if way is None:
                if self.state == "down":
                    raise self.down_error()
                if len(self._parked) >= _PARKED:
                    raise MailboxFull(f"{_PARKED} messages wait for the actor's restart already; this one was not kept")
                self._parked.append(send)
                return
        send(way)  # it came back in between

    def request_stop(self) -> ReplyFuture:
        """Ask the owner to end the actor; the future tells, when it is gone, whether it was alive."""
        self.refuse()
        future = ReplyFuture()
        watch = self.watch(0, lambda _: _settle(future))
        if watch is None:
            future.succeed(False)
        else:
            future.actor = self.urn
            self._stop()
        return future


def _later(send: Callable[[], object], pending: Pending | None, way: Way | None, slot: Slot) -> None:
    """Send what was parked; whoever waits hears when that fails."""
    try:
        if way is None:
            raise slot.down_error()
        send()
    except Exception as error:
        if pending is not None:
            pending.fail(error)


def _accept(_message: object) -> None:
    """Take any message: an actor of this process is handed it as it is."""


def _settle(future: ReplyFuture) -> None:
    future.succeed(True)


def _nothing() -> None:
    """Withdraw nothing: what is parked is answered into the void. Refuse nothing, in the application itself."""


class SlotTarget:
    """Lead a ref to a slot: to one incarnation of it, or to whichever lives."""

    __slots__ = ("_pinned", "slot")

    def __init__(self, slot: Slot, pinned: int = 0) -> None:
        self.slot = slot
        self._pinned = pinned

    def address(self) -> Address:
        """Return what names the actor in every process."""
        return self.slot.urn, self._pinned

    def actor_class(self) -> type[Any]:
        """Return the actor's class."""
        return self.slot.actor_class

    def _check(self) -> None:
        self.slot.refuse()
        if self._pinned and (self._pinned != self.slot.number or self.slot.way is None):
            raise self.slot.down_error()

    def alive(self) -> bool:
        """Tell whether the actor runs or is being restarted."""
        self.slot.refuse()
        if self._pinned:
            return self.slot.way is not None and self._pinned == self.slot.number
        return self.slot.state != "down"

    def ask(self, message: object, timeout: float | None) -> object:
        """Send a message and wait for its answer."""
        slot = self.slot
        way = slot.way
        if way is None or (self._pinned and self._pinned != slot.number):
            if self._pinned:
                raise slot.down_error()
            return slot.ask(message, timeout)
        return way.ask(message, timeout)

    def begin_ask(self, message: object) -> ReplyFuture:
        """Send a message and return the future of its answer."""
        if self._pinned:
            self._check()
        future = ReplyFuture()
        self.slot.begin_ask(message, future)
        return future

    def tell(self, message: object) -> None:
        """Send a message."""
        slot = self.slot
        way = slot.way
        if way is None or (self._pinned and self._pinned != slot.number):
            if self._pinned:
                raise slot.down_error()
            slot.tell(message)
        else:
            way.tell(message)

    def stop(self) -> ReplyFuture:
        """Ask the actor to stop; the future tells whether it was alive, once it is gone."""
        if self._pinned and not self.alive():
            future = ReplyFuture()
            future.succeed(False)
            return future
        return self.slot.request_stop()

    def attributes(self, *, fresh: bool) -> Attributes | None:
        """Return the actor's own attributes; None when it is too busy to say."""
        self._check()
        way = self.slot.way
        return way.attributes(fresh=fresh) if way is not None else []

    def pid(self) -> int | None:
        """Return the process id, None while there is none."""
        way = self.slot.way
        if way is None or (self._pinned and self._pinned != self.slot.number):
            return None
        return way.pid

    def number(self) -> int:
        """Return which incarnation lives."""
        return self._pinned or self.slot.number

    def at(self, number: int) -> SlotTarget:
        """Return the way to one incarnation of the actor, or with 0 to whichever lives."""
        return SlotTarget(self.slot, number)
