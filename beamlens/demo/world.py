"""The world around the shop, a program of its own: customers with open connections, a payment service, a carrier.

`python -m beamlens.demo.world` prints the port of the services, reads the shop's port from its input, and works until
that input ends. It prints a line of JSON a second: requests, errors, and how long they took.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["run"]

_PAYMENT_SECONDS: Final = 0.12
_CARRIER_SECONDS: Final = 0.15
_ANSWER_SECONDS: Final = 60.0
_END_SECONDS: Final = 5.0
_PRODUCTS: Final = 1900
_CATEGORIES: Final = ("books", "games", "garden", "kitchen", "music", "shoes", "tools", "toys")


@dataclass(frozen=True, slots=True)
class Habit:
    """Say what a kind of customer asks for, how many there are, and how long they think in between."""

    url: Callable[[random.Random], str]
    customers: int
    think_seconds: float


HABITS: Final = (
    Habit(lambda chance: f"/product/{chance.randrange(1, _PRODUCTS)}?visitor=v{chance.randrange(10**6)}", 8, 0.10),
    Habit(lambda chance: f"/search?category={chance.choice(_CATEGORIES)}", 3, 0.40),
    Habit(lambda chance: f"/order?product={chance.randrange(1, _PRODUCTS)}&amount=1999", 10, 0.50),
    Habit(lambda chance: f"/shipping?weight={chance.randrange(100, 5000)}", 4, 0.60),
)


@dataclass(slots=True)
class Counts:
    """Hold what happened since the last report."""

    errors: int = 0
    seconds: list[float] = field(default_factory=list)

    def report(self) -> dict[str, Any]:
        """Return the counts as plain data, and begin anew."""
        taken, errors = self.seconds, self.errors
        self.seconds, self.errors = [], 0
        median = round(statistics.median(taken) * 1e3, 1) if taken else None
        worst = round(max(taken) * 1e3, 1) if taken else None
        return {"requests": len(taken), "errors": errors, "ms_p50": median, "ms_max": worst}


async def run() -> None:
    """Do all of it until the input ends."""
    services = await asyncio.start_server(_serve, "127.0.0.1")
    print(json.dumps({"port": services.sockets[0].getsockname()[1]}), flush=True)
    orders = await _input()
    first = await orders.readline()
    if not first:
        return
    port, counts = int(first), Counts()
    people = [
        asyncio.create_task(_customer(port, habit, counts, random.Random(f"{kind}.{number}")))
        for kind, habit in enumerate(HABITS)
        for number in range(habit.customers)
    ]
    reporter = asyncio.create_task(_report(counts))
    await orders.read()
    for task in (*people, reporter):
        task.cancel()
    await asyncio.wait((*people, reporter), timeout=_END_SECONDS)
    services.close()


async def _input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def _report(counts: Counts) -> None:
    while True:
        await asyncio.sleep(1.0)
        print(json.dumps(counts.report()), flush=True)


# -- services of other companies --------------------------------------------------------------------


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        question = json.loads(await reader.readline())
        if question["do"] == "charge":
            await asyncio.sleep(_PAYMENT_SECONDS)
            answer: dict[str, Any] = {"receipt": f"R{time.time_ns()}"}
        else:
            await asyncio.sleep(_CARRIER_SECONDS)
            answer = {"price": 390 + int(question["weight"]) // 10}
        writer.write(json.dumps(answer).encode() + b"\n")
        await writer.drain()
    except (ConnectionError, ValueError, KeyError, asyncio.CancelledError):
        return  # whoever asked is gone or asked nonsense, or this program ends
    finally:
        writer.close()


# -- customers -----------------------------------------------------------------------------------


async def _customer(port: int, habit: Habit, counts: Counts, chance: random.Random) -> None:
    """Ask the shop again and again over one connection; connect anew where it was closed."""
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            counts.errors += 1
            await asyncio.sleep(1.0)
            continue
        try:
            await _ask_again_and_again(reader, writer, habit, counts, chance)
        except (OSError, ValueError, IndexError, asyncio.IncompleteReadError, TimeoutError):
            counts.errors += 1
        finally:
            writer.close()


async def _ask_again_and_again(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, habit: Habit, counts: Counts, chance: random.Random
) -> None:
    while True:
        await asyncio.sleep(chance.uniform(0.5, 1.5) * habit.think_seconds)
        began = time.monotonic()
        writer.write(f"GET {habit.url(chance)} HTTP/1.1\r\nHost: shop\r\n\r\n".encode())
        async with asyncio.timeout(_ANSWER_SECONDS):
            status = await _answer(reader)
        counts.seconds.append(time.monotonic() - began)
        counts.errors += status >= 500


async def _answer(reader: asyncio.StreamReader) -> int:
    """Read one answer and return its status."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    length = next(int(line[15:]) for line in head.split("\r\n") if line.lower().startswith("content-length:"))
    await reader.readexactly(length)
    return int(head.split(" ", 2)[1])


if __name__ == "__main__":
    asyncio.run(run())
