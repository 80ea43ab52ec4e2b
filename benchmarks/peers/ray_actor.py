"""A Ray actor that is restarted, and whose calls are tried again, without limit."""

from __future__ import annotations

import importlib
import os
from typing import Any, Final

from benchmarks.peers.harness import kill_often, print_samples

ray: Final[Any] = importlib.import_module("ray")  # by name: it may be missing where types are checked


class Service:
    """Answer with the process id."""

    def pid(self) -> int:
        """Return it."""
        return os.getpid()


def main() -> None:
    """Kill the worker in which the actor lives."""
    ray.init(num_cpus=2, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
    actor = ray.remote(max_restarts=-1, max_task_retries=-1)(Service).remote()
    samples = kill_often(lambda: int(ray.get(actor.pid.remote(), timeout=30)))
    ray.shutdown()
    print_samples(samples)


if __name__ == "__main__":
    main()
