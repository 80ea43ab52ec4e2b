"""The actor that has the store: agents save through it, and their limits are counted by it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pykka

from beamlens.legion.rules import Rule
from beamlens.legion.store.sqlite import SqliteStore
from beamlens.legion.store.store import Checkpoint, Claim, Lost, Saved, Store
from supervision import Registry, send_after, wire_value

__all__ = ["LEAVE", "Accept", "Admit", "Agents", "Drop", "Forget", "Load", "Release", "Spend", "StoreKeeper"]

_REGISTER: Final = "register"
_RENEW: Final = "renew"
LEAVE: Final = "leave"  # told before the tree is stopped: its agents end before the keeper does
logger = logging.getLogger("beamlens.legion")


@wire_value
@dataclass(frozen=True, slots=True)
class Load:
    """Ask for what was `Saved` of an agent; the answer is `Lost` where it is another program's."""

    agent_id: str


@wire_value
@dataclass(frozen=True, slots=True)
class Accept:
    """Keep a call that waits for its turn."""

    agent_id: str
    call_id: str
    body: bytes


@wire_value
@dataclass(frozen=True, slots=True)
class Release:
    """Give an agent up."""

    agent_id: str


@wire_value
@dataclass(frozen=True, slots=True)
class Admit:
    """Ask whether one more is allowed, and count it; the answer are the violations."""

    agent_id: str
    rules: tuple[Rule, ...]
    asked: str


@wire_value
@dataclass(frozen=True, slots=True)
class Spend:
    """Count what a request took."""

    agent_id: str
    tokens: int
    money: float


@wire_value
@dataclass(frozen=True, slots=True)
class Agents:
    """Ask for all agents that are kept."""


@wire_value
@dataclass(frozen=True, slots=True)
class Forget:
    """Remove what is kept of an agent."""

    agent_id: str


@wire_value
@dataclass(frozen=True, slots=True)
class Drop:
    """Do as `Forget`, told and not asked."""

    agent_id: str


_TOLD: Final = (Accept, Release, Spend, Drop)  # nobody waits for an answer, and an error would end the keeper


class StoreKeeper(pykka.ThreadingActor):
    """Serve the store, one request after another. A thread of the application.

    What the store raises is the asker's error; the keeper goes on.

    Args:
        tree: names the registry of the tree.
        store: one that outlives this actor, so that its restart loses nothing; or the path of one to open.
        owner: names this program in claims.
        lease_seconds: for which a claim holds; renewed three times in that time.
    """

    def __init__(self, tree: str, store: Store | str | Path, owner: str, lease_seconds: float) -> None:
        super().__init__()
        self._tree = tree
        self._leaving = False
        self._given = store
        self._owner = owner
        self._lease = lease_seconds
        self._handlers: dict[type, Callable[[Any], Any]] = {}

    def on_start(self) -> None:
        """Open the store, make itself known, once it can be found; begin to renew claims."""
        given = self._given
        self._store: Store = SqliteStore(given) if isinstance(given, str | Path) else given
        self._handlers = _handlers(self._store, self._owner)
        self.actor_ref.tell(_REGISTER)
        self._later()

    def on_stop(self) -> None:
        """Give this program's agents up where it ends, and close what it opened."""
        if self._leaving:
            self._quietly(lambda: self._store.release_all(self._owner), "the claims could not be given up; they end")
        if self._store is not self._given:
            self._quietly(self._store.close, "the store could not be closed")

    def on_failure(self, *_: Any) -> None:
        """Close what it opened; the next one opens it again."""
        self.on_stop()

    def on_receive(self, message: Any) -> Any:
        """Serve the store."""
        if message == _REGISTER:
            return Registry(self._tree).register("store")
        if message == LEAVE:
            self._leaving = True
            return None
        if message == _RENEW:
            self._later()
            return self._renew()
        handler = self._handlers.get(type(message))
        if handler is None:
            raise LookupError(f"the store's keeper does not know {type(message).__name__}")
        try:
            return handler(message)
        except Exception:
            if not isinstance(message, _TOLD):
                raise
            logger.exception("%s could not be stored", type(message).__name__)
            return None

    def _renew(self) -> None:
        # Tried again before the claims end.
        self._quietly(lambda: self._store.renew(self._owner, self._lease), "the claims could not be renewed")

    def _quietly(self, function: Callable[[], None], text: str) -> None:
        try:
            function()
        except Exception:  # a store that fails must not keep the tree from stopping, nor end the keeper
            logger.exception("%s", text)

    def _later(self) -> None:
        send_after(self.actor_ref, self._lease / 3, _RENEW)


def _own(saved: Saved | None, agent_id: str, owner: str) -> Saved | Lost | None:
    """Return what was saved; a store that tells no owner has one program alone."""
    return Lost(agent_id, saved.owner) if saved is not None and saved.owner not in (None, owner) else saved


def _handlers(store: Store, owner: str) -> dict[type, Callable[[Any], Any]]:
    return {
        Checkpoint: lambda message: store.save(replace(message, owner=owner)),
        Claim: store.claim,
        Load: lambda message: _own(store.load(message.agent_id), message.agent_id, owner),
        Accept: lambda message: store.accept(message.agent_id, message.call_id, message.body),
        Release: lambda message: store.release(message.agent_id, owner),
        Admit: lambda message: store.admit(message.agent_id, message.rules, message.asked),
        Spend: lambda message: store.spend(message.agent_id, message.tokens, message.money),
        Agents: lambda _: store.agents(),
        Forget: lambda message: store.forget(message.agent_id),
        Drop: lambda message: store.forget(message.agent_id),
    }
