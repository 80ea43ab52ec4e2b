"""The entries of registries, in the application."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

from supervision.errors import RequestError, SpecError
from supervision.ref import Address

__all__ = ["Table", "registry_named"]


class Table:
    """Hold the entries of one registry, in the application. Loop thread."""

    _tables: ClassVar[dict[str, Table]] = {}
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, name: str, keys: str) -> None:
        self.name = name
        self.keys = keys
        self._entries: dict[Any, list[tuple[Address, Any]]] = {}

    def add(self, app: Any, key: Any, address: Address, value: Any) -> None:
        """Enter an incarnation under a key, until it ends."""
        slot = app.slot(address[0])
        number = address[1] or (slot.number if slot is not None else 0)
        owner = (address[0], number)
        present = self.entries(app, key)
        if self.keys == "unique" and present:
            taken = app.ref(present[0][0])
            raise RequestError(("already_registered", taken), f"{key!r} is registered already, by {taken}")
        watch = None if slot is None else slot.watch(number, lambda _: self.drop(owner), first=True)
        if watch is None:
            raise RequestError(("noproc", address[0]), "the actor to register is gone")
        self._entries.setdefault(_strict(key), []).append((owner, value))

    def entries(self, app: Any, key: Any) -> list[tuple[Address, Any]]:
        """Return (address, value) of every entry under a key whose owner lives.

        An end is announced a moment after the replacement is on its way, which may come here first.
        """
        return [entry for entry in self._entries.get(_strict(key), ()) if _lives(app, entry[0])]

    def remove(self, key: Any, urn: str) -> None:
        """Remove the entries of an actor under a key."""
        kept = [entry for entry in self._entries.get(_strict(key), ()) if entry[0][0] != urn]
        self._keep(_strict(key), kept)

    def drop(self, owner: Address) -> None:
        """Remove every entry of an incarnation: it is gone."""
        for key in list(self._entries):
            self._keep(key, [entry for entry in self._entries[key] if entry[0] != owner])

    def _keep(self, key: Any, entries: list[tuple[Address, Any]]) -> None:
        if entries:
            self._entries[key] = entries
        else:
            self._entries.pop(key, None)


def _lives(app: Any, owner: Address) -> bool:
    slot = app.slot(owner[0])
    return slot is not None and slot.number == owner[1] and slot.way is not None


def _strict(key: Any) -> tuple[str, Any]:
    # 1 is neither 1.0 nor True: keys are compared strictly, as Elixir's are.
    return (type(key).__name__, key)


def registry_named(identity: Any) -> Table:
    """Return the table of a registry, made at its first use. Loop thread.

    Raises:
        SpecError: the name is used for a registry with other keys.
    """
    name, keys = identity
    with Table._lock:
        table = Table._tables.setdefault(name, Table(name, keys))
    if table.keys != keys:
        raise SpecError(("registry_exists", name), f"registry {name!r} has {table.keys} keys, not {keys}")
    return table
