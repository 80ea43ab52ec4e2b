"""What the allocators held over time: in use, free, and since when most of it has been free."""

from __future__ import annotations

import time
from collections import deque
from typing import Any, Final

from beamlens.skills.interpreter.allocators import MallocGauge
from beamlens.skills.interpreter.ledger import Ledger, free_bytes, free_part, megabytes, read_ledger
from beamlens.skills.interpreter.trend import Growth, growth

__all__ = ["AllocatorHistory"]

_KEPT: Final = 120
_WINDOW: Final = 300.0
_LEAST_SECONDS: Final = 12.0
_FRAGMENTED: Final = 0.5
_MIB: Final = 1 << 20


class AllocatorHistory:
    """Keep ledgers. `look` from one thread at a time; reading from any."""

    def __init__(self) -> None:
        self.gauge = MallocGauge()
        self._ledgers: deque[Ledger] = deque(maxlen=_KEPT)

    def look(self, now: float) -> None:
        """Read one more ledger; call it every few seconds.

        Args:
            now: unused; a ledger has its own time.
        """
        del now
        self._ledgers.append(read_ledger(self.gauge))

    @property
    def ledgers(self) -> list[Ledger]:
        """Return the ledgers, oldest first."""
        return list(self._ledgers)

    def fragmented_seconds(self) -> float | None:
        """Return for how long most of the anonymous memory has been free in the allocators; None if not known."""
        parts = [(each.when, free_part(each)) for each in self.ledgers]
        if not parts or parts[-1][1] is None:
            return None
        mostly = [part is not None and part >= _FRAGMENTED for _, part in parts]
        since = next((when for at, (when, _) in enumerate(parts) if all(mostly[at:])), parts[-1][0])
        return round(parts[-1][0] - since, 1)

    def growth_of_used(self) -> dict[str, Any] | None:
        """Return how the memory in live blocks, small and large, moved; None where too little is known."""
        points = [(each.when, float(used)) for each in self.ledgers if (used := _used(each)) is not None]
        recent = [point for point in points if point[0] >= points[-1][0] - _WINDOW]
        moved: Growth | None = growth(recent, _LEAST_SECONDS)
        if moved is None:
            return None
        return {
            "mb": round(moved.change / _MIB, 2),
            "per_minute": round(moved.per_minute / _MIB, 2),
            "seconds": round(moved.seconds, 1),
            "steady": moved.steady,
        }

    def rows(self, limit: int) -> list[dict[str, Any]]:
        """Return the last ledgers in MB, newest first.

        Args:
            limit: how many at most.
        """
        now = time.monotonic()
        return [
            {
                "ago_seconds": round(now - each.when, 1),
                "rss_mb": megabytes(each.process.rss),
                "used_mb": megabytes(_used(each)),
                "free_mb": megabytes(free_bytes(each)),
                "free_part": None if (part := free_part(each)) is None else round(part, 3),
            }
            for each in reversed(self.ledgers[-limit:])
        ]


def _used(ledger: Ledger) -> int | None:
    if ledger.pymalloc is None or ledger.malloc is None:
        return None
    return ledger.pymalloc.used + ledger.malloc.used
