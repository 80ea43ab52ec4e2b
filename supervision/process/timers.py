"""Messages that are due later, for the actor that hosts them."""

from __future__ import annotations

import heapq
import itertools
import time

__all__ = ["ActorTimer", "Timers"]


class ActorTimer:
    """Stand for a message that is due later; `cancel` makes it void."""

    __slots__ = ("cancelled", "message", "target")

    def __init__(self, target: object, message: object) -> None:
        self.target = target
        self.message = message
        self.cancelled = False

    def cancel(self) -> None:
        """Have the message not sent, if it was not sent yet."""
        self.cancelled = True


class Timers:
    """Keep timers in the order in which they are due. The actor's thread only.

    Attributes:
        pending: a heap of (when, number, timer), void ones included.
    """

    def __init__(self) -> None:
        self.pending: list[tuple[float, int, ActorTimer]] = []
        self._count = itertools.count()

    def add(self, delay: float, target: object, message: object) -> ActorTimer:
        """Have `message` sent to `target` (None: the actor itself) in `delay` seconds."""
        timer = ActorTimer(target, message)
        heapq.heappush(self.pending, (time.monotonic() + delay, next(self._count), timer))
        return timer

    def next_due(self) -> float | None:
        """Return when the next one is due, in monotonic seconds."""
        while self.pending and self.pending[0][2].cancelled:
            heapq.heappop(self.pending)
        return self.pending[0][0] if self.pending else None

    def due(self) -> list[tuple[object, object]]:
        """Take out those that are due, as (target, message)."""
        found = []
        now = time.monotonic()
        while self.pending and self.pending[0][0] <= now:
            timer = heapq.heappop(self.pending)[2]
            if not timer.cancelled:
                found.append((timer.target, timer.message))
        return found
