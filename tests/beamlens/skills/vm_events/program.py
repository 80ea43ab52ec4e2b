"""Small real programs, sick and healthy, whose stalls the `vm_events` skill watches from inside."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
from collections.abc import Callable

from beamlens.skills.vm_events import VmEvents
from tests.beamlens.skills.answering import answer_all

ENDED = threading.Event()
LONG_LIVED: list[list[int]] = []


def holds_the_lock() -> None:
    while not ENDED.wait(0.7):
        sum(range(12_000_000))


def collects() -> None:
    LONG_LIVED.extend([number] for number in range(2_500_000))
    while not ENDED.wait(0.7):
        gc.collect()


async def _blocks() -> None:
    while not ENDED.is_set():
        await asyncio.sleep(0.5)
        time.sleep(0.4)


def blocks_the_loop() -> None:
    asyncio.run(_blocks())


def computes() -> None:
    while not ENDED.is_set():
        total = 0
        for number in range(1000):
            total += number * number


def waits() -> None:
    ENDED.wait()


async def _serves() -> None:
    while not ENDED.is_set():
        await asyncio.gather(*(asyncio.sleep(0.01) for _ in range(10)))


def serves_well() -> None:
    asyncio.run(_serves())


def makes_cycles() -> None:
    while not ENDED.wait(0.01):
        for _ in range(300):
            one: list[object] = []
            one.append(one)


PROGRAMS: dict[str, list[Callable[[], None]]] = {
    "holding": [holds_the_lock, waits],
    "collecting": [collects, waits],
    "blocking": [blocks_the_loop, waits],
    "healthy": [serves_well, makes_cycles, *[computes] * 4],
    "idle": [waits],
}


def main() -> None:
    skill = VmEvents()
    skill.start()
    for each in PROGRAMS[sys.argv[1]]:
        threading.Thread(target=each, daemon=True).start()
    answer_all(skill)
    ENDED.set()
    skill.stop()


if __name__ == "__main__":
    main()
