"""Classes and strategies that the tests of the wire share."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st
from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr, _ActorStop

from supervision.process import wire


class Colour(enum.Enum):
    RED = 1
    CRIMSON = 1  # noqa: PIE796 - an alias must travel too
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1


class Word(enum.StrEnum):
    HELLO = "hello"


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Bits(enum.IntFlag):
    A = 1
    B = 4


class Outer:
    class Inner(enum.Enum):
        ONE = 1


@wire.wire_value
@dataclass(frozen=True)
class Point:
    x: object
    y: object = 0
    label: str = field(default="", kw_only=True)
    length: int = field(default=7, init=False)


@wire.wire_value
@dataclass(frozen=True, slots=True)
class Positive:
    number: int

    def __post_init__(self) -> None:
        if type(self.number) is not int or self.number < 1:
            raise ValueError("a positive int is needed")


class Ref:
    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ref) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)


class NarrowRef(Ref):
    pass


def same(left: object, right: object) -> bool:
    """Compare values and types, with NaN equal to itself and the bytes types equal to bytes."""
    if isinstance(left, (bytearray, memoryview)):
        left = bytes(left)
    if type(left) is not type(right):
        return False
    if isinstance(left, float) and math.isnan(left):
        return math.isnan(right)  # type: ignore[arg-type]
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(v, right[k]) for k, v in left.items())  # type: ignore[attr-defined,index]
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))  # type: ignore[call-overload,arg-type]
    if isinstance(left, datetime):
        return left == right and left.utcoffset() == right.utcoffset()  # type: ignore[attr-defined]
    return left == right


def plain(value: object) -> Any:
    """Show fields of dataclasses and of Pykka's messages, so that `same` can look at them."""
    if isinstance(value, Point):
        return ("Point", [plain(part) for part in (value.x, value.y, value.label, value.length)])
    if isinstance(value, (ProxyCall, ProxyGetAttr, ProxySetAttr, _ActorStop)):
        return (type(value).__name__, [plain(part) for part in value])
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(plain(part) for part in value)
    return value


offsets = st.integers(-86_399_999_999, 86_399_999_999).map(lambda us: timezone(timedelta(microseconds=us)))
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.binary(),
    st.binary().map(bytearray),
    st.binary().map(lambda data: memoryview(data)),
    st.datetimes(timezones=offsets),
    st.sampled_from([*Colour, *Level, *Word, *Access, *Bits, *Outer.Inner]),
    st.sampled_from([Access.READ | Access.WRITE, Access(0), Bits.A | Bits.B, _ActorStop()]),
)
keys = st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.integers(-(2**63), 2**64 - 1))


def _containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    kwargs = st.dictionaries(st.text("abc"), inner, max_size=2)
    path = st.lists(st.text("abc"), max_size=2).map(tuple)
    arguments = st.lists(inner, max_size=2).map(tuple)
    return st.one_of(
        st.lists(inner, max_size=5),
        st.lists(inner, max_size=5).map(tuple),
        st.dictionaries(keys, inner, max_size=5),
        st.builds(Point, inner, inner, label=st.text("abc")),
        st.builds(ProxyCall, path, arguments, kwargs),
        st.builds(ProxyGetAttr, path),
        st.builds(ProxySetAttr, path, inner),
    )


messages = st.recursive(scalars, _containers, max_leaves=20)
