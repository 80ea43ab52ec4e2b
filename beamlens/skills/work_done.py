"""How much work the application has done, so that growth can be judged by work and not by time alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

__all__ = ["WorkDone", "work_done"]


class WorkDone:
    """Sum up what those say who count work. Any thread.

    Whoever counts requests (or jobs, or messages) adds its counter while it runs.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: tuple[Callable[[], int], ...] = ()

    def add(self, counter: Callable[[], int]) -> None:
        """Count in what `counter` returns: pieces of work finished since it began; it never sinks."""
        with self._lock:
            self._counters = (*self._counters, counter)

    def remove(self, counter: Callable[[], int]) -> None:
        """Count it in no more."""
        with self._lock:
            self._counters = tuple(each for each in self._counters if each is not counter)

    def total(self) -> int | None:
        """Return the work done so far; None if nobody counts."""
        counters = self._counters
        return sum(counter() for counter in counters) if counters else None


work_done: Final = WorkDone()
"""The one of this process."""
