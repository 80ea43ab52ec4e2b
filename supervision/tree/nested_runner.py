"""Run a supervisor as the child of another: no process and no thread, only its decisions on the same loop."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

from supervision import decisions
from supervision.errors import StartError
from supervision.exits import SHUTDOWN, ExitReason
from supervision.tree.runner import Entry

if TYPE_CHECKING:
    from supervision.tree.performer import Performer

__all__ = ["NestedRunner"]


class NestedRunner:
    """Run one incarnation of a nested supervisor. Loop thread.

    Args:
        owner: the supervisor above.
        entry: the child's place.
        supervisor_class: a `Supervisor`.
        args, kwargs: what its `init` is given.
    """

    def __init__(
        self,
        owner: Performer,
        entry: Entry,
        supervisor_class: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self.gone = False
        self.started_at = 0.0
        self.performer: Performer | None = None
        self._owner = owner
        self._entry = entry
        self._class = supervisor_class
        self._args = args
        self._kwargs = kwargs
        self._name = f"{owner.name}/{entry.key}"
        self._booted = False
        self._failure: object = None

    @property
    def pid(self) -> int | None:
        """This process' id."""
        return os.getpid()

    @property
    def ref(self) -> Any:
        """A handle of this incarnation."""
        return self._class.handle(self._owner.app, lambda: self.performer, self._name, self._class)

    def start(self) -> None:
        """Begin: the user's `init` runs on a thread of its own, as it may block."""
        if self._class.has_own_init():
            threading.Thread(target=self._init_elsewhere, name=f"init-{self._name}", daemon=True).start()
        else:
            self._init_and_boot()

    def _init_elsewhere(self) -> None:
        try:
            state = self._class.initial_state(self._args, self._kwargs)
        except BaseException as error:
            self._owner.app.loop.call_soon(self._init_failed, error)
        else:
            self._owner.app.loop.call_soon(self._boot, state)

    def _init_and_boot(self) -> None:
        try:
            state = self._class.initial_state(self._args, self._kwargs)
        except Exception as error:
            self._init_failed(error)
        else:
            self._boot(state)

    def _init_failed(self, error: BaseException) -> None:
        if self.gone:  # killed meanwhile
            return
        self.gone = True
        reason = getattr(error, "reason", None)
        if isinstance(error, StartError) and reason == "ignore":
            self._owner.ignored(self._entry, self)
        else:
            known = reason if reason is not None else (type(error).__name__, str(error))
            self._owner.start_failed(self._entry, self, known, error)

    def _boot(self, state: decisions.State) -> None:
        from supervision.tree.performer import Performer

        if self.gone:  # killed while its `init` ran
            return
        self.performer = Performer(self._owner.app, self._name, state, self._on_booted, self._on_finished)
        self.performer.feed(decisions.Boot())

    def _on_booted(self, failure: object) -> None:
        if failure is not None:
            self._failure = failure
            return
        self._booted = True
        self.started_at = time.monotonic()
        self._owner.started(self._entry, self, None)

    def _on_finished(self, reason: ExitReason) -> None:
        self.gone = True
        if self._booted:
            self._owner.exited(self._entry, self, reason)
        else:
            self._owner.start_failed(self._entry, self, self._failure, None)

    def ask_to_stop(self) -> None:
        """Ask it to stop its children in order and end with reason `shutdown`."""
        if self.performer is not None:
            self.performer.feed(decisions.StopSupervisor(SHUTDOWN))

    def kill(self) -> None:
        """End it now, with all below it."""
        if self.performer is not None:
            self.performer.kill()
        elif not self.gone:  # its `init` still runs; what that returns is not started
            self.gone = True
            self._owner.start_failed(self._entry, self, "killed", None)

    def kill_deaf(self) -> None:
        """End it now, with all below it."""
        self.kill()
