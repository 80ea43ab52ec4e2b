"""Stay with a run when the process that performs it dies in the middle: its restart goes on, and so does the wait."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pykka

from supervision import ActorDown, Ref, SupervisionError

__all__ = ["Follower"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Follower(Generic[T]):
    """Wait for a run's outcome, over the deaths of who performs it.

    Args:
        ref: to the performer; one that follows restarts.
        begin: what begins the run; its run id makes the repetition harmless.
        again: what asks the next life for the run; answered by None where that knows nothing of it.
        kind: of the outcome.
        gone: returns the outcome of a run whose performer nobody restarts, of (reason, deaths).
        crashed: hears the reason of each death.
    """

    ref: Ref
    begin: Any
    again: Any
    kind: type[T]
    gone: Callable[[str, int], T]
    crashed: Callable[[str], None] | None = None

    def wait(self, timeout: float | None = None) -> T:
        """Return the outcome. A thread that may block.

        Args:
            timeout: seconds for each life of the performer; None: its own deadline is bound enough.

        Raises:
            pykka.Timeout: the time ran out; the run goes on.
        """
        deaths, known = 0, False
        while True:
            try:
                answer = self.ref.ask(self.again if known else self.begin, timeout=timeout)
            except (pykka.ActorDeadError, SupervisionError) as error:
                deaths += 1
                if self._is_over(error):
                    return self.gone(_reason(error), deaths)
                known = True
                continue
            if isinstance(answer, self.kind):
                return answer
            known = False

    async def await_(self) -> T:
        """Return the outcome. An event loop, which goes on meanwhile."""
        deaths, known = 0, False
        while True:
            try:
                answer = await self.ref.aask(self.again if known else self.begin)
            except (pykka.ActorDeadError, SupervisionError) as error:
                deaths += 1
                if self._is_over(error):
                    return self.gone(_reason(error), deaths)
                known = True
                continue
            if isinstance(answer, self.kind):
                return answer
            known = False

    def _is_over(self, error: Exception) -> bool:
        if self.crashed is not None:
            self.crashed(_reason(error))
        return not self.ref.is_alive()


def _reason(error: Exception) -> str:
    reason = error.reason if isinstance(error, ActorDown) else None
    return str(error) if reason is None else str(reason.term())
