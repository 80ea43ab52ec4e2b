"""What an agent works with: the model, the sandbox, the store; found by name, and found again after a restart."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from typing import Any, Final

import pykka

from beamlens.legion.definition import Definition
from beamlens.legion.evaluation import Evaluator
from beamlens.legion.limits import Meter
from beamlens.legion.messages import AgentConfig, Message
from beamlens.legion.rules import Rule, Violation
from beamlens.legion.state import Conversation
from beamlens.legion.store.keeper import Accept, Admit, Drop, Load, Release, Spend
from beamlens.legion.store.store import Checkpoint, ClaimLost, Lost, Saved
from beamlens.llm.client import ModelClient
from beamlens.llm.model import ModelReply, ModelRequest
from beamlens.llm.prices import DEFAULT_PRICES
from beamlens.parts import Parts
from beamlens.sandbox import Sandbox
from supervision import Ref, RemoteError, ReplyFuture, SupervisionError
from supervision.process.wire import Codec, Limits

__all__ = ["Resources"]

logger = logging.getLogger("beamlens.legion")

_SECONDS: Final = 60.0
_PATIENCE: Final = 30.0  # seconds for a store that fails; then the process ends, and the next one asks anew
_REST: Final = 0.05
_LONGEST_REST: Final = 1.0


class Resources:
    """Hold what an agent works with. The agent's process; the run thread where nothing else is said.

    Args:
        config: the agent's.
        definition: its class, made ready.
        parts: finds the parts of its tree.
        owner: the agent's own ref.
    """

    def __init__(self, config: AgentConfig, definition: Definition, parts: Parts, owner: Ref) -> None:
        self._config = config
        self._definition = definition
        self._parts = parts
        self._services = parts if config.services == config.tree else Parts(config.services)
        self._owner = owner
        self._client: ModelClient | None = None
        self._sandbox: Sandbox | None = None
        self._lock = threading.RLock()
        self._codec = Codec(Limits())
        self._written: tuple[Any, ...] = ()
        self._saving: list[tuple[Checkpoint, ReplyFuture]] = []
        self.ending = False
        self.sub_agents: dict[str, tuple[Ref, str]] = {}
        prices = {**DEFAULT_PRICES, **config.prices}
        self.meter = Meter(definition.name, definition.options.rate_limit, self._admit, self._spend, prices)

    # -- the model ------------------------------------------------------------------------------

    def complete(self, request: ModelRequest, cancel: threading.Event | None = None) -> ModelReply:
        """Ask the model once.

        Raises:
            ModelError: the request failed.
            LookupError: the tree has no gateway.
        """
        if self._client is None:
            gateway = self._services.find("gateway")
            if gateway is None:
                raise LookupError("there is no gateway to a model in this tree")
            caller = f"legion:{self._definition.name.rpartition('.')[2]}"
            self._client = ModelClient(gateway, caller, self._config.agent_id, owner=self._owner)
        return self._client.complete(request, cancel)

    # -- the sandbox ----------------------------------------------------------------------------

    def evaluator(self) -> Evaluator:
        """Return what evaluates code; one for each thread that does."""
        options = self._definition.options
        return Evaluator(
            self._definition.toolbox.functions(),
            self._find_sandbox,
            seconds=options.sandbox_timeout,
            memory_bytes=options.sandbox_max_heap,
            bindings_bytes=options.max_bindings_bytes,
            before_tools=self.flush,
        )

    def _find_sandbox(self, anew: bool) -> Sandbox | None:
        with self._lock:
            if self._sandbox is None or anew:
                keeper = self._services.find("sandbox")
                try:
                    address = None if keeper is None else keeper.ask("address", timeout=30)
                except (pykka.ActorDeadError, pykka.Timeout, SupervisionError):
                    address = None
                if address is not None:
                    self._sandbox = Sandbox(address, allow_reduced=self._config.allow_reduced_sandbox)
            return self._sandbox

    # -- the store ------------------------------------------------------------------------------

    def save(self, conversation: Conversation) -> None:
        """Begin to keep where the agent stands; what is saved later is kept later.

        Whoever is about to do what cannot be undone waits by `flush` first. Nothing is kept any more once the process
        ends: that a turn is cut off then is no end of the turn.

        Raises:
            ClaimLost: another program has the agent.
            Exception: what was saved before could not be kept, nor now.
        """
        if self.ending:
            return
        messages = conversation.context.messages
        first = _same(self._written, messages)
        bare = replace(conversation, context=replace(conversation.context, messages=()), used=self.meter.used())
        turn = conversation.turn
        checkpoint = Checkpoint(
            agent_id=self._config.agent_id,
            status="idle" if turn is None else "running",
            body=self._codec.encode(bare),
            first=first,
            messages=tuple(self._codec.encode(message) for message in messages[first:]),
            taken=None if turn is None else turn.call_id,
        )
        self._written = messages
        with self._lock:
            self._collect()
            self._saving.append((checkpoint, self._begin_ask(checkpoint)))

    def _collect(self) -> None:
        """Forget what is kept by now, and hear of what was refused, without waiting for the rest."""
        while self._saving and self._saving[0][1].wait(0):
            try:
                _owned(self._saving[0][1].get(timeout=0))
            except ClaimLost:
                raise
            except Exception:
                return self.flush()
            del self._saving[0]
        return None

    def flush(self) -> None:
        """Wait until all that was saved is kept. Any thread.

        Raises:
            ClaimLost: another program has the agent.
            Exception: it could not be; the agent should not go on.
        """
        with self._lock:
            saving, self._saving = self._saving, []
            for place, (_, future) in enumerate(saving):
                try:
                    _owned(future.get(timeout=_SECONDS))
                except ClaimLost:
                    raise
                except Exception:
                    # Later ones may have been kept without this one: all of them again, in order.
                    for checkpoint, _ in saving[place:]:
                        self._ask(checkpoint)
                    return

    def load(self) -> tuple[Conversation | None, list[Message]]:
        """Return where the agent stood, None where it is new, and the messages that wait."""
        saved = self._ask(Load(self._config.agent_id))
        if not isinstance(saved, Saved):
            return None, []
        waiting: list[Any] = [self._codec.decode(body) for body in saved.waiting]
        if saved.body is None:
            return None, waiting
        bare: Any = self._codec.decode(saved.body)
        messages: tuple[Any, ...] = tuple(self._codec.decode(body) for body in saved.messages)
        self._written = messages
        self.meter.remember(bare.used)
        return replace(bare, context=replace(bare.context, messages=messages)), waiting

    def accept(self, message: Message) -> None:
        """Have a message kept until its turn comes. Any thread; does not wait."""
        store = self._parts.find("store")
        if store is not None:
            store.tell(Accept(self._config.agent_id, message.call_id, self._codec.encode(message)))

    def give_up(self) -> None:
        """Let others have the agent; one that another started is forgotten. Any thread; does not wait."""
        self.ending = True
        store, config = self._parts.find("store"), self._config
        if store is not None:
            store.tell(Release(config.agent_id) if config.parent_id is None else Drop(config.agent_id))

    def _admit(self, rules: tuple[Rule, ...], asked: str) -> tuple[Violation, ...]:
        return tuple(self._ask(Admit(self._config.agent_id, rules, asked)))

    def _spend(self, tokens: int, money: float) -> None:
        self._ask(Spend(self._config.agent_id, tokens, money))

    def _begin_ask(self, message: Any) -> ReplyFuture:
        future: ReplyFuture = self._store().ask(message, block=False)
        return future

    def _store(self) -> Ref:
        store = self._parts.find("store")
        if store is None:
            raise LookupError("there is no store in this tree")
        return store

    def _ask(self, message: Any) -> Any:
        """Ask the store, again and again for a while where it cannot answer: a server may come back, a disk get room.

        What was asked may be asked twice.
        """
        deadline, rest = time.monotonic() + _PATIENCE, _REST
        while True:
            try:
                return _owned(self._store().ask(message, timeout=_SECONDS))
            except ClaimLost:
                raise
            except Exception as error:
                if self.ending or time.monotonic() >= deadline or _is_final(error):
                    raise
                logger.warning("the store did not take %s; it is asked again", type(message).__name__)
            time.sleep(rest)
            rest = min(rest * 2, _LONGEST_REST)


def _owned(answer: Any) -> Any:
    if isinstance(answer, Lost):
        raise ClaimLost(answer)
    return answer


def _is_final(error: Exception) -> bool:
    """Tell whether asking again cannot help: the tree has no store, or that knows nothing of the agent."""
    return isinstance(error, LookupError) or (isinstance(error, RemoteError) and error.type_name == "LookupError")


def _same(old: tuple[Any, ...], new: tuple[Any, ...]) -> int:
    """Return how many messages at the beginning are the same ones; a shortened conversation begins anew."""
    pairs = enumerate(zip(old, new, strict=False))
    return next((place for place, (one, other) in pairs if one is not other), min(len(old), len(new)))
