"""The stand-in that Pykka's introspection looks at in place of an actor of another process."""

from __future__ import annotations

from typing import Any

import pykka
import pytest
from pykka._introspection import introspect_attrs

from supervision import ProcessActor
from supervision.proxy import describe, describe_class, stand_in


class Part:
    """Be reached through a proxy."""

    shared = 1

    def __init__(self, inner: Any = None) -> None:
        self.own = 2
        self._private = 3
        self.inner = inner

    def method(self) -> None:
        """Do nothing."""


class Slotted:
    pykka_traversable = True
    __slots__ = ("x",)


class Model(ProcessActor):
    """Be introspected without being started."""

    colour = "red"
    part_of_class = pykka.traversable(Part())

    def method(self) -> None:
        """Do nothing."""

    @property
    def broken(self) -> int:
        raise AssertionError("properties are not looked at")

    @staticmethod
    def helper() -> None:
        """Do nothing."""


def model(**attributes: Any) -> Any:
    made = object.__new__(Model)
    vars(made).update(attributes)
    return made


def shape(actor: Any) -> dict[Any, Any]:
    return {path: tuple(info) for path, info in introspect_attrs(root=actor, proxy=object()).items()}  # type: ignore[arg-type]


MODELS = {
    "nothing": {},
    "values": {"x": 1, "y": [2], "_hidden": 3},
    "a callable": {"function": len},
    "a part": {"part": pykka.traversable(Part())},
    "parts in parts": {"part": pykka.traversable(Part(pykka.traversable(Part(pykka.traversable(Part())))))},
    "a plain object": {"part": Part()},
    "an attribute over a method": {"method": 5},
    "a slotted part": {"part": Slotted()},
}


@pytest.mark.parametrize("attributes", MODELS.values(), ids=MODELS.keys())
def test_the_stand_in_has_the_shape_of_the_actor(attributes: dict[str, Any]) -> None:
    actor = model(**attributes)
    assert shape(stand_in(Model, describe(actor))) == shape(actor)


@pytest.mark.parametrize("attributes", MODELS.values(), ids=MODELS.keys())
def test_where_the_class_is_not_known_the_shape_is_the_same(attributes: dict[str, Any]) -> None:
    actor = model(**attributes)
    made = shape(stand_in(pykka.Actor, describe_class(Model) + describe(actor)))
    wanted = shape(actor)
    assert {path: info for path, info in made.items() if path in wanted} == {
        path: info for path, info in wanted.items() if path in made
    }
    assert all(hasattr(ProcessActor, path[0]) for path in wanted if path not in made)


def test_what_is_described_can_be_sent_and_says_nothing_of_values() -> None:
    from supervision.process.wire import Codec, Limits

    found = describe(model(secret="password", part=pykka.traversable(Part())))
    codec = Codec(Limits())
    sent = codec.encode(found)
    assert b"password" not in sent
    assert codec.decode(sent) == found


def test_a_circle_of_parts_ends() -> None:
    part = pykka.traversable(Part())
    part.inner = part
    assert describe(model(part=part))


def test_pykkas_own_attributes_are_not_described() -> None:
    assert describe(model(actor_urn="x", actor_inbox=1, actor_stopped=2, x=3)) == [("x", False, None)]


def test_a_stand_in_of_none_is_the_class_alone() -> None:
    assert shape(stand_in(Model, None)) == shape(model())


def test_a_placeholder_cannot_be_called() -> None:
    with pytest.raises(TypeError, match="placeholder"):
        stand_in(Model, [("function", True, None)]).function()
