"""What the runners have in common that run a child on threads of this process."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from supervision.exits import ExitReason
from supervision.process.application import Application
from supervision.tree.local_way import LocalWay
from supervision.tree.runner import Entry, RunnerOwner

__all__ = ["LocalRunner"]


class LocalRunner(ABC):
    """Hold one incarnation of a child, and tell its owner once how it ended. Loop thread.

    Args:
        app: the application.
        owner: hears how it fares.
        entry: the child's place.
        number: counts the child's incarnations.
    """

    def __init__(self, app: Application, owner: RunnerOwner, entry: Entry, number: int) -> None:
        self.gone = False
        self.started_at = 0.0
        self.ref: Any = None
        self._app = app
        self._owner = owner
        self._entry = entry
        self._number = number

    @property
    @abstractmethod
    def pid(self) -> int | None:
        """The process id."""

    @abstractmethod
    def start(self) -> None:
        """Begin."""

    @abstractmethod
    def ask_to_stop(self) -> None:
        """Ask it to end with reason `shutdown`."""

    @abstractmethod
    def kill(self) -> None:
        """End it now; what runs on a thread is abandoned."""

    @abstractmethod
    def kill_deaf(self) -> None:
        """End it now, having first asked it for its stacks where that is possible."""

    def _open_way(self) -> None:
        self._owner.way_opened(self._entry, LocalWay(self.ref, self._number, self._app.codec), self._number)

    def _exited(self, reason: ExitReason) -> None:
        if not self.gone:
            self.gone = True
            self._owner.exited(self._entry, self, reason)

    def _ignored(self) -> None:
        if not self.gone:
            self.gone = True
            self._owner.ignored(self._entry, self)

    def _failed(self, reason: object, error: BaseException | None) -> None:
        if not self.gone:
            self.gone = True
            self._owner.start_failed(self._entry, self, reason, error)
