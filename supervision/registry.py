"""Names for actors: unique keys, and groups.

Entries belong to one incarnation of an actor and go when it ends, before anybody is told that it did:
whoever hears of a Down finds the key free. The registries live in the application; actors use them by
the same functions, through it.
"""

from __future__ import annotations

from typing import Any, Literal

from pykka import ActorDeadError

from supervision.errors import MailboxFull, RequestError, SpecError
from supervision.process import context
from supervision.ref import Ref

__all__ = ["Registry"]

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
            ref: the actor; in an actor it may be left out and means that one (on a thread of the application only
                once its `on_start` has returned: tell it to itself there).
            value: kept with the entry.

        Raises:
            RequestError: `("already_registered", ref)` for a unique key that is taken, by whomever.
            ActorDeadError: the actor is gone.
            TypeError: no actor is named, outside of one.
        """
        self._call("register", key, _address(ref), value)

    def unregister(self, key: str | int, ref: Ref | None = None) -> None:
        """Remove all entries of an actor under a key."""
        self._call("unregister", key, _address(ref))

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
        """Tell every actor under a key; return how many were told: not those that are just gone, or read too slowly.

        Raises:
            MessageError: the message cannot travel.
        """
        return sum(_told(ref, message) for ref, _ in self.lookup(key))

    def _call(self, operation: str, *args: Any) -> Any:
        return context.node().call(operation, [self.name, self.keys], *args).get()


def _address(ref: Ref | None) -> list[Any] | None:
    """Return the address to send; None stands for the process that asks, which an actor's is."""
    if ref is not None:
        return list(ref.address)
    here = context.thread_actor()
    if here is None and not context.is_actor():
        raise TypeError("this is not an actor: say which one is meant, as in register(key, ref)")
    return None if here is None else list(here)


def _told(ref: Ref, message: Any) -> bool:
    try:
        ref.tell(message)
    except (ActorDeadError, MailboxFull):
        return False
    return True
