"""Ask the model for a run's next step: through the gateway, again where that may help, told as events."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from beamlens.agent.control import Control
from beamlens.agent.observer import Observer
from beamlens.agent.retry_policy import RetryPolicy
from beamlens.errors import ModelError
from beamlens.llm.model import ModelFailure, ModelReply, ModelRequest

__all__ = ["Asking"]


class Asking:
    """Ask, with retries. The run's thread.

    Args:
        complete: calls the model once: `ModelClient.complete`.
        control: of the run.
        observer: hears of each attempt.
        policy: of the retries.
        iteration: returns the run's present step.
    """

    def __init__(
        self,
        complete: Callable[..., ModelReply],
        control: Control,
        observer: Observer,
        policy: RetryPolicy,
        iteration: Callable[[], int],
    ) -> None:
        self._complete = complete
        self._control = control
        self._observer = observer
        self._policy = policy
        self._iteration = iteration

    def __call__(self, request: ModelRequest) -> ModelReply:
        """Return the model's answer.

        Raises:
            ModelError: the last attempt failed.
            Interrupted: the run is over.
        """
        from beamlens.agent.retry import with_retry  # here: the application imports this module, and not tenacity

        remaining = self._control.remaining()
        deadline = None if remaining is None else time.monotonic() + remaining
        try:
            return with_retry(
                lambda: self._attempt(request),
                self._policy,
                cancel=self._control.cancelled,
                deadline=deadline,
                on_failure=self._failed,
            )
        except ModelError:
            self._control.check()  # a run that is over did not fail: it was ended
            raise

    def _attempt(self, request: ModelRequest) -> ModelReply:
        remaining = self._control.remaining()
        if remaining is not None:
            request = replace(request, timeout=max(0.001, min(request.timeout, remaining)))
        iteration = self._iteration()
        self._observer.llm_started(iteration, len(request.messages))
        began = time.monotonic_ns()
        try:
            reply = self._complete(request, self._control.cancelled)
        except ModelError as error:
            self._observer.llm_failed(iteration, error.failure, time.monotonic_ns() - began)
            raise
        self._observer.llm_stopped(iteration, reply, time.monotonic_ns() - began)
        return reply

    def _failed(self, failure: ModelFailure, retry_count: int, will_retry: bool) -> None:
        self._observer.llm_error(failure, retry_count, will_retry)
