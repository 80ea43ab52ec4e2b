"""What ends a run from outside: its deadline, and being cancelled."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from beamlens.llm.model import ModelFailure

__all__ = ["Control", "Interrupted"]

_LOOK = 0.05  # seconds between two looks at whether a wait may end early


class Interrupted(Exception):
    """The run was cancelled, or its time is over."""

    def __init__(self, ending: Literal["cancelled", "deadline"], reason: str) -> None:
        super().__init__(reason)
        self.ending: Literal["cancelled", "deadline"] = ending
        self.reason = reason


class Control:
    """Let others end a run, and the run's thread notice. Any thread.

    Args:
        seconds: the deadline, from now; None for none.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.cancelled = threading.Event()
        self.failure: ModelFailure | None = None
        self._seconds = seconds
        self._deadline = None if seconds is None else time.monotonic() + seconds
        self._reason = "cancelled"

    @classmethod
    def since(cls, asked_at: float, seconds: float | None) -> Self:
        """Return the control of a run that was asked for before: its time has run since then.

        Args:
            asked_at: seconds since the epoch; a moment that is to come counts as now.
            seconds: the deadline, from then; None for none.
        """
        control = cls(seconds)
        if control._deadline is not None:
            control._deadline -= max(0.0, time.time() - asked_at)
        return control

    def cancel(self, reason: str = "cancelled") -> None:
        """End the run as soon as it can be."""
        self._reason = reason
        self.cancelled.set()

    def remaining(self) -> float | None:
        """Return the seconds that are left, None where there is no deadline."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def check(self) -> None:
        """Raise `Interrupted` if the run is over."""
        if self.cancelled.is_set():
            raise Interrupted("cancelled", self._reason)
        if self.remaining() == 0.0:
            raise Interrupted("deadline", f"the run took longer than the {self._seconds:g} seconds it was given")

    def sleep(self, seconds: float, until: Callable[[], bool] | None = None) -> None:
        """Wait; raise `Interrupted` as soon as the run is over, return early once `until()` holds."""
        end = time.monotonic() + seconds
        while not (until is not None and until()):
            left = end - time.monotonic()
            remaining = self.remaining()
            if left <= 0:
                break
            wait = left if remaining is None else min(left, remaining)
            if self.cancelled.wait(wait if until is None else min(wait, _LOOK)) or remaining == 0.0:
                break
        self.check()

    def remember_failure(self, failure: ModelFailure) -> None:
        """Keep the failure that ended the run, for who wants to know more than its text."""
        self.failure = failure
