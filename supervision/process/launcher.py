"""The seam between supervision and the making of processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from supervision.process.child_process import ChildProcess

__all__ = ["Launcher", "Request"]


class Request:
    """Ask for one process that waits for its promotion. Loop thread.

    Args:
        taken: called with the process, at once when a spare is ready.
        failed: called with a sentence when none can be had.
    """

    __slots__ = ("cancelled", "failed", "taken")

    def __init__(self, taken: Callable[[ChildProcess], None], failed: Callable[[str], None]) -> None:
        self.taken = taken
        self.failed = failed
        self.cancelled = False


class Launcher(Protocol):
    """Make processes that wait for their promotion. Loop thread only."""

    def request(self, request: Request) -> None:
        """Answer the request, now or later."""

    def reserve(self, count: int) -> None:
        """Have `count` more spares ready from now on; negative gives them back."""

    def expect(self, count: int, modules: set[str]) -> None:
        """Hear that `count` requests are to come, for actors of these modules: processes may be made in bulk."""

    def learn(self, module: str) -> None:
        """Hear that an actor needed this module, and that its import took long."""

    def stop(self) -> None:
        """End the spares and whatever makes them."""

    def pids(self) -> list[int]:
        """Return the processes that are no actors: spares and fork servers."""

    def descriptors(self) -> set[int]:
        """Return the descriptors that are held for the processes of `pids`."""

    def discard(self) -> None:
        """Close our descriptors in a forked copy of the application."""
