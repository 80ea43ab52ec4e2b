"""Names for actors: unique keys, and groups.

Entries belong to one incarnation of an actor and go when it ends, before anybody is told that it did:
whoever hears of a Down finds the key free. The registries live in the application; actors use them by
the same functions, through it.
"""

from __future__ import annotations

import threading
from typing import Any, ClassVar, Literal

from supervision.errors import RequestError, SpecError
from supervision.process import context
from supervision.ref import Address, Ref

__all__ = ["Registry", "registry_named"]

Keys = Literal["unique", "duplicate"]


class Registry:
    """Find actors by key. Any thread; in the application and in actors.

    Args:
        name: names the registry in every process.
        keys: `unique`, one owner for each key; `duplicate`, any number, also several of one actor.

    Raises:
        SpecError: an unknown kind of keys, or the name is used for the other kind.
    """

    def __init__(self, name: str, keys: Keys = "unique") -> None:
        if keys not in ("unique", "duplicate"):
            raise SpecError(("invalid_keys", keys), f"keys are 'unique' or 'duplicate', not {keys!r}")
        self.name = name
        self.keys = keys

    def register(self, key: str | int, ref: Ref | None = None, value: Any = None) -> None:
        """Enter an actor under a key.

        Args:
            key: a string or an integer.
            ref: the actor; in an actor it may be left out and means that one.
            value: kept with the entry.

        Raises:
            RequestError: `("already_registered", ref)` for a unique key that is taken, by whomever.
            ActorDeadError: the actor is gone.
        """
        self._call("register", key, None if ref is None else list(ref.address), value)

    def unregister(self, key: str | int, ref: Ref | None = None) -> None:
        """Remove all entries of an actor under a key."""
        self._call("unregister", key, None if ref is None else list(ref.address))

    def whereis(self, key: str | int) -> Ref | None:
        """Return the actor under a unique key, None when there is none.

        Raises:
            RequestError: the registry has duplicate keys; use `lookup`.
        """
        if self.keys != "unique":
            raise RequestError(("not_unique", self.name), f"registry {self.name!r} has duplicate keys; use lookup()")
        return self._call("whereis", key)  # type: ignore[no-any-return]

    def lookup(self, key: str | int) -> list[tuple[Ref, Any]]:
        """Return (ref, value) of every entry under a key."""
        return [(ref, value) for ref, value in self._call("members", key)]

    def dispatch(self, key: str | int, message: Any) -> int:
        """Tell every actor under a key; return how many were told."""
        entries = self.lookup(key)
        for ref, _ in entries:
            ref.tell(message)
        return len(entries)

    def _call(self, operation: str, *args: Any) -> Any:
        return context.node().call(operation, [self.name, self.keys], *args).get()


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
        present = self.entries(key)
        if self.keys == "unique" and present:
            taken = app.ref(present[0][0])
            raise RequestError(("already_registered", taken), f"{key!r} is registered already, by {taken}")
        watch = None if slot is None else slot.watch(number, lambda _: self.drop(owner), first=True)
        if watch is None:
            raise RequestError(("noproc", address[0]), "the actor to register is gone")
        self._entries.setdefault(_strict(key), []).append((owner, value))

    def entries(self, key: Any) -> list[tuple[Address, Any]]:
        """Return (address, value) of every entry under a key."""
        return list(self._entries.get(_strict(key), ()))

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
