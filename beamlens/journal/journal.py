"""The application's end of a tree: it keeps journals, and hands what operators tell to who listens."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pykka

from beamlens.domain import Notification
from beamlens.journal.store import JournalStore
from beamlens.llm.usage import Past, UsageTally
from beamlens.parts import Parts
from supervision import Registry, wire_value

__all__ = ["Append", "Journal", "Listeners", "Outcome", "Unfinished"]

_REGISTER: Final = "register"
logger = logging.getLogger("beamlens.journal")


@wire_value
@dataclass(frozen=True, slots=True)
class Append:
    """Keep a record; `final` ends the run, `anew` makes the records before it needless."""

    owner: str
    run_id: str
    body: bytes
    anew: bool = False
    final: bool = False


@wire_value
@dataclass(frozen=True, slots=True)
class Unfinished:
    """Ask for the records of the owner's runs that have not ended."""

    owner: str


@wire_value
@dataclass(frozen=True, slots=True)
class Outcome:
    """Ask for the last record of a run that ended lately; None when there is none."""

    run_id: str


class Listeners:
    """Know who, in the application, listens to which run. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_run: dict[str, list[Callable[[Any], None]]] = {}

    def listen(self, run_id: str) -> queue.SimpleQueue[Any]:
        """Return a queue of what the run tells from now on."""
        found: queue.SimpleQueue[Any] = queue.SimpleQueue()
        with self._lock:
            self._by_run.setdefault(run_id, []).append(found.put)
        return found

    def forget(self, run_id: str) -> None:
        """Listen to a run no more."""
        with self._lock:
            self._by_run.pop(run_id, None)

    def tell(self, run_id: str, what: Any) -> None:
        """Hand something to who listens to the run."""
        with self._lock:
            found = list(self._by_run.get(run_id, ()))
        for put in found:
            put(what)


class Journal(pykka.ThreadingActor):
    """Serve operators and the coordinator. A thread of the application.

    Args:
        tree: names the registry of the tree.
        store, listeners, tally: outlive this actor, so that its restart loses nothing.
        _kept: what else the tree's handle finds here.
    """

    def __init__(self, tree: str, store: JournalStore, listeners: Listeners, tally: UsageTally, **_kept: Any) -> None:
        super().__init__()
        self._tree = tree
        self._store = store
        self._listeners = listeners
        self._tally = tally

    def on_start(self) -> None:
        """Begin to count what models are used for; make itself known, once it can be found."""
        self._tally.gateway = self.actor_ref
        self._tally.__enter__()
        self.actor_ref.tell(_REGISTER)

    def on_stop(self) -> None:
        """Count no more."""
        self._tally.__exit__()

    def on_failure(self, *_: Any) -> None:
        """Count no more; the next one goes on."""
        self._tally.__exit__()

    def on_receive(self, message: Any) -> Any:
        """Keep, find, or hand on."""
        if message == _REGISTER:
            return Registry(self._tree).register("journal")
        if isinstance(message, Append):
            return self._append(message)
        if isinstance(message, Unfinished):
            return self._store.unfinished(message.owner)
        if isinstance(message, Outcome):
            return self._store.outcome(message.run_id)
        if isinstance(message, Past):
            return self._remind(message)
        if isinstance(getattr(message, "notification", None), Notification):
            self._listeners.tell(message.run_id, message)
        return None

    def _remind(self, past: Past) -> None:
        """Tell a gateway that has just started what its predecessors used."""
        gateway = Parts(self._tree).find("gateway")
        if gateway is not None:
            gateway.tell(past)

    def _append(self, message: Append) -> None:
        try:
            if message.final:
                self._store.finish(message.owner, message.run_id, message.body)
            else:
                self._store.append(message.owner, message.run_id, message.body, anew=message.anew)
        except ValueError as error:
            logger.warning("a record of %s is not kept: %s", message.owner, error)
