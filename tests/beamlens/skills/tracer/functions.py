"""Functions of an application."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Iterator
from typing import Any


def place(number: int, secret: str = "") -> str:
    """Place an order, or refuse it."""
    if number < 0:
        raise ValueError(f"{secret} is no secret")
    time.sleep(0.002)
    return secret


async def place_later(number: int) -> int:
    """Do as `place`, on a loop."""
    await asyncio.sleep(0)
    if number < 0:
        raise ValueError(number)
    return number


async def wait_for_ever() -> None:
    """Be cancelled."""
    await asyncio.Event().wait()


def numbers() -> Iterator[int]:
    """Yield some."""
    yield 1


class Order:
    """Hold what a method can be called on."""

    def save(self) -> None:
        """Save it."""

    @staticmethod
    def check(number: int) -> bool:
        """Check it."""
        return number > 0

    @classmethod
    def make(cls) -> Order:
        """Make one."""
        return cls()

    @property
    def total(self) -> float:
        """Compute it."""
        return 1.5


def call_place(number: int) -> str:
    """Be one of the callers."""
    return place(number, "hunter2hunter2")


def collect(first: int, /, second: str = "", *rest: float, flag: bool = False, **others: Any) -> list[Any]:
    """Take all kinds of arguments, some of which a closure keeps."""
    return [(lambda: (first, second))(), rest, flag, others]


def _twice(function: Callable[[int], int]) -> Callable[[int], int]:
    @functools.wraps(function)
    def twice(*args: Any) -> int:
        return function(*args) + function(*args)

    return twice


@_twice
def decorated(number: int) -> int:
    """Be called twice."""
    return number


@functools.lru_cache
def cached(number: int) -> int:
    """Be called once for each number."""
    return number * 2


def recurse(depth: int) -> int:
    """Call itself."""
    return depth if depth == 0 else recurse(depth - 1)


def hand_over(thing: Any, freed: list[bool]) -> int:
    """Let go of an argument before the end, and see whether it is freed then."""
    del thing
    return len(freed)


def fail_below(depth: int) -> None:
    """Raise through some functions."""
    if depth == 0:
        raise KeyError(depth)
    fail_below(depth - 1)


not_a_function = 5
