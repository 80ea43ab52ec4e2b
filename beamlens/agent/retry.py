"""Trying a failed call of a model again: how often, after how long, and when not to.

Apart from its policy, since it brings tenacity along, which the application's process should not import.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, sleep_using_event, stop_after_attempt
from tenacity.stop import stop_base

from beamlens.agent.retry_policy import RetryPolicy
from beamlens.errors import ModelError
from beamlens.llm.model import ModelFailure

__all__ = ["OnFailure", "RetryPolicy", "with_retry"]

T = TypeVar("T")
OnFailure = Callable[[ModelFailure, int, bool], object]


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
