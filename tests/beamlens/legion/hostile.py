"""Tools that are awkward: named as libraries, with odd results, secrets and meta functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from beamlens import legion


class Odd:
    """Give odd results."""

    token = "hunter2"

    def __init__(self) -> None:
        self._token = "hunter2"

    def callable(self) -> object:
        """Return a function."""
        return print

    def module(self) -> object:
        """Return a module."""
        import os

        return os

    def itself(self) -> object:
        """Return the tool."""
        return self

    def handle(self) -> object:
        """Return an open file."""
        with open("/dev/null") as file:
            return file

    def error(self) -> object:
        """Return an exception."""
        return ValueError("only told")

    def cycle(self) -> object:
        """Return a list that contains itself."""
        found: list[Any] = []
        found.append(found)
        return found

    def huge(self) -> str:
        """Return a lot."""
        return "x" * 5_000_000

    def take(self, value: Any) -> str:
        """Return the type of what was given."""
        return type(value).__name__

    def interrupt(self) -> None:
        """Raise what ends programs."""
        raise KeyboardInterrupt

    def count(self, numbers: dict[str, int]) -> int:
        """Return how many there are."""
        return len(numbers)

    def __call__(self) -> str:
        return "called"

    def _private(self) -> str:
        return "private"


class Prober(legion.Agent):
    """You probe."""

    def tools(self) -> Sequence[Any]:
        return [Odd]

    def config(self) -> Mapping[str, Any]:
        return {"sandbox_timeout": 5.0}


class Text(legion.Agent):
    """You have tools under other names, with documentation on demand."""

    def tools(self) -> Sequence[Any]:
        return [legion.Tool(Odd, name="strings"), Odd]

    def config(self) -> Mapping[str, Any]:
        return {"tool_docs": "on_demand"}


class Keyword:
    """Have a method that Lua could not call."""

    def end(self) -> None:
        """End."""
