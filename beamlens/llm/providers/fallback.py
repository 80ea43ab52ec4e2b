"""Several models as one: the next is asked where one fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from beamlens.errors import ModelError
from beamlens.llm.model import Model, ModelFailure, ModelReply, ModelRequest

__all__ = ["Fallback"]

# Asking somebody else changes nothing about these.
_FINAL = ("budget", "cancelled")


class Fallback:
    """Ask models in order until one answers. One event loop; keeps nothing of a request.

    The request's time is shared: each model gets an equal part of what is left, the last one all of it. A model's name
    in the request goes to the first model only, since another provider would not know it.

    Args:
        members: the models with their names, at least one, the preferred one first.
        clock: seconds that only grow.
    """

    def __init__(self, members: Sequence[tuple[str, Model]], clock: Callable[[], float] = time.monotonic) -> None:
        self._members = tuple(members)
        self._clock = clock

    async def complete(self, request: ModelRequest) -> ModelReply:
        """Return the first answer there is.

        Raises:
            ModelError: all failed; retryable if one of them was.
        """
        deadline = self._clock() + request.timeout
        failures: list[tuple[str, ModelFailure]] = []
        for place, (name, model) in enumerate(self._members):
            left = (deadline - self._clock()) / (len(self._members) - place)
            if left <= 0:
                failures.append((name, ModelFailure("timeout", "no time was left to ask it", retryable=True)))
                break
            asked = replace(request, timeout=left, model=request.model if place == 0 else None)
            try:
                return await model.complete(asked)
            except ModelError as error:
                failures.append((name, error.failure))
            if failures[-1][1].kind in _FINAL:
                break
        raise ModelError(_together(failures))


def _together(failures: list[tuple[str, ModelFailure]]) -> ModelFailure:
    """Say all failures as one: that of the first model that may answer later, else that of the last one asked."""
    if len(failures) == 1:
        return failures[0][1]
    text = "no client answered: " + "; ".join(f"{name}: {failure.text}" for name, failure in failures)
    last = failures[-1][1]
    if last.kind in _FINAL:
        return replace(last, text=text)
    hopeful = [failure for _, failure in failures if failure.retryable]
    if not hopeful:
        return replace(last, text=text)
    waits = [failure.retry_after for failure in hopeful]
    known = [wait for wait in waits if wait is not None]
    # A client that asked for no pause can be tried as soon as usual.
    pause = min(known) if len(known) == len(waits) else None
    return replace(hopeful[0], text=text, retry_after=pause)
