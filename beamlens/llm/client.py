"""The callers' side of the gateway: ask, wait with a deadline, give up when told to."""

from __future__ import annotations

import hashlib
import threading
import time
from copy import copy
from dataclasses import replace
from typing import Any, Final

import pykka

from beamlens.domain.ids import new_id
from beamlens.errors import ModelError
from beamlens.llm.gateway import Attend, Cancel
from beamlens.llm.model import ModelFailure, ModelReply, ModelRequest
from supervision.errors import MailboxFull, MessageError, ProtocolError, RemoteError, SupervisionError
from supervision.future import ReplyFuture
from supervision.ref import Ref

__all__ = ["ModelClient"]

_MARGIN: Final = 2.0  # seconds beyond the request's own deadline, which the gateway keeps
_GLANCE: Final = 0.05  # seconds between two looks at `cancel`


class ModelClient:
    """Ask models through the gateway. Any thread, in the application and in actors; one serves several threads.

    Args:
        gateway: a ref that follows restarts.
        caller: who asks, such as `operator:vm`.
        run_id: the run's trace id.
        client: the name of a client in the registry; None for the primary one.
        margin: seconds to wait for the gateway beyond a request's timeout.
        owner: the actor in which this is used; when it ends, the gateway gives its requests up.
    """

    def __init__(
        self,
        gateway: Ref,
        caller: str = "",
        run_id: str = "",
        *,
        client: str | None = None,
        margin: float = _MARGIN,
        owner: Ref | None = None,
    ) -> None:
        self._gateway = gateway
        self._caller = caller
        self._run_id = run_id
        self._client = client
        self._margin = margin
        self._owner = owner
        self._token = new_id() if owner is None else _token_of(owner)

    def for_run(self, run_id: str) -> ModelClient:
        """Return a client of the same caller for another run."""
        other = copy(self)
        other._run_id = run_id
        return other

    def complete(self, request: ModelRequest, cancel: threading.Event | None = None) -> ModelReply:
        """Return the model's answer; waits no longer than the request's timeout and a margin.

        Args:
            request: `caller`, `run_id`, `client` and `id` are filled in where they are empty.
            cancel: once it is set the request is given up, within 50 ms.

        Raises:
            ModelError: the call failed; `gateway_down` when the gateway died meanwhile, `cancelled` when it was given
                up, `timeout` when no answer came.
        """
        if cancel is not None and cancel.is_set():
            raise _failed("cancelled", "the request was cancelled before it was sent")
        signed = self._sign(request)
        try:
            if self._owner is not None:
                # Each time: the gateway may be another one than before, and knows what it has heard already.
                self._gateway.tell(Attend(self._owner, self._token))
            outcome = self._wait(self._gateway.ask(signed, block=False), signed, cancel)
        except pykka.ActorDeadError as error:
            raise _failed("gateway_down", f"the gateway died: {error}", retryable=True) from error
        except MailboxFull as error:
            raise _failed("overloaded", f"the gateway has too much to do: {error}", retryable=True) from error
        except MessageError as error:
            raise _failed("invalid_request", f"the request cannot be sent to the gateway: {error}") from error
        except (ProtocolError, RemoteError) as error:
            raise _failed("gateway_down", f"the gateway did not answer: {error}", retryable=True) from error
        if isinstance(outcome, ModelReply):
            return outcome
        if isinstance(outcome, ModelFailure):
            raise ModelError(outcome)
        raise _failed("malformed", f"the gateway answered {type(outcome).__name__}; a ModelReply is expected")

    def _sign(self, request: ModelRequest) -> ModelRequest:
        return replace(
            request,
            caller=request.caller or self._caller,
            run_id=request.run_id or self._run_id,
            client=request.client if request.client is not None else self._client,
            id=request.id or f"{self._token}-{new_id()}",
        )

    def _wait(self, answer: ReplyFuture, request: ModelRequest, cancel: threading.Event | None) -> Any:
        deadline = time.monotonic() + request.timeout + self._margin
        while not answer.wait(_until(deadline, cancel)):
            if cancel is not None and cancel.is_set():
                self._give_up(request)
                raise _failed("cancelled", "the request was cancelled")
            if time.monotonic() >= deadline:
                self._give_up(request)
                waited = request.timeout + self._margin
                raise _failed("timeout", f"the gateway did not answer within {waited:g} s", retryable=True)
        return answer.get(timeout=0)

    def _give_up(self, request: ModelRequest) -> None:
        try:
            self._gateway.tell(Cancel(request.id))
        except (pykka.ActorDeadError, SupervisionError):
            return  # with the gateway its requests ended, too


def _token_of(owner: Ref) -> str:
    # The same for all clients of an actor: the gateway then watches it once.
    urn, incarnation = owner.address
    return hashlib.sha256(f"{urn} {incarnation}".encode()).hexdigest()[:16]


def _until(deadline: float, cancel: threading.Event | None) -> float:
    left = max(deadline - time.monotonic(), 0.0)
    return left if cancel is None else min(left, _GLANCE)


def _failed(kind: Any, text: str, *, retryable: bool = False) -> ModelError:
    return ModelError(ModelFailure(kind, text, retryable))
