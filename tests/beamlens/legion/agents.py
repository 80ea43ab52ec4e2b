"""Agents and tools for the tests; at the top of a module, so that their processes find them."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

from beamlens import legion


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Item:
    name: str
    count: int = 1


@dataclass(frozen=True)
class Order:
    number: int
    items: list[Item]
    placed: datetime


class Shop:
    """Know the orders of a shop."""

    def orders(self) -> list[dict[str, Any]]:
        """Return all orders."""
        return [{"number": 1, "total": 30}, {"number": 2, "total": 12}]

    def double(self, number: int) -> int:
        """Return twice a number."""
        return number * 2

    def place(self, order: Order, colour: Colour = Colour.RED) -> str:
        """Place an order."""
        return f"{order.number} {order.items[0].name} {order.placed.year} {colour.name}"

    def fail(self) -> None:
        """Raise."""
        raise RuntimeError("the shop is closed")

    def leave(self) -> None:
        """Try to end the process."""
        raise SystemExit(3)

    def _secret(self) -> str:
        return "secret"


def today() -> str:
    """Return the day."""
    return "Tuesday"


class Marker:
    """Leave marks in a file, and hang."""

    def mark(self, path: str, text: str) -> int:
        """Append a line and return how many there are."""
        with open(path, "a") as file:
            file.write(text + "\n")
        return len(Path(path).read_text().splitlines())

    def die_once(self, path: str) -> str:
        """Kill this process, unless it did so before."""
        if not Path(path).exists():
            Path(path).write_text(str(os.getpid()))
            os.kill(os.getpid(), 9)
        return "survived"

    def die(self) -> None:
        """Kill this process."""
        os.kill(os.getpid(), 9)

    def pid(self) -> int:
        """Return the process id."""
        return os.getpid()

    def nap(self, seconds: float) -> bool:
        """Sleep."""
        time.sleep(seconds)
        return True


class Clerk(legion.Agent):
    """You answer questions about orders."""

    def tools(self) -> Sequence[Any]:
        return [Shop, today]


class Worker(legion.Agent):
    """You do as you are told."""

    def tools(self) -> Sequence[Any]:
        return [Marker, Shop]

    def config(self) -> Mapping[str, Any]:
        return {"retry_waits": (0.0, 0.0), "sandbox_timeout": 20.0}


class Returner(legion.Agent):
    """You only return."""

    def action_types(self) -> Sequence[str]:
        return ["return", "done"]

    def config(self) -> Mapping[str, Any]:
        return {"retry_waits": (0.0,)}


class Buyer(legion.Agent):
    """You make orders."""

    def output_schema(self) -> Any:
        return Order


class Rememberer(legion.Agent):
    """You remember."""

    def config(self) -> Mapping[str, Any]:
        return {"binding_scope": "conversation"}
