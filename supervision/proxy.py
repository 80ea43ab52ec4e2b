"""Proxies for actors whose objects live in another process.

Pykka's proxy looks at the actor object itself. Ours gets a stand-in: an empty object of the actor's
class, with a placeholder for each attribute that the actor said it has. So a proxy is made without a
word to the actor, and that of a busy actor does not hang.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import lru_cache
from inspect import isabstract
from typing import Any, cast

import pykka
from pykka.messages import ProxyGetAttr

__all__ = ["Attributes", "Proxy", "describe", "stand_in"]

Attributes = list[tuple[str, bool, object]]  # name, callable, attributes of a traversable one or None


class _Placeholder:
    """Stand for an attribute's value."""


class _CallablePlaceholder(_Placeholder):
    def __call__(self) -> None:
        raise TypeError("a placeholder for an attribute of an actor in another process cannot be called")


class _TraversablePlaceholder(_Placeholder):
    _pykka_traversable = True  # private, so that no attribute of that name takes its place


def describe(thing: object, depth: int = 4) -> Attributes:
    """Say which public attributes an object has of its own, for a stand-in elsewhere."""
    return _describe(vars(thing), depth)


@lru_cache(maxsize=256)
def describe_class(actor_class: Hashable) -> Attributes:
    """Say which public attributes an actor class has beyond Pykka's, for where the class is not known."""
    return [
        found for found in _describe(_of_classes(cast(type[Any], actor_class)), 4) if not hasattr(pykka.Actor, found[0])
    ]


def _describe(attributes: Mapping[str, object], depth: int) -> Attributes:
    return [
        (name, callable(value), _describe(_all_of(value), depth - 1) if depth and _traversable(value) else None)
        for name, value in list(attributes.items())
        if not name.startswith("_") and name not in _PYKKAS_OWN
    ]


def _all_of(thing: object) -> dict[str, object]:
    return {**_of_classes(type(thing)), **getattr(thing, "__dict__", {})}


def _of_classes(cls: type[Any]) -> dict[str, object]:
    found: dict[str, object] = {}
    for base in reversed(cls.__mro__):
        found.update(vars(base))
    return found


_PYKKAS_OWN = frozenset({"actor_urn", "actor_inbox", "actor_stopped"})


def _traversable(value: object) -> bool:
    return getattr(value, "_pykka_traversable", False) is True or getattr(value, "pykka_traversable", False) is True


def stand_in(actor_class: type[Any], attributes: Attributes | None) -> Any:
    """Return an object that Pykka's introspection takes for the actor."""
    if isabstract(actor_class):  # Pykka's own base, where the actor's class is not known
        actor_class = type(actor_class.__name__, (actor_class,), dict.fromkeys(actor_class.__abstractmethods__))
    actor = object.__new__(actor_class)
    _fill(actor, attributes or [])
    return actor


def _fill(thing: Any, attributes: Attributes) -> None:
    for name, is_callable, nested in attributes:
        placeholder: _Placeholder
        if isinstance(nested, list):
            placeholder = _TraversablePlaceholder()
            _fill(placeholder, nested)
        else:
            placeholder = _CallablePlaceholder() if is_callable else _Placeholder()
        vars(thing)[name] = placeholder


class Proxy(pykka.ActorProxy[Any]):
    """Be Pykka's `ActorProxy` for an actor in another process.

    An attribute that the actor got after its start is looked up there; when the actor is too busy to
    say whether it has it, the future of the attribute tells, in place of an `AttributeError` at once.
    """

    def __getattr__(self, name: str) -> Any:
        """Return a method's proxy or an attribute's future."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name.startswith("_"):
                raise
        attributes = self.actor_ref.attributes()  # type: ignore[attr-defined]
        if attributes is None:
            return self.actor_ref.ask(ProxyGetAttr(attr_path=(*self._attr_path, name)), block=False)
        self._actor = stand_in(self.actor_ref.actor_class, attributes)
        return super().__getattr__(name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Proxy) and (self.actor_ref, self._attr_path) == (
            other.actor_ref,
            other._attr_path,
        )

    def __hash__(self) -> int:
        return hash((self.actor_ref, self._attr_path))
