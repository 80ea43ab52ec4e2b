"""Several models as one: each request goes to the next."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from beamlens.llm.model import Model, ModelReply, ModelRequest

__all__ = ["RoundRobin"]


class RoundRobin:
    """Share requests out in turn, whether the ones before have ended or not. Any event loop.

    A failure is the request's answer: a retry goes to the next model by itself, and a `fallback` over this one goes on.

    Args:
        members: the models with their names, at least one.
    """

    def __init__(self, members: Sequence[tuple[str, Model]]) -> None:
        self._members = tuple(members)
        self._turns = itertools.count()

    async def complete(self, request: ModelRequest) -> ModelReply:
        """Return what the model whose turn it is answers.

        Raises:
            ModelError: that model failed.
        """
        _, model = self._members[next(self._turns) % len(self._members)]
        return await model.complete(request)
