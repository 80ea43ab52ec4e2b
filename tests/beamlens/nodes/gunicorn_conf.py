"""The configuration of the gunicorn that tests start; the hooks are those of docs/workers.md."""

from __future__ import annotations

from typing import Any

timeout = 120
graceful_timeout = 20


def post_fork(server: Any, worker: Any) -> None:
    """Make the worker a member of the group."""
    from tests.beamlens.nodes.served import start

    worker.lens = start(node=f"web-{worker.age}")


def worker_exit(server: Any, worker: Any) -> None:
    """Leave the group."""
    worker.lens.stop()
