"""Small real programs, sick and healthy, whose collector the `gc` skill watches from inside."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable
from typing import Any

from beamlens.skills.gc import Gc
from tests.beamlens.skills.answering import answer_all

ENDED = threading.Event()


class Session:
    def __init__(self, number: int) -> None:
        self.token = f"secret-token-{number}"
        self.log: list[str] = []


class Request:
    def __init__(self) -> None:
        self.session = Session(0)
        self.me = self


class Registry:
    def __init__(self) -> None:
        self.open: list[Session] = []


class Cache:
    max_entries = 2_000_000

    def __init__(self) -> None:
        self.entries: dict[str, Session] = {}


REGISTRY = Registry()
CACHE = Cache()
PLATEAU: dict[int, Session] = {}
LONG_LIVED: list[list[int]] = []
NETWORK: list[list[list[int]]] = []


def keep_sessions() -> None:
    number = 0
    while not ENDED.wait(0.02):
        for _ in range(8):
            number += 1
            REGISTRY.open.append(Session(number))


def collect_for_each_request() -> None:
    LONG_LIVED.extend([number] for number in range(1_000_000))
    # Objects that refer to others all over the heap take the collector several times as long as neighbours do.
    NETWORK.extend([LONG_LIVED[number * 7919 % len(LONG_LIVED)]] for number in range(3_000_000))
    while not ENDED.wait(0.3):
        gc.collect()


def make_cycles_without_a_collector() -> None:
    gc.disable()
    make_cycles()


def make_cycles() -> None:
    while not ENDED.wait(0.02):
        for _ in range(10):
            Request()


def save_all() -> None:
    gc.set_debug(gc.DEBUG_SAVEALL)
    make_cycles()


def fill_a_cache_with_a_bound() -> None:
    number = 0
    while not ENDED.wait(0.02):
        for _ in range(8):
            number += 1
            CACHE.entries[f"secret-token-{number}"] = Session(number)


def reach_a_plateau() -> None:
    number = 0
    while not ENDED.wait(0.01):
        for _ in range(100):
            number += 1
            PLATEAU[number % 5000] = Session(number)


PROGRAMS: dict[str, list[Callable[[], None]]] = {
    "keeping": [keep_sessions],
    "collecting": [collect_for_each_request],
    "switched_off": [make_cycles_without_a_collector],
    "saving": [save_all],
    "healthy": [fill_a_cache_with_a_bound, reach_a_plateau, make_cycles],
}


def main() -> None:
    skill = Gc()
    skill.start()
    threads: list[Any] = [threading.Thread(target=each, daemon=True) for each in PROGRAMS[sys.argv[1]]]
    for thread in threads:
        thread.start()
    answer_all(skill)
    ENDED.set()
    skill.stop()


if __name__ == "__main__":
    main()
