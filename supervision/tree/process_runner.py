"""Run a `ProcessActor` as a child."""

from __future__ import annotations

from typing import Any

from supervision.exits import ExitReason
from supervision.process.application import Application
from supervision.process.incarnation import Incarnation
from supervision.process.orders import Orders
from supervision.process.slot import SlotTarget
from supervision.ref import Ref
from supervision.tree.runner import Entry, RunnerOwner

__all__ = ["ProcessRunner"]


class ProcessRunner:
    """Run one incarnation of an actor in a process. Loop thread.

    Args:
        app: the application.
        owner: hears how it fares.
        entry: the child's place.
        orders: what makes a process the actor.
        number: counts the child's incarnations.
    """

    def __init__(self, app: Application, owner: RunnerOwner, entry: Entry, orders: Orders, number: int) -> None:
        self.gone = False
        self._app = app
        self._owner = owner
        self._entry = entry
        self.incarnation = Incarnation(app, orders, number, self)
        entry.slot.check = app.codec.encode

    @property
    def started_at(self) -> float:
        """When it was started, monotonic seconds."""
        return self.incarnation.started_at

    @property
    def pid(self) -> int | None:
        """The process id."""
        return self.incarnation.pid

    @property
    def ref(self) -> Ref:
        """A ref to this incarnation."""
        return Ref(SlotTarget(self._entry.slot, self.incarnation.number))

    def start(self) -> None:
        """Begin."""
        self._app.add_incarnation(self.incarnation)
        self.incarnation.start()

    def ask_to_stop(self) -> None:
        """Ask it to end with reason `shutdown`."""
        self.incarnation.ask_to_stop("shutdown")

    def kill(self) -> None:
        """End it now."""
        self.incarnation.kill()

    def kill_deaf(self) -> None:
        """End it now, having first asked it for its stacks."""
        self.incarnation.kill_deaf()

    # -- Life -----------------------------------------------------------------------------------

    def on_channel(self, incarnation: Incarnation) -> None:
        """Hear that messages can be sent."""
        self._owner.way_opened(self._entry, incarnation, incarnation.number)

    def on_started(self, _incarnation: Incarnation) -> None:
        """Hear that the actor runs."""
        self._owner.started(self._entry, self, None)

    def on_ignored(self, incarnation: Incarnation) -> None:
        """Hear that the actor declined to start."""
        self._over(incarnation)
        self._owner.ignored(self._entry, self)

    def on_start_failed(self, incarnation: Incarnation, reason: Any, error: BaseException | None) -> None:
        """Hear that the start failed."""
        self._over(incarnation)
        self._owner.start_failed(self._entry, self, reason, error)

    def on_dead(self, _incarnation: Incarnation) -> bool:
        """Hear that the actor died of a reason that is yet to be known; tell whether a replacement is there."""
        self.gone = True
        return self._owner.died(self._entry, self)

    def on_exit(self, incarnation: Incarnation, reason: ExitReason) -> None:
        """Hear that the actor is gone."""
        self._over(incarnation)
        self._owner.exited(self._entry, self, reason)

    def _over(self, incarnation: Incarnation) -> None:
        self.gone = True
        self._app.remove_incarnation(incarnation)
