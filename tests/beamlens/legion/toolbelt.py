"""Tools as people write them: with all kinds of hints, results and ways to be called."""

from __future__ import annotations

import asyncio
import functools
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, NewType, NotRequired, TypedDict

import pydantic

from beamlens import legion

if TYPE_CHECKING:
    from nowhere import Ghost  # type: ignore[import-not-found]


class Mood(Enum):
    GOOD = "good"
    BAD = "bad"


class Row(TypedDict):
    name: str
    count: NotRequired[int]


class Point(NamedTuple):
    x: int
    y: int = 2


@dataclass
class Node:
    name: str
    mood: Mood = Mood.GOOD
    children: list[Node] = field(default_factory=list)


@dataclass
class Picky:
    size: int

    def __post_init__(self) -> None:
        if self.size < 0:
            raise KeyError("no size")


class Model(pydantic.BaseModel):
    name: str = pydantic.Field(min_length=2)
    mood: Mood | None = None


UserId = NewType("UserId", int)


async def later(number: int) -> int:
    """Return one more, later."""
    await asyncio.sleep(0)
    return number + 1


async def never() -> None:
    """Wait for ever."""
    await asyncio.sleep(3600)


async def drops() -> AsyncIterator[int]:
    """Give numbers, one after another."""
    yield 1
    yield 2


def numbers(count: int) -> Iterator[int]:
    """Give numbers."""
    yield from range(count)


def endless() -> Iterator[int]:
    """Give numbers without end."""
    while True:
        yield 1


def breaks() -> Iterator[int]:
    """Fail in the middle."""
    yield 1
    raise OSError("the pipe broke")


def keyword(number: int, *, loud: bool, twice: bool = False) -> list[Any]:
    """Have keywords."""
    return [number, loud, twice]


def behind(number: int, *others: int, loud: bool = False) -> list[Any]:
    """Have a keyword that cannot be reached."""
    return [number, list(others), loud]


def row(value: Row) -> str:
    """Take a TypedDict."""
    return repr(dict(sorted(value.items())))


def point(value: Point) -> str:
    """Take a NamedTuple."""
    return repr(value)


def node(value: Node) -> Node:
    """Take and give a tree."""
    return value


def picky(value: Picky) -> int:
    """Take what checks itself."""
    return value.size


def model(value: Model) -> dict[str, Model]:
    """Take and give a model."""
    return {value.name: value}


def texts(path: Path, number: Decimal, one: uuid.UUID, data: bytes) -> list[str]:
    """Take what is made of texts."""
    return [type(path).__name__, str(number), str(one.int), repr(data)]


def user(value: UserId, flag: Annotated[bool, "a flag"], some: Iterable[int], keys: dict[int, str]) -> list[Any]:
    """Take hints that only name others."""
    return [value, flag, list(some), keys]


def either(value: Node | Literal["none"] | list[int]) -> str:
    """Take one of several."""
    return type(value).__name__


def haunted(number: int, ghost: Ghost | None = None) -> Ghost:
    """Name what is there for type checkers alone."""
    return number


@functools.lru_cache
def cached(number: int) -> int:
    """Return a number."""
    return number


class Counter:
    """Count, and have what is no function."""

    limit: int = 3

    def __init__(self) -> None:
        self.count = 0

    @property
    def trap(self) -> int:
        """Fail when it is read."""
        raise RuntimeError("a property was read")

    @functools.cached_property
    def other_trap(self) -> int:
        """Fail when it is read."""
        raise RuntimeError("a property was read")

    @staticmethod
    def double(number: int) -> int:
        """Return twice a number."""
        return number * 2

    @classmethod
    def kind(cls) -> str:
        """Return its name."""
        return cls.__name__

    async def add(self, number: int = 1) -> int:
        """Add, and remember."""
        self.count += number
        return self.count


class Sub(Counter):
    """Inherit."""

    def more(self) -> int:
        """Return the count."""
        return self.count


class Adder:
    """Be called."""

    def __call__(self, number: int) -> int:
        return number + 1


def unreachable(*others: int, loud: bool) -> None:
    """Need what code cannot give."""


FUNCTIONS = [
    *(later, never, drops, numbers, endless, breaks, keyword, behind, row, point, node, picky, model, texts, user),
    *(either, haunted, cached),
]


class Handy(legion.Agent):
    """You have all kinds of tools."""

    def tools(self) -> Sequence[Any]:
        plus = functools.partial(int.__add__, 5)
        return [*FUNCTIONS, Sub, Adder, legion.Tool(Adder(), name="adder"), legion.Tool(plus, name="plus")]

    def config(self) -> dict[str, Any]:
        return {"sandbox_timeout": 2.0}
