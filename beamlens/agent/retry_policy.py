"""How often a failed call of a model is tried again, and after how long.

The waits are BeamLens' own, 1 s and then 2 s; what a provider asks for by retry-after is kept where it is longer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from beamlens.llm.model import ModelFailure

__all__ = ["RetryPolicy"]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Say how failed calls are tried again.

    Args:
        attempts: calls in all.
        waits: seconds before the second call, the third ...; the last one stands for those after it.
        longest: seconds; no wait is longer, whatever a provider asks for.
        jitter: up to so many seconds are added to a wait, by chance.

    Raises:
        ValueError: a number that cannot be.
    """

    attempts: int = 3
    waits: tuple[float, ...] = (1.0, 2.0)
    longest: float = 60.0
    jitter: float = 0.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"attempts is {self.attempts!r}; a number from 1 up is expected")
        for seconds in (*self.waits, self.longest, self.jitter):
            if not (seconds >= 0 and math.isfinite(seconds)):
                raise ValueError(f"{seconds!r} is no time to wait; seconds from 0 up are expected")

    def wait(self, failures: int, failure: ModelFailure, chance: float = 0.0) -> float:
        """Return the seconds to wait after a failure.

        Args:
            failures: how many there were in a row, this one included.
            failure: the last one.
            chance: from 0 to 1, how much of the jitter is added.
        """
        planned = self.waits[min(failures, len(self.waits)) - 1] if self.waits else 0.0
        asked = failure.retry_after
        wanted = planned if asked is None or not asked >= 0 else max(planned, asked)
        return min(wanted + self.jitter * chance, self.longest)
