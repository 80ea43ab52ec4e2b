"""Gateways whose models do what a test tells them to: `registry` is the name of a behaviour and what it needs."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from beamlens.errors import ConfigurationError, ModelError
from beamlens.llm.desk import Models
from beamlens.llm.gateway import Gateway
from beamlens.llm.model import Message, ModelFailure, ModelReply, ModelRequest, Usage
from supervision import ProcessActor

KEY = "BEAMLENS_TEST_KEY"
SECONDS = 20.0


def asking(text: str = "hello", **more: Any) -> ModelRequest:
    given: dict[str, Any] = {"timeout": SECONDS, "caller": "operator:vm", "run_id": "run-1"}
    return ModelRequest("be brief", (Message("user", text),), **(given | more))


class Fake:
    """Answer by the first word of the last message."""

    def __init__(self, place: str) -> None:
        self.place = Path(place)
        self.now = 0
        self.most = 0
        self.order: list[str] = []

    async def complete(self, request: ModelRequest) -> ModelReply:
        word, _, rest = request.messages[-1].text.partition(" ")
        self.now += 1
        self.most = max(self.most, self.now)
        self.order.append(request.caller)
        try:
            behave: Callable[[str], Awaitable[ModelReply]] = getattr(self, f"do_{word}")
            return await behave(rest)
        finally:
            self.now -= 1

    async def do_hello(self, rest: str) -> ModelReply:
        return ModelReply(text=f"hello {rest}".strip(), usage=Usage(100, 10), model="claude-haiku-4-5")

    async def do_unpriced(self, rest: str) -> ModelReply:
        return ModelReply(text="hello", usage=Usage(100, 10), model="of-unknown-price")

    async def do_wait(self, rest: str) -> ModelReply:
        """Wait until a file of this name is there, saying so with another one."""
        (self.place / f"{rest}.waiting").touch()
        try:
            while not (self.place / rest).exists():
                await asyncio.sleep(0.005)
        except asyncio.CancelledError:
            (self.place / f"{rest}.cancelled").touch()
            raise
        return await self.do_hello(rest)

    async def do_cling(self, rest: str) -> ModelReply:
        """Wait like `wait`, deaf to one cancellation."""
        try:
            return await self.do_wait(rest)
        except asyncio.CancelledError:
            return await self.do_wait(rest)

    async def do_block(self, rest: str) -> ModelReply:
        """Hold the whole event loop until a file of this name is there."""
        (self.place / f"{rest}.waiting").touch()
        while not (self.place / rest).exists():
            time.sleep(0.005)
        return await self.do_hello(rest)

    async def do_fail(self, rest: str) -> ModelReply:
        raise ModelError(ModelFailure("overloaded", f"busy; {os.environ.get(KEY)}", retryable=True, retry_after=3.0))

    async def do_break(self, rest: str) -> ModelReply:
        raise ZeroDivisionError(f"a defect; {os.environ.get(KEY)}")

    async def do_log(self, rest: str) -> ModelReply:
        logger = logging.getLogger("some.http.library")
        logger.warning("sent %s", {"x-api-key": os.environ.get(KEY)})
        try:
            raise ValueError(os.environ.get(KEY))
        except ValueError:
            logger.exception("it failed")
        return await self.do_hello(rest)

    async def do_key(self, rest: str) -> ModelReply:
        initial = Path("/proc/self/environ").read_bytes()
        value = os.environ.get(KEY, "")
        shown = bool(value) and value.encode() in initial
        return ModelReply(text=f"{len(value)} {shown}")

    async def do_tell(self, rest: str) -> ModelReply:
        return ModelReply(text=f"{self.most} {' '.join(self.order)}")

    async def close(self) -> None:
        (self.place / "closed").touch()


class FakeGateway(Gateway):
    """A gateway of one or two `Fake`s; its registry is a dict: `place`, and what else a test wants."""

    @classmethod
    def key_names(cls, registry: Any) -> tuple[str, ...]:
        return tuple(registry.get("keys", ()))

    def client_names(self) -> list[str]:
        return ["main", "other"]

    def model_of(self, request: ModelRequest) -> str:
        return request.model or "claude-haiku-4-5"

    def build(self) -> Models:
        registry: Any = self.registry
        place = Path(registry["place"])
        if "slow_to_load" in registry:
            while not (place / registry["slow_to_load"]).exists():
                time.sleep(0.005)
        if "refuses" in registry:
            raise ConfigurationError(f"the extra is not installed {os.environ.get(KEY, '')}")
        if "breaks" in registry:
            raise ImportError(f"no such library {os.environ.get(KEY, '')}")
        return Models({"main": Fake(str(place)), "other": Fake(str(place))}, "main")


class Operator(ProcessActor):
    """Asks a gateway from a process of its own, as operators do."""

    def __init__(self, gateway: Any, scrubbed: tuple[str, ...] = (), owning: bool = True) -> None:
        super().__init__()
        from beamlens.llm.client import ModelClient
        from beamlens.llm.environment import scrub

        scrub(scrubbed)
        self._client = ModelClient(gateway, "operator:vm", "run-1", owner=self.actor_ref if owning else None)

    def on_receive(self, message: Any) -> Any:
        if message == "environ":
            return [KEY in os.environ, Path("/proc/self/environ").read_bytes()]
        return self._client.complete(message)


class InspectedGateway(Gateway):
    """The real one, which also tells which of these modules it has loaded."""

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, list):
            return [name for name in message if name in sys.modules]
        return super().on_receive(message)
