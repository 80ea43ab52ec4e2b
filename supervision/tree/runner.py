"""What a supervisor needs to know to run one incarnation of a child, whatever kind of actor it is."""

from __future__ import annotations

from typing import Any, Protocol

from supervision.exits import ExitReason
from supervision.process.slot import Slot, Way

__all__ = ["Entry", "Runner", "RunnerOwner"]


class Runner(Protocol):
    """Run one incarnation of a child; it is the `pid` of the decisions. Loop thread."""

    gone: bool

    def __hash__(self) -> int:
        """Return a hash: each runner is a value of its own."""

    @property
    def started_at(self) -> float:
        """When it was started, monotonic seconds."""

    def start(self) -> None:
        """Begin; the owner hears of the outcome, later or at once."""

    def ask_to_stop(self) -> None:
        """Ask it to end with reason `shutdown`."""

    def kill(self) -> None:
        """End it now."""

    def kill_deaf(self) -> None:
        """End it now, having first asked it for its stacks where that is possible."""

    @property
    def pid(self) -> int | None:
        """The process id."""

    @property
    def ref(self) -> Any:
        """What users are given for this incarnation."""


class Entry:
    """Hold the place of one child and who runs it now."""

    __slots__ = ("key", "restarts", "runner", "slot")

    def __init__(self, key: Any, slot: Slot) -> None:
        self.key = key
        self.slot = slot
        self.runner: Runner | None = None
        self.restarts = -1


class RunnerOwner(Protocol):
    """Hear how a runner fares. Loop thread."""

    def way_opened(self, entry: Entry, way: Way, number: int) -> None:
        """Hear that messages can be sent to the child's incarnation of this number."""

    def started(self, entry: Entry, runner: Runner, info: object) -> None:
        """Hear that the child runs."""

    def ignored(self, entry: Entry, runner: Runner) -> None:
        """Hear that the child declined to start."""

    def start_failed(self, entry: Entry, runner: Runner, reason: Any, error: BaseException | None) -> None:
        """Hear that the start failed."""

    def died(self, entry: Entry, runner: Runner) -> bool:
        """Hear that the child died, unasked, of a reason that is yet to be known; `exited` follows.

        Return whether a replacement takes messages already.
        """

    def exited(self, entry: Entry, runner: Runner, reason: ExitReason) -> None:
        """Hear that the child is gone."""
