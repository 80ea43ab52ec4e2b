"""ProcessPoolExecutor: a killed worker breaks the pool for good, so a new one is made by hand."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor

from benchmarks.peers.harness import kill_often, print_samples


def main() -> None:
    """Kill the only worker; make another pool when this one says that it is broken."""
    context = multiprocessing.get_context("fork")
    pools = [ProcessPoolExecutor(1, context)]

    def ask() -> int:
        try:
            return pools[-1].submit(os.getpid).result(30)
        except Exception:
            pools[-1].shutdown(wait=False)
            pools.append(ProcessPoolExecutor(1, context))
            return pools[-1].submit(os.getpid).result(30)

    samples = kill_often(ask)
    for pool in pools:
        pool.shutdown()
    print_samples(samples)


if __name__ == "__main__":
    main()
