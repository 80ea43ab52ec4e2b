"""A client that cannot work here, and says why whenever it is asked."""

from __future__ import annotations

from collections.abc import Callable

from beamlens.errors import ConfigurationError, ModelError
from beamlens.llm.model import Model, ModelFailure, ModelReply, ModelRequest

__all__ = ["Unusable", "or_unusable"]


class Unusable:
    """Answer every request with the same failure.

    Args:
        failure: why the client cannot work, such as a missing key.
    """

    def __init__(self, failure: ModelFailure) -> None:
        self.failure = failure

    async def complete(self, request: ModelRequest) -> ModelReply:
        """Raise the failure.

        Raises:
            ModelError: always.
        """
        raise ModelError(self.failure)


def or_unusable(construct: Callable[[], Model]) -> Model:
    """Return what `construct` makes, or, where it cannot, a model that says why.

    Args:
        construct: may raise ModelError (no key) or ConfigurationError (an extra is missing).
    """
    try:
        return construct()
    except ModelError as error:
        return Unusable(error.failure)
    except ConfigurationError as error:
        return Unusable(ModelFailure("configuration", str(error), retryable=False))
