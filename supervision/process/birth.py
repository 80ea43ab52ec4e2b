"""What an actor is given at its birth: read by `ProcessActor.__init__`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Birth", "Ended", "Ignore", "current", "set_current"]


@dataclass(frozen=True, slots=True)
class Birth:
    """Hold an actor's identity and the loop that runs it.

    Args:
        urn: the actor's URN, the same over restarts.
        incarnation: how many times it was started.
        name: the child id, or None.
        loop: the loop that runs the actor.
    """

    urn: str
    incarnation: int
    name: object
    loop: Any


class Ignore(Exception):
    """Raise in `__init__` or `on_start`: the actor declines to start, and that is no failure."""


class Ended(BaseException):
    """Unwind a handler whose actor ends itself; carries the exit reason."""

    def __init__(self, reason: Any) -> None:
        super().__init__(reason)
        self.reason = reason


_current: Birth | None = None


def current() -> Birth | None:
    """Return the birth of the actor that this process hosts; None in the application."""
    return _current


def set_current(birth: Birth | None) -> None:
    """Set the birth of the actor that this process hosts."""
    global _current
    _current = birth
