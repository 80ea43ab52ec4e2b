"""What every benchmark does to the runtime that it measures: set it up, see it settle, look for leftovers."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass

import supervision
from supervision.process import application

__all__ = ["PRELOAD", "Leftovers", "descriptor_count", "runtime", "settled_descriptor_count"]

PRELOAD = ("benchmarks.actors",)
_MARK = "SUPERVISION_BENCHMARK"


@dataclass(slots=True)
class Leftovers:
    """Hold what a runtime left behind; filled in when its `with` block has ended."""

    orphans: int = 0


@contextlib.contextmanager
def runtime(spares: int = 2) -> Iterator[Leftovers]:
    """Set up a runtime, silence its logging, stop it at the end and count the processes that are left.

    Args:
        spares: how many idle processes wait for restarts.

    The actors' module is preloaded by the fork server from the start, as it would be half a second after
    its first use.
    """
    left = Leftovers()
    mark = secrets.token_hex(8)
    os.environ[_MARK] = mark
    silent = logging.NullHandler()
    logger = logging.getLogger("supervision")
    logger.addHandler(silent)
    propagate, logger.propagate = logger.propagate, False
    application.shutdown()  # settings are read when a runtime begins
    before = supervision.configure()
    supervision.configure(spares=spares, preload=PRELOAD)
    try:
        yield left
    finally:
        application.shutdown()
        supervision.configure(spares=before.spares, preload=before.preload)
        left.orphans = _count_marked(mark)
        logger.propagate = propagate
        logger.removeHandler(silent)
        del os.environ[_MARK]


def _count_marked(mark: str, seconds: float = 1.0) -> int:
    """Count the processes that were started with the mark in their environment, given a moment to go."""
    wanted = f"{_MARK}={mark}".encode()
    deadline = time.monotonic() + seconds
    while True:
        found = sum(wanted in _environment(name) for name in os.listdir("/proc") if name.isdigit())
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


def _environment(pid: str) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []  # it is gone, or not ours to read


def descriptor_count() -> int:
    """Return how many descriptors this process has open."""
    return len(os.listdir("/proc/self/fd"))


def settled_descriptor_count(expected: int | None = None, seconds: float = 5.0) -> int:
    """Return the number of descriptors once it rests: spares are refilled a moment after a restart.

    Args:
        expected: return as soon as it rests at this number.
        seconds: how long to wait for it.
    """
    deadline = time.monotonic() + seconds
    count, since = descriptor_count(), time.monotonic()
    while time.monotonic() < deadline:
        time.sleep(0.01)
        now = descriptor_count()
        if now != count:
            count, since = now, time.monotonic()
        elif time.monotonic() - since > 0.08 and expected in (None, count):
            break
    return count
