"""Real programs that call a service, by httpx and by the standard library, watched by the `outbound` skill."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable

import httpx

from beamlens.skills.outbound import Outbound
from tests.beamlens.skills.answering import answer_all
from tests.beamlens.skills.outbound.server import service

ENDED = threading.Event()
BASE = ["http://127.0.0.1"]


def ask_without_timeout() -> None:
    with contextlib.suppress(OSError):
        urllib.request.urlopen(f"{BASE[0]}/hang?token=s3cr3t").read()


def ask_a_slow_one() -> None:
    with httpx.Client(timeout=20) as client:
        while not ENDED.is_set():
            client.get(f"{BASE[0]}/wait/1.3")


async def ask_a_flaky_one() -> None:
    async with httpx.AsyncClient(timeout=20, headers={"Authorization": "Bearer s3cr3t"}) as client:
        while not ENDED.is_set():
            (await client.get(f"{BASE[0]}/flaky?key=s3cr3t")).read()
            await asyncio.sleep(0.02)


def ask_nobody() -> None:
    while not ENDED.wait(0.05):
        with contextlib.suppress(urllib.error.URLError):
            urllib.request.urlopen("http://127.0.0.1:9/", timeout=5)


# -- healthy ------------------------------------------------------------------------------------------


def ask_often() -> None:
    with httpx.Client(timeout=20) as client:
        while not ENDED.is_set():
            client.get(f"{BASE[0]}/wait/0.01")
            client.get(f"{BASE[0]}/status/404")


async def ask_many_at_once() -> None:
    async with httpx.AsyncClient(timeout=20) as client:
        while not ENDED.is_set():
            await asyncio.gather(*(client.get(f"{BASE[0]}/wait/0.1") for _ in range(10)))


def poll() -> None:
    """Ask for news, which come when there are some; with a timeout."""
    while not ENDED.is_set():
        urllib.request.urlopen(f"{BASE[0].replace('127.0.0.1', 'localhost')}/wait/2", timeout=30).read()


def cancel() -> None:
    async def main() -> None:
        async with httpx.AsyncClient(timeout=20) as client:
            while not ENDED.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(client.get(f"{BASE[0]}/wait/0.3"), 0.1)

    asyncio.run(main())


PROGRAMS: dict[str, list[Callable[[], object]]] = {
    "hanging": [ask_without_timeout] * 2,
    "slow": [ask_a_slow_one] * 4,
    "flaky": [lambda: asyncio.run(ask_a_flaky_one())],
    "nobody": [ask_nobody],
    "healthy": [ask_often, lambda: asyncio.run(ask_many_at_once()), poll, cancel],
}


def main() -> None:
    skill = Outbound()
    skill.start()
    with service() as port:
        BASE[0] = f"http://127.0.0.1:{port}"
        for each in PROGRAMS[sys.argv[1]]:
            threading.Thread(target=each, daemon=True).start()
        answer_all(skill)
        ENDED.set()
    skill.stop()


if __name__ == "__main__":
    main()
