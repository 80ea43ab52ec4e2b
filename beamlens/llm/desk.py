"""The gateway's inside: an event loop on a thread of its own, on which requests meet providers.

Imported in the gateway's process alone: asyncio is not for the application to load.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from beamlens import telemetry
from beamlens.errors import ConfigurationError, ModelError
from beamlens.llm.budget import Ledger
from beamlens.llm.model import Model, ModelFailure, ModelReply, ModelRequest
from beamlens.llm.secrets import Secrets
from beamlens.llm.turns import Turns
from beamlens.llm.usage import UsageCount
from supervision.future import ReplyFuture

__all__ = ["Desk", "Models"]

logger = logging.getLogger("beamlens.llm")

_LONGEST: Final = 3600.0  # seconds that one request may take
_CLOSING: Final = 2.0  # seconds for requests to end when the gateway stops

_CANCELLED: Final = ModelFailure("cancelled", "the request was cancelled", retryable=False)

Outcome = ModelReply | ModelFailure


@dataclass(frozen=True, slots=True)
class Models:
    """Hold what can be asked.

    Args:
        clients: by the names in the registry.
        primary: the name of the one that is asked where a request names none.
    """

    clients: Mapping[str, Model]
    primary: str

    def find(self, name: str | None) -> Model:
        """Return a client.

        Raises:
            ConfigurationError: there is none of that name.
        """
        wanted = self.primary if name is None else name
        if wanted not in self.clients:
            raise ConfigurationError(f"there is no client {wanted!r}; there are: {', '.join(self.clients) or 'none'}")
        return self.clients[wanted]


@dataclass(slots=True)
class _Open:
    request: ModelRequest
    reply: ReplyFuture
    task: asyncio.Task[None] | None = None
    timer: asyncio.TimerHandle | None = None
    given_up: ModelFailure | None = None
    stage: str = "for the provider's library to load"


class Desk:
    """Serve requests concurrently, each within its deadline, all within the budget.

    Args:
        build: makes the models; called once, on a thread of its own, since libraries take seconds to load.
        ledger: counts and refuses; used on the desk's thread alone.
        secrets: hides keys in what is told.
        concurrent: how many requests may be with providers at once.
        tree: whose gateway it is.
    """

    def __init__(
        self, build: Callable[[], Models], ledger: Ledger, secrets: Secrets, concurrent: int, tree: str = ""
    ) -> None:
        self._build = build
        self._ledger = ledger
        self._secrets = secrets
        self._tree = tree
        self._turns = Turns(concurrent)
        self._open: dict[str, _Open] = {}
        self._unnamed = 0
        self._loop = asyncio.new_event_loop()
        self._models: asyncio.Future[Models] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, name="gateway-desk", daemon=True)

    # -- the actor's thread -------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to serve, and to build the models in the background."""
        self._thread.start()
        threading.Thread(target=self._warm_up, name="gateway-warm-up", daemon=True).start()

    def serve(self, request: ModelRequest) -> ReplyFuture:
        """Return the future of a `ModelReply` or `ModelFailure`."""
        reply = ReplyFuture()
        self._loop.call_soon_threadsafe(self._begin, request, reply)
        return reply

    def cancel(self, request_id: str) -> None:
        """Give up a request: its connection is closed and its asker told."""
        self._loop.call_soon_threadsafe(self._cancel, request_id)

    def cancel_all(self, token: str) -> None:
        """Give up all requests whose ids begin with this."""
        self._loop.call_soon_threadsafe(self._cancel_all, token)

    def call(self, function: Callable[[Ledger], object]) -> ReplyFuture:
        """Return the future of what a function of the ledger returns."""
        reply = ReplyFuture()
        self._loop.call_soon_threadsafe(self._call, function, reply)
        return reply

    def stop(self) -> None:
        """Answer what is open, close the providers, end the thread; takes at most some seconds."""
        self._loop.call_soon_threadsafe(lambda: self._loop.create_task(self._close()))
        self._thread.join(2 * _CLOSING)

    # -- the desk's thread --------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    def _call(self, function: Callable[[Ledger], object], reply: ReplyFuture) -> None:
        try:
            reply.succeed(function(self._ledger))
        except Exception as error:
            reply.fail(error)

    def _begin(self, request: ModelRequest, reply: ReplyFuture) -> None:
        refusal = self._refusal(request)
        if refusal is not None:
            reply.succeed(refusal)
            return
        self._unnamed += 1
        key = request.id or f" {self._unnamed}"
        opened = _Open(request, reply)
        self._open[key] = opened
        opened.timer = self._loop.call_later(request.timeout, self._expire, key)
        opened.task = self._loop.create_task(self._work(key, opened))

    def _refusal(self, request: ModelRequest) -> ModelFailure | None:
        if not (isinstance(request.timeout, int | float) and 0 < request.timeout < math.inf):
            text = f"the request's timeout is {request.timeout!r}; seconds above 0 are expected"
        elif request.timeout > _LONGEST:
            text = f"the request's timeout is {request.timeout} s; at most {_LONGEST:.0f} s are allowed"
        elif request.id in self._open:
            text = f"a request with the id {request.id!r} is being served; each needs an id of its own"
        else:
            return None
        return ModelFailure("invalid_request", text, retryable=False)

    async def _work(self, key: str, opened: _Open) -> None:
        try:
            outcome = await self._serve(opened)
        except asyncio.CancelledError:
            outcome = opened.given_up or _CANCELLED
        self._finish(key, opened, outcome)

    def _finish(self, key: str, opened: _Open, outcome: Outcome) -> None:
        if opened.timer is not None:
            opened.timer.cancel()
        if self._open.get(key) is opened:
            del self._open[key]
        opened.reply.succeed(outcome)

    async def _serve(self, opened: _Open) -> Outcome:
        try:
            models = await asyncio.shield(self._models)
            model = models.find(opened.request.client)
        except ConfigurationError as error:
            return ModelFailure("configuration", self._secrets.hide(str(error)), retryable=False)
        opened.stage = "for its turn"
        async with self._turns.turn(opened.request.caller):
            opened.stage = "for the provider"
            return await self._ask_within_budget(model, opened)

    async def _ask_within_budget(self, model: Model, opened: _Open) -> Outcome:
        request = opened.request
        admitted = self._ledger.admit(request)
        if isinstance(admitted, ModelFailure):
            return admitted
        outcome: Outcome | None = None
        try:
            outcome = await self._ask(model, request)
            return outcome
        finally:
            ended = outcome or opened.given_up or _CANCELLED
            self._tell(request, ended, self._ledger.settle(admitted, ended))

    async def _ask(self, model: Model, request: ModelRequest) -> Outcome:
        try:
            return await model.complete(request)
        except ModelError as error:
            return replace(error.failure, text=self._secrets.hide(error.failure.text))
        except Exception as error:
            logger.warning("the provider failed in a way of its own", exc_info=error)
            text = self._secrets.hide(f"the provider failed: {type(error).__name__}: {error}")
            return ModelFailure("malformed", text, retryable=True)

    def _tell(self, request: ModelRequest, outcome: Outcome, count: UsageCount) -> None:
        failure = outcome.kind if isinstance(outcome, ModelFailure) else None
        measurements: dict[str, Any] = {
            "input_tokens": count.usage.input_tokens,
            "output_tokens": count.usage.output_tokens,
            "cache_read_tokens": count.usage.cache_read_tokens,
            "cache_write_tokens": count.usage.cache_write_tokens,
            "cost_usd": None if count.unpriced else count.money,
        }
        about = {
            "trace_id": request.run_id,
            "caller": request.caller,
            "client": request.client,
            "model": outcome.model if isinstance(outcome, ModelReply) else self._ledger.model_of(request),
            "failure": failure,
            "tree": self._tree,
        }
        telemetry.emit(("beamlens", "llm", "usage"), measurements, about)

    def _expire(self, key: str) -> None:
        opened = self._open.get(key)
        if opened is not None:
            text = f"no answer within {opened.request.timeout:g} s; the time went by waiting {opened.stage}"
            self._give_up(key, opened, ModelFailure("timeout", text, retryable=True))

    def _cancel(self, request_id: str) -> None:
        opened = self._open.get(request_id)
        if opened is not None:
            self._give_up(request_id, opened, _CANCELLED)

    def _cancel_all(self, token: str) -> None:
        for request_id in [each for each in self._open if each.startswith(token)]:
            self._cancel(request_id)

    def _give_up(self, key: str, opened: _Open, failure: ModelFailure) -> None:
        opened.given_up = failure
        # Answered before the task has ended: a provider that takes its time to let go must not hold the asker.
        self._finish(key, opened, failure)
        if opened.task is not None:
            opened.task.cancel()

    async def _close(self) -> None:
        failure = ModelFailure("gateway_down", "the gateway is being stopped", retryable=True)
        tasks = [opened.task for opened in self._open.values() if opened.task is not None]
        for key, opened in list(self._open.items()):
            self._give_up(key, opened, failure)
        if tasks:
            await asyncio.wait(tasks, timeout=_CLOSING)
        if self._models.done() and self._models.exception() is None:
            await self._close_models(self._models.result())
        self._loop.stop()

    async def _close_models(self, models: Models) -> None:
        for name, model in models.clients.items():
            close = getattr(model, "close", None)
            if close is None:
                continue
            try:
                await asyncio.wait_for(close(), _CLOSING)
            except Exception as error:
                logger.debug("client %s did not close: %s", name, error)

    # -- the thread that builds -----------------------------------------------------------------------

    def _warm_up(self) -> None:
        begun = time.monotonic()
        try:
            models = self._build()
        except Exception as error:
            text = self._secrets.hide(str(error))
            if not isinstance(error, ConfigurationError):
                text = f"the providers could not be made: {type(error).__name__}: {text}"
            logger.error("no model can be asked: %s", text)
            self._post(self._models.set_exception, ConfigurationError(text))
        else:
            logger.debug("the providers were ready after %.2f s", time.monotonic() - begun)
            self._post(self._models.set_result, models)

    def _post(self, function: Callable[..., object], argument: object) -> None:
        try:
            self._loop.call_soon_threadsafe(function, argument)
        except RuntimeError:  # stopped meanwhile
            logger.debug("the gateway stopped before its providers were ready")
