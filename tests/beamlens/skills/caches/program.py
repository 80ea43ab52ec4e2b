"""Small real programs, sick and healthy, whose containers the `caches` skill watches from inside."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from typing import ClassVar

from beamlens.skills.caches import Caches
from tests.beamlens.skills.answering import answer_all

ENDED = threading.Event()
PAUSE = 0.02


class Service:
    def __init__(self) -> None:
        self.entries: dict[str, str] = {}


class Audit:
    seen: ClassVar[list[tuple[int, str]]] = []


class Bounded(Service):
    max_entries = 1_000_000


class Batch:
    def __init__(self) -> None:
        self.rows: list[int] = []


SERVICE, BOUNDED, PLATEAU, BATCH = Service(), Bounded(), Service(), Batch()
COUNTRIES = {number: str(number) for number in range(20_000)}


@functools.cache
def price_of(number: int) -> str:
    return f"secret-token-{number}"


@functools.lru_cache(maxsize=500_000)
def discount_of(number: int) -> str:
    return f"secret-token-{number}"


def serve() -> None:
    """Fill a dictionary behind an attribute, a list of a class, and a function's cache, none of which has an end."""
    number = 0
    while not ENDED.wait(PAUSE):
        for _ in range(20):
            number += 1
            SERVICE.entries[f"secret-token-{number}"] = f"secret-value-{number}"
            Audit.seen.append((number, "secret-value"))
            price_of(number)


def poll() -> None:
    """Fill a dictionary that only this function knows."""
    known: dict[str, str] = {}
    number = 0
    while not ENDED.wait(PAUSE):
        for _ in range(100):
            number += 1
            known[f"secret-token-{number}"] = f"secret-value-{number}"


def serve_well() -> None:
    number = 0
    while not ENDED.wait(PAUSE):
        for _ in range(20):
            number += 1
            BOUNDED.entries[f"secret-token-{number}"] = "x"
            PLATEAU.entries[str(number % 4000)] = "x"
            discount_of(number)
            BATCH.rows.append(number)
        if len(BATCH.rows) > 8000:
            BATCH.rows.clear()


PROGRAMS: dict[str, list[Callable[[], None]]] = {
    "serving": [serve],
    "polling": [poll],
    "healthy": [serve_well, serve_well],
}


def main() -> None:
    skill = Caches()
    skill.start()
    for each in PROGRAMS[sys.argv[1]]:
        threading.Thread(target=each, daemon=True).start()
    answer_all(skill)
    ENDED.set()
    skill.stop()


if __name__ == "__main__":
    main()
