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
    """Keep timers in the order in which they are due. The actor's thread only."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, ActorTimer]] = []
        self._count = itertools.count()

    def __bool__(self) -> bool:
        return bool(self._heap)

    def add(self, delay: float, target: object, message: object) -> ActorTimer:
        """Have `message` sent to `target` (None: the actor itself) in `delay` seconds."""
        timer = ActorTimer(target, message)
        heapq.heappush(self._heap, (time.monotonic() + delay, next(self._count), timer))
        return timer

    def next_due(self) -> float | None:
        """Return when the next one is due, in monotonic seconds."""
        while self._heap and self._heap[0][2].cancelled:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def due(self) -> list[tuple[object, object]]:
        """Take out those that are due, as (target, message)."""
        found = []
        now = time.monotonic()
        while self._heap and self._heap[0][0] <= now:
            timer = heapq.heappop(self._heap)[2]
            if not timer.cancelled:
                found.append((timer.target, timer.message))
        return found
