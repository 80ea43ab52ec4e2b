"""One request to a model within its time: what fails is told as a `ModelError` that holds nothing of the request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from beamlens.errors import ModelError
from beamlens.llm.model import ModelFailure, ModelReply, ModelRequest
from beamlens.llm.providers.errors import timeout_failure

__all__ = ["answered_in_time"]


async def answered_in_time(
    provider: str, request: ModelRequest, answer: Callable[[ModelRequest], Awaitable[ModelReply]]
) -> ModelReply:
    """Return what `answer` returns within the request's time; cancelling closes the connection.

    Args:
        provider: for the failure's text.
        request: to answer, with its `timeout` in seconds.
        answer: asks the model.

    Raises:
        ModelError: no answer, or none that can be used.
    """
    failure: ModelFailure
    try:
        async with asyncio.timeout(request.timeout):
            return await answer(request)
    except TimeoutError:
        failure = timeout_failure(provider, request.timeout)
    except ModelError as error:
        failure = error.failure
    # Raised here and not above: as the context of an error the client's own would hold the request, and that the key.
    raise ModelError(failure)
