"""How long looking at the heap in place may stop the application: bounded for one look and for all looks of a call."""

from __future__ import annotations

import gc
import sys
import time
from typing import Any, Final

from beamlens.skills.heap.retaining import Stopped

__all__ = ["StopBudget"]

_LIMIT_MS: Final = 30.0
_TOTAL_MS: Final = 300.0
_FIRST_NS_PER_BLOCK: Final = 60.0  # measured: 24 on a quiet machine, 66 on a busy one
_MARGIN: Final = 1.3
_PAUSE: Final = 3.0  # the application gets this many times as long as it was stopped, in between


class StopBudget:
    """Scan the heap in place as long as neither one scan nor all together stop the application for too long.

    Args:
        limit_ms: the longest single stop.
        total_ms: of all scans.
        expected_ms: what a scan took elsewhere, if that is known.
    """

    def __init__(self, limit_ms: float = _LIMIT_MS, total_ms: float = _TOTAL_MS, expected_ms: float | None = None):
        self._limit_ms = limit_ms
        self._total_ms = total_ms
        self._expected_ms = expected_ms
        self.spent_ms = 0.0
        self.longest_ms = 0.0

    def refusal(self) -> str | None:
        """Return why the heap is not scanned in place; None if it may be."""
        expected = self._expected_ms or sys.getallocatedblocks() * _FIRST_NS_PER_BLOCK / 1e6
        if expected * _MARGIN > self._limit_ms:
            return (
                f"one look at the heap in place would stop the application for about {expected:.0f} ms; "
                f"{self._limit_ms:g} ms are accepted"
            )
        if self.spent_ms > self._total_ms:
            return f"looking at the heap in place has stopped the application for {self.spent_ms:.0f} ms in all"
        return None

    def scan(self, *objects: Any) -> list[Any]:
        """Return what refers to the objects.

        Raises:
            Stopped: the budget does not allow it.
        """
        reason = self.refusal()
        if reason is not None:
            raise Stopped(reason)
        if self.spent_ms:
            time.sleep(min(0.2, self.longest_ms / 1e3 * _PAUSE))
        began = time.thread_time()
        # From Python 3.13 on the collector leaves out a copy of the tuple `objects`, in place of the tuple itself.
        found = [each for each in gc.get_referrers(*objects) if each is not objects]
        taken = (time.thread_time() - began) * 1e3
        self.spent_ms += taken
        self.longest_ms = max(self.longest_ms, taken)
        self._expected_ms = max(taken, 0.5 * (self._expected_ms or 0.0))
        return found
