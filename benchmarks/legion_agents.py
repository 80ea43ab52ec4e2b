"""Agents that the benchmark of Legion has take turns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from beamlens import legion

__all__ = ["Adder"]


def add(one: int, other: int) -> int:
    """Return the sum of two numbers."""
    return one + other


class Adder(legion.Agent):
    """You add numbers."""

    def tools(self) -> Sequence[Any]:
        """Return what adds."""
        return [add]

    def output_schema(self) -> Any:
        """Return what a sum is."""
        return int
