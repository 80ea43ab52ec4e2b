"""An actor that nobody restarts: what `start()` makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pykka

from supervision.errors import StartError
from supervision.exits import ExitReason
from supervision.future import ReplyFuture
from supervision.process.incarnation import Incarnation
from supervision.process.orders import Orders
from supervision.process.slot import Slot, SlotTarget
from supervision.ref import Ref

if TYPE_CHECKING:
    from supervision.process.application import Application

__all__ = ["Solo", "start_error"]


class Solo:
    """Own one incarnation from its start to its end. Loop thread.

    Args:
        app: the application.
        orders: what makes a process the actor.
        actor_class: the actor's class.
    """

    def __init__(self, app: Application, orders: Orders, actor_class: type[Any]) -> None:
        self.started = ReplyFuture()
        self._app = app
        self._slot = Slot(orders.urn, actor_class, None, self._stop, lambda: app.loop.on_thread)
        self._incarnation = Incarnation(app, orders, 1, self)
        self._ref = Ref(SlotTarget(self._slot, 1))
        self._class = actor_class

    def start(self) -> None:
        """Begin."""
        self._app.add_slot(self._slot)
        self._app.add_incarnation(self._incarnation)
        self._incarnation.start()

    def _stop(self) -> None:
        if self._incarnation.channel is None:
            self._app.loop.call_soon(self._incarnation.ask_to_stop, "normal")
        else:  # from the calling thread: what it sends next must not overtake the stop
            self._incarnation.ask_to_stop("normal")

    def on_channel(self, incarnation: Incarnation) -> None:
        """Hear that messages can be sent."""
        self._slot.open(incarnation, incarnation.number)

    def on_started(self, _incarnation: Incarnation) -> None:
        """Hear that the actor runs."""
        self._slot.state = "up"
        pykka.ActorRegistry.register(self._ref)
        self.started.succeed(self._ref)

    def on_ignored(self, incarnation: Incarnation) -> None:
        """Hear that the actor declined to start."""
        self._end(incarnation, ExitReason("noproc"))
        self.started.fail(StartError("ignore", f"{self._class.__qualname__} declined to start"))

    def on_start_failed(self, incarnation: Incarnation, reason: Any, error: BaseException | None) -> None:
        """Hear that the start failed."""
        self._end(incarnation, ExitReason("crash", reason))
        self.started.fail(start_error(self._class, reason, error))

    def on_dead(self, _incarnation: Incarnation) -> bool:
        """Wait for `on_exit`: nobody restarts this actor."""
        return False

    def on_exit(self, incarnation: Incarnation, reason: ExitReason) -> None:
        """Hear that the actor is gone."""
        pykka.ActorRegistry.unregister(self._ref)
        self._end(incarnation, reason)

    def _end(self, incarnation: Incarnation, reason: ExitReason) -> None:
        self._app.remove_incarnation(incarnation)
        self._app.remove_slot(self._slot)
        self._slot.give_up(reason)
        self._slot.announce(incarnation.number, reason)


def start_error(actor_class: type[Any], reason: Any, error: BaseException | None) -> StartError:
    """Return the error that a failed start raises, with what the other process said."""
    made = StartError(reason, _text(actor_class, reason, error))
    made.__cause__ = error
    return made


def _text(actor_class: type[Any], reason: Any, error: BaseException | None) -> str:
    name = actor_class.__qualname__
    if error is None:
        return f"{name} did not start: {reason!r}"
    said = getattr(error, "traceback_text", "") or str(error.__cause__ or "")
    return f"{name} did not start: {type(error).__name__}: {error}" + (f"\n\n{said}" if said else "")
