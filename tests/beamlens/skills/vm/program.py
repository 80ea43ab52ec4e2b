"""Small real programs, sick and healthy, that the `vm` skill watches from inside; asked over stdin and stdout.

Each line on stdin is a JSON list `[name, arguments...]`; `snapshot` or a callback. Each answer is a line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from beamlens.errors import SkillError
from beamlens.skills.vm import Vm

ENDED = threading.Event()


class Sessions:
    def __init__(self) -> None:
        self.entries: dict[str, str] = {}

    def remember(self, number: int) -> None:
        self.entries[f"secret-token-{number}"] = "x" * 2000


class Bounded(Sessions):
    max_entries = 30_000

    def remember(self, number: int) -> None:
        super().remember(number)
        if len(self.entries) > self.max_entries:
            self.entries.pop(next(iter(self.entries)))


class Plateau(Sessions):
    def remember(self, number: int) -> None:
        super().remember(number % 3000)


SESSIONS = Sessions()
BOUNDED = Bounded()
PLATEAU = Plateau()
LOCK = threading.Lock()


def fill(store: Sessions) -> None:
    number = 0
    while not ENDED.wait(0.02):
        for _ in range(20):
            number += 1
            store.remember(number)


def leak_threads() -> None:
    while not ENDED.wait(0.2):
        threading.Thread(target=ENDED.wait, name=f"job-{time.monotonic_ns() % 10}", daemon=True).start()


def work_under_lock() -> None:
    while not ENDED.is_set():
        with LOCK:
            ask_the_disk()


def ask_the_disk() -> None:
    time.sleep(0.15)


async def serve_badly() -> None:
    while not ENDED.is_set():
        await asyncio.sleep(0.2)
        render()


def render() -> None:
    time.sleep(0.35)


async def serve_well() -> None:
    while not ENDED.is_set():
        await asyncio.gather(*(asyncio.sleep(0.01) for _ in range(10)))


def compute() -> None:
    while not ENDED.is_set():
        sum(number * number for number in range(1000))


def make_cycles() -> None:
    while not ENDED.wait(0.01):
        for _ in range(500):
            one: list[Any] = [b"x" * 2000]
            one.append(one)


def warm_up(pool: ThreadPoolExecutor) -> None:
    for _ in range(24):
        pool.submit(ENDED.wait)
        if ENDED.wait(0.4):
            return


def short_critical_sections() -> None:
    while not ENDED.wait(0.001):
        with LOCK:
            sum(range(100))


def _loop(serve: Callable[[], Any]) -> Callable[[], None]:
    return lambda: asyncio.run(serve())


def sick() -> list[Callable[[], Any]]:
    return [lambda: fill(SESSIONS), leak_threads, _loop(serve_badly), *[work_under_lock] * 4]


def healthy() -> list[Callable[[], Any]]:
    pool = ThreadPoolExecutor(max_workers=24)
    return [
        lambda: fill(BOUNDED),
        lambda: fill(PLATEAU),
        make_cycles,
        lambda: warm_up(pool),
        _loop(serve_well),
        *[short_critical_sections] * 4,
    ]


def busy() -> list[Callable[[], Any]]:
    return [compute, compute, _loop(serve_well), *[short_critical_sections] * 2]


def answer(vm: Vm, name: str, arguments: list[Any]) -> Any:
    if name == "snapshot":
        return vm.snapshot()
    try:
        return vm.callbacks()[name](*arguments)
    except SkillError as error:
        return {"error": error.kind, "text": error.text}


def main() -> None:
    vm = Vm()
    vm.start()
    for each in {"sick": sick, "healthy": healthy, "busy": busy}[sys.argv[1]]():
        threading.Thread(target=each, daemon=True).start()
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(answer(vm, name, arguments)), flush=True)
    ENDED.set()
    vm.stop()


if __name__ == "__main__":
    main()
