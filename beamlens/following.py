"""Stay with a run when the process that performs it dies in the middle: its restart goes on, and so does the wait."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import pykka

from supervision import ActorDown, Ref

__all__ = ["Follower"]

T = TypeVar("T")

_BEGINS: Final = 6  # a run that nobody remembers is begun anew at most so often: it may be what kills its performer


@dataclass(frozen=True, slots=True)
class Follower(Generic[T]):
    """Wait for a run's outcome, over the deaths of who performs it.

    Args:
        ref: to the performer; one that follows restarts.
        begin: what begins the run; its run id makes the repetition harmless.
        again: what asks the next life for the run; answered by None where that knows nothing of it.
        kind: of the outcome.
        gone: returns the outcome of a run whose performer nobody restarts, of (reason, deaths).
        crashed: hears the reason of each death that is not the last.
        begun: whether the run was begun before, by somebody who is gone.
    """

    ref: Ref
    begin: Any
    again: Any
    kind: type[T]
    gone: Callable[[str, int], T]
    crashed: Callable[[str], None] | None = None
    begun: bool = False

    def wait(self, timeout: float | None = None) -> T:
        """Return the outcome. A thread that may block.

        Args:
            timeout: seconds for each life of the performer; None: its own deadline is bound enough.

        Raises:
            pykka.Timeout: the time ran out; the run goes on.
            SupervisionError: what begins the run cannot be sent.
        """
        lives = _Lives(self)
        while lives.outcome is None:
            try:
                lives.heard(self.ref.ask(lives.question, timeout=timeout))
            except pykka.ActorDeadError as error:
                lives.died(error)
        return lives.outcome

    async def await_(self) -> T:
        """Return the outcome. An event loop, which goes on meanwhile. Raises as `wait`."""
        lives = _Lives(self)
        while lives.outcome is None:
            try:
                lives.heard(await self.ref.aask(lives.question))
            except pykka.ActorDeadError as error:
                lives.died(error)
        return lives.outcome


class _Lives(Generic[T]):
    """Decide what the next life of the performer is asked."""

    def __init__(self, follower: Follower[T]) -> None:
        self._follower = follower
        self._known = follower.begun
        self._begins = 0
        self._deaths = 0
        self.outcome: T | None = None

    @property
    def question(self) -> Any:
        """Return what to ask now."""
        if self._known:
            return self._follower.again
        self._begins += 1
        return self._follower.begin

    def heard(self, answer: Any) -> None:
        """Hear an answer: the outcome, or that nobody knows of the run."""
        if isinstance(answer, self._follower.kind):
            self.outcome = answer
        elif self._begins >= _BEGINS:
            self.outcome = self._follower.gone(f"its process died each of the {_BEGINS} times", self._deaths)
        self._known = False

    def died(self, error: pykka.ActorDeadError) -> None:
        """Hear that the performer died, for this time or for good."""
        self._deaths += 1
        self._known = True
        if not self._follower.ref.is_alive():
            self.outcome = self._follower.gone(_reason(error), self._deaths)
        elif self._follower.crashed is not None:
            self._follower.crashed(_reason(error))


def _reason(error: Exception) -> str:
    reason = error.reason if isinstance(error, ActorDown) else None
    return str(error) if reason is None else str(reason.term())
