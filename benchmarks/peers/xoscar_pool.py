"""An xoscar actor in a pool that recovers by itself."""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import time
from typing import Any, Final

from benchmarks.peers.harness import print_samples, wanted

xoscar: Final[Any] = importlib.import_module("xoscar")  # by name: it may be missing where types are checked


class Service(xoscar.Actor):  # type: ignore[misc]
    """Answer with the process id."""

    async def pid(self) -> int:
        """Return it."""
        return os.getpid()


async def _measure() -> list[float]:
    kills, seconds = wanted()
    pool = await xoscar.create_actor_pool("127.0.0.1:0", n_process=1, auto_recover="actor")
    strategy = xoscar.allocate_strategy.ProcessIndex(1)
    ref = await xoscar.create_actor(Service, address=pool.external_address, uid="service", allocate_strategy=strategy)
    samples: list[float] = []
    try:
        victim = await ref.pid()
        end = time.monotonic() + seconds
        while len(samples) < kills and (time.monotonic() < end or len(samples) < 3):
            await asyncio.sleep(0.05)
            begun = time.perf_counter()
            os.kill(victim, signal.SIGKILL)
            victim = await _await_other(ref, victim)
            samples.append(time.perf_counter() - begun)
    finally:
        await pool.stop()
    return samples


async def _await_other(ref: Any, victim: int) -> int:
    while True:
        try:
            pid = int(await asyncio.wait_for(ref.pid(), 10))
        except Exception:
            await asyncio.sleep(0.001)  # nobody is there yet
            continue
        if pid != victim:
            return pid


def main() -> None:
    """Kill the pool's process, in which the actor lives."""
    print_samples(asyncio.run(_measure()))


if __name__ == "__main__":
    main()
