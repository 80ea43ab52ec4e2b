"""Functions of an application."""

from __future__ import annotations

import time
from collections.abc import Iterator


def place(number: int, secret: str = "") -> str:
    """Place an order, or refuse it."""
    if number < 0:
        raise ValueError(f"{secret} is no secret")
    time.sleep(0.002)
    return secret


async def place_later(number: int) -> int:
    """Do as `place`, on a loop."""
    return number


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


def call_place(number: int) -> str:
    """Be one of the callers."""
    return place(number, "hunter2hunter2")


not_a_function = 5
