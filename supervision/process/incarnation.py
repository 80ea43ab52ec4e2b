"""One life of an actor in a process: from the request for a process to its end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from supervision.errors import ActorDown, ProtocolError
from supervision.exits import KILLED, ExitReason
from supervision.future import ReplyFuture
from supervision.process.channel import Channel
from supervision.process.child_process import ChildProcess
from supervision.process.envelopes import outer
from supervision.process.frames import frame
from supervision.process.host import STACKS_SIGNAL
from supervision.process.launcher import Request
from supervision.process.loop import Timer
from supervision.process.orders import Orders
from supervision.process.protocol import ASK_FOR, INTROSPECT, READY, START_FAILED, STARTED, STOP, TELL_FOR
from supervision.process.stacks import read_stacks
from supervision.process.waiter import Pending
from supervision.proxy import Attributes
from supervision.reports import report_event

if TYPE_CHECKING:
    from supervision.process.application import Application

__all__ = ["Incarnation", "Life"]

logger = logging.getLogger("supervision")

_STACKS_SECONDS = 0.05
_INTROSPECT_SECONDS = 0.2


class Life(Protocol):
    """Hear how an incarnation fares. Loop thread."""

    def on_channel(self, incarnation: Incarnation) -> None:
        """Hear that messages can be sent: they will be handled after the start."""

    def on_started(self, incarnation: Incarnation) -> None:
        """Hear that `on_start` has returned."""

    def on_ignored(self, incarnation: Incarnation) -> None:
        """Hear that the actor declined to start and its process is gone."""

    def on_start_failed(self, incarnation: Incarnation, reason: Any, error: BaseException | None) -> None:
        """Hear that the start failed and no process is left."""

    def on_dead(self, incarnation: Incarnation) -> bool:
        """Hear that a started actor died, unasked, of a reason that is yet to be known; `on_exit` follows.

        Return whether a replacement takes messages already.
        """

    def on_exit(self, incarnation: Incarnation, reason: ExitReason) -> None:
        """Hear that a started actor is gone."""


class Incarnation:
    """Make one process live one life of an actor. Loop thread only, but for the channel's sends.

    Args:
        app: the application.
        orders: what makes a process this actor.
        number: counts the lives of the actor.
        life: who hears of it.
    """

    def __init__(self, app: Application, orders: Orders, number: int, life: Life) -> None:
        self.number = number
        self.urn = orders.urn
        self.channel: Channel | None = None
        self.known_attributes: Attributes = []
        self.running = False
        self.started_at = 0.0
        self._app = app
        self._orders = orders
        self._life = life
        self._process: ChildProcess | None = None
        self._request = Request(self._promote, self._no_process)
        self._ignored = False
        self._failure: tuple[Any, BaseException | None] | None = None
        self._deadline: Timer | None = None
        self._stop_asked = False
        self.stacks = ""

    # -- starting -----------------------------------------------------------------------------

    def start(self) -> None:
        """Ask for a process and make it the actor."""
        timeout = self._app.settings.start_timeout
        if timeout is not None:
            self._deadline = self._app.loop.call_later(timeout, self._too_late)
        self._app.launcher.request(self._request)

    def _promote(self, process: ChildProcess) -> None:
        self._process = process
        process.owner = self
        self.channel = process.channel
        self.ask = process.channel.ask  # type: ignore[method-assign]
        self.tell = process.channel.tell  # type: ignore[method-assign]
        try:
            process.channel.send_packed(self._orders.packed(self.number))
        except Exception as error:  # it does not fit: the process is not used
            self._failure = (("bad_arguments", str(error)), error)
            process.kill()
            return
        self._life.on_channel(self)

    def _no_process(self, why: str) -> None:
        if not self._request.cancelled:
            self._life.on_start_failed(self, ("no_process", why), None)

    def _too_late(self) -> None:
        if not self.running and self._failure is None and not self._ignored:
            seconds = self._app.settings.start_timeout
            self._failure = (("start_timeout", seconds), None)
            self.kill()

    @property
    def pid(self) -> int | None:
        """Return the process id, None while there is no process."""
        return self._process.pid if self._process is not None else None

    # -- what the process says ----------------------------------------------------------------

    def on_frame(self, content: list[Any]) -> None:
        """Take a frame from the actor's process."""
        kind = content[0]
        if kind == STARTED and _fits(content, list, str | None, float | int) and not self.running:
            self._on_started(content)
        elif kind == START_FAILED and _fits(content, str, BaseException | ExitReason | None):
            self._on_start_failed(content)
        elif kind == READY:
            raise ProtocolError("a process said twice that it is ready")
        else:
            self._app.router.on_frame(self, content)

    def _on_started(self, content: list[Any]) -> None:
        self.running = True
        self._app.loop.call_soon_after(self._orders.prepare, self.number + 1)
        self.started_at = time.monotonic()
        self.known_attributes = content[1]
        if self._deadline is not None:
            self._deadline.cancel()
        if content[2] is not None:
            self._app.hear_import(content[2], content[3])
        self._life.on_started(self)

    def _on_start_failed(self, content: list[Any]) -> None:
        kind, error = content[1], content[2]
        if kind == "ignore":
            self._ignored = True
        elif isinstance(error, BaseException):
            self._failure = ((type_name(error), _said(error)), error)
        elif error is not None:
            self._failure = (error.term(), None)

    def on_dead(self) -> bool:
        """Hear that the process died of a reason that is yet to be known; tell whether a replacement is there."""
        return self.running and self._life.on_dead(self)

    def on_gone(self, reason: ExitReason) -> None:
        """Hear that the process is gone."""
        if self._deadline is not None:
            self._deadline.cancel()
        if self.running:
            self.running = False
            self._life.on_exit(self, reason.with_text(self.stacks) if self.stacks else reason)
        elif self._ignored:
            self._life.on_ignored(self)
        else:
            why, error = self._failure or (("exited_before_ready", reason.term()), None)
            self._life.on_start_failed(self, why, error)

    # -- stopping -----------------------------------------------------------------------------

    def ask_to_stop(self, kind: str) -> None:
        """Have the actor end after the messages it has; `kind` is `normal` or `shutdown`."""
        self.expect_end()
        self.send_stop(kind)

    def expect_end(self) -> None:
        """Hear that the actor is asked to end."""
        if self._process is None:
            self._withdraw()
        else:
            self._process.expect_end()

    def _withdraw(self) -> None:
        """Do without the process that was asked for; the start has failed then."""
        if not self._request.cancelled:
            self._request.cancelled = True
            self._failure = self._failure or (("killed", None), None)
            self._app.loop.call_soon(self.on_gone, KILLED)

    def send_stop(self, kind: str) -> None:
        """Tell the actor, if it has a process, to end after the messages it has. Any thread."""
        channel = self.channel
        if channel is None:
            return
        try:
            channel.send([STOP, 0, kind])
        except ActorDown:
            return  # it is gone already, and that is heard
        except Exception:
            self._app.loop.call_soon(self.kill)  # its outbox is full: it will not read a stop either

    def kill(self, reason: ExitReason | None = None) -> None:
        """End the process now; with a reason when the end is another's doing (a link)."""
        if self._process is None:
            self._withdraw()
            return
        if reason is not None:
            self._process.say(reason)
        self._process.kill()

    def kill_deaf(self) -> None:
        """Have a deaf process write its stacks, read them, kill it."""
        process = self._process
        if process is None or process.gone or process.stacks_fd is None:
            self.kill()
            return
        process.signal(STACKS_SIGNAL)
        self._app.loop.call_later(_STACKS_SECONDS, lambda: self._read_and_kill(process))

    def _read_and_kill(self, process: ChildProcess) -> None:
        self.stacks = "" if process.gone else read_stacks(process.pid, process.stacks_fd)
        if self.stacks:
            report_event("child", "stacks", {}, {"pid": process.pid, "urn": self.urn, "stacks": self.stacks})
        self.kill()

    # -- being the way to it ------------------------------------------------------------------

    def ask(self, message: object, timeout: float | None) -> object:
        """Send a message and wait for its answer. Any thread but the loop's."""
        if self.channel is None:
            raise ActorDown("the actor has no process yet")
        return self.channel.ask(message, timeout)

    def begin_ask(self, message: object, pending: Pending) -> int:
        """Send a message; the answer goes to `pending`. Any thread."""
        return self._open_channel().begin_ask(message, pending)

    def tell(self, message: object) -> None:
        """Send a message. Any thread."""
        if self.channel is None:
            raise ActorDown("the actor has no process yet")
        self.channel.tell(message)

    def forward(self, body: bytes, pending: Pending | None) -> Callable[[], None]:
        """Send a packed message; the packed answer goes to `pending`. Return what withdraws it."""
        channel = self._open_channel()
        encode = outer(self._app.codec).encode
        if pending is None:
            channel.send_packed(frame(encode([TELL_FOR, body])))
            return _nothing
        number = channel.next_number()
        channel.open_ask(number, frame(encode([ASK_FOR, number, body])), pending)
        return lambda: channel.forget(number)

    def attributes(self, *, fresh: bool) -> Attributes | None:
        """Return the actor's own attributes; None when it is too busy to say. Not the loop's thread if fresh."""
        return self._introspect() if fresh else self.known_attributes

    def _open_channel(self) -> Channel:
        if self.channel is None:
            raise ActorDown("the actor has no process yet")
        return self.channel

    def _introspect(self) -> Attributes | None:
        try:
            attributes: Attributes | None = self.begin_attributes().get()
        except ActorDown:
            return None
        return attributes

    def begin_attributes(self) -> ReplyFuture:
        """Ask the actor for its attributes; the future brings None when it is too busy to answer. Any thread."""
        future = ReplyFuture()
        channel = self._open_channel()
        number = channel.next_number()
        channel.open_ask(number, frame(self._app.codec.encode([INTROSPECT, number])), future)

        def give_up() -> None:
            channel.forget(number)
            future.succeed(None)

        timer = self._app.loop.call_later(_INTROSPECT_SECONDS, give_up)
        future.add_done_callback(lambda _: timer.cancel())
        return future

    def discard(self) -> None:
        """Close our descriptors in a forked copy of the application."""
        if self._process is not None:
            self._process.discard()


def _fits(content: list[Any], *kinds: Any) -> bool:
    return len(content) == 1 + len(kinds) and all(map(isinstance, content[1:], kinds))


def _nothing() -> None:
    """Withdraw nothing: a tell has no answer."""


def type_name(error: BaseException) -> str:
    """Return the name of the exception's type, also of one that could not be rebuilt here."""
    return str(getattr(error, "type_name", None) or type(error).__name__)


def _said(error: BaseException) -> str:
    said = getattr(error, "message", None)
    return said if isinstance(said, str) else str(error)
