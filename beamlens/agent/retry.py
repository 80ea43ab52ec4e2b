"""Trying a failed call of a model again: how often, after how long, and when not to.

The waits are BeamLens' own, 1 s and then 2 s; what a provider asks for by retry-after is kept where it is longer.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, sleep_using_event, stop_after_attempt
from tenacity.stop import stop_base

from beamlens.errors import ModelError
from beamlens.llm.model import ModelFailure

__all__ = ["OnFailure", "RetryPolicy", "with_retry"]

T = TypeVar("T")
OnFailure = Callable[[ModelFailure, int, bool], object]


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


def with_retry(
    call: Callable[[], T],
    policy: RetryPolicy | None = None,
    *,
    cancel: threading.Event | None = None,
    deadline: float | None = None,
    on_failure: OnFailure | None = None,
    sleep: Callable[[float], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
    chance: Callable[[], float] = random.random,
) -> T:
    """Call until it succeeds, as the policy says, and return what it returned. The calling thread.

    Args:
        call: raises `ModelError` when it fails; any other error goes to the caller at once.
        policy: by default `RetryPolicy()`.
        cancel: once it is set, a wait ends and no call is made any more.
        deadline: monotonic seconds; a wait that would last longer is not begun.
        on_failure: told of each failure: what it was, how many there were, and whether it will be tried again.
            A call that was cancelled is nobody's failure and not told.
        sleep, clock, chance: stand-ins for tests.

    Raises:
        ModelError: the last failure; one of kind `cancelled` when `cancel` was set.
    """
    return _Attempts(policy or RetryPolicy(), cancel, deadline, on_failure, clock, chance).run(call, sleep)


class _Attempts:
    """Make the attempts of one call."""

    def __init__(
        self,
        policy: RetryPolicy,
        cancel: threading.Event | None,
        deadline: float | None,
        on_failure: OnFailure | None,
        clock: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        self._policy = policy
        self._cancel = cancel or threading.Event()
        self._deadline = math.inf if deadline is None else deadline
        self._on_failure = on_failure
        self._clock = clock
        self._chance = chance
        self._failures = 0

    def run(self, call: Callable[[], T], sleep: Callable[[float], None] | None) -> T:
        retrying = Retrying(
            retry=retry_if_exception(_may_succeed_later),
            stop=stop_after_attempt(self._policy.attempts) | _StopBefore(self._out_of_time),
            wait=self._wait,
            sleep=sleep or sleep_using_event(self._cancel),
            before_sleep=self._tell_retry,
            reraise=True,
        )
        try:
            result: T = retrying(self._attempt, call)
            return result
        except ModelError as error:
            self._tell(error.failure, False)
            raise

    def _attempt(self, call: Callable[[], T]) -> T:
        if self._cancel.is_set():
            raise ModelError(ModelFailure("cancelled", "cancelled before the model was asked", retryable=False))
        try:
            return call()
        except ModelError:
            self._failures += 1
            raise

    def _wait(self, state: RetryCallState) -> float:
        return self._policy.wait(self._failures, _failure(state), self._chance())

    def _out_of_time(self, state: RetryCallState) -> bool:
        return self._cancel.is_set() or self._clock() + state.upcoming_sleep >= self._deadline

    def _tell_retry(self, state: RetryCallState) -> None:
        self._tell(_failure(state), True)

    def _tell(self, failure: ModelFailure, will_retry: bool) -> None:
        if self._on_failure is not None and failure.kind != "cancelled":
            self._on_failure(failure, self._failures, will_retry)


class _StopBefore(stop_base):
    """Make a stop condition, which `|` can join with others, of a function."""

    def __init__(self, condition: Callable[[RetryCallState], bool]) -> None:
        self._condition = condition

    def __call__(self, retry_state: RetryCallState) -> bool:
        return self._condition(retry_state)


def _may_succeed_later(error: BaseException) -> bool:
    return isinstance(error, ModelError) and error.failure.retryable


def _failure(state: RetryCallState) -> ModelFailure:
    error = None if state.outcome is None else state.outcome.exception()
    assert isinstance(error, ModelError), "only a ModelError is waited after"
    return error.failure
