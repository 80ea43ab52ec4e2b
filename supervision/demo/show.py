"""The demo from its start to the verdict."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final

from supervision import Ref, SupervisionError, SupervisorRef, telemetry
from supervision.demo.chaos import Client, Monkey, answering_pid
from supervision.demo.screen import counters, make_screen
from supervision.demo.tally import LogLines, Tally
from supervision.demo.tree import start_tree
from supervision.process.application import shutdown
from supervision.testing import LeakGuard

__all__ = ["Options", "run"]

_FRAME_SECONDS: Final = 0.1
_LAST_ANSWER_SECONDS: Final = 5.0
_STOP_SECONDS: Final = 20.0

Interrupts = queue.SimpleQueue[int]  # the numbers of the signals that came


@dataclass(frozen=True, slots=True)
class Options:
    """Hold what the demo was asked to do.

    Args:
        seconds: how long; 0 until Ctrl-C.
        kills_per_second: on average.
        as_json: whether the figures are printed as one JSON line, last.
        plain: whether nothing is drawn in place, also on a terminal.
    """

    seconds: float = 15.0
    kills_per_second: float = 3.0
    as_json: bool = False
    plain: bool = False


def run(options: Options) -> int:
    """Start a tree, hurt it, show how it heals, stop it; return 1 if something was lost or left behind, else 0.

    The main thread.
    """
    tally = Tally()
    guard = LeakGuard(allow=lambda resource: resource.kind != "process")
    guard.begin()
    with _interrupts() as interrupts, _quiet(tally):
        tree, refs = start_tree()
        try:
            _show(options, tree, refs, tally, interrupts)
            tally.lost += _silent(refs)
        finally:
            _stop(tree, interrupts)
        orphans = _orphans(guard, tally)
    return _verdict(options, tally, orphans)


def _show(options: Options, tree: SupervisorRef, refs: dict[str, Ref], tally: Tally, interrupts: Interrupts) -> None:
    screen = make_screen(options.plain)
    actors = [Monkey(refs, tally, options.kills_per_second), Client(refs, tally)]
    deadline = time.monotonic() + (options.seconds or float("inf"))
    for actor in actors:
        actor.start()
    try:
        while time.monotonic() < deadline and tree.is_alive() and not _interrupted(interrupts, _FRAME_SECONDS):
            screen.update(_drawing(tree), tally)
    finally:
        for actor in actors:
            actor.end()
        screen.close(_drawing(tree), tally)


def _drawing(tree: SupervisorRef) -> str:
    try:
        return tree.render()
    except SupervisionError as error:
        return f"{tree.name}: {error}"


def _silent(refs: dict[str, Ref]) -> int:
    """Return how many actors do not answer although nobody hurts them any more."""
    deadline = time.monotonic() + _LAST_ANSWER_SECONDS
    return sum(answering_pid(ref, 0, deadline) is None for ref in refs.values())


def _stop(tree: SupervisorRef, interrupts: Interrupts) -> None:
    """Stop the tree in order; a Ctrl-C meanwhile kills what is left."""
    while _interrupted(interrupts, 0.0):
        continue  # these began the stop
    stopped = tree.stop(block=False)
    deadline = time.monotonic() + _STOP_SECONDS
    while not stopped.wait(_FRAME_SECONDS):
        if _interrupted(interrupts, 0.0) or time.monotonic() > deadline:
            tree.kill()
    shutdown()


def _orphans(guard: LeakGuard, tally: Tally) -> list[str]:
    """Name the processes that were started since the beginning and are still there."""
    if os.path.isdir("/proc/self"):
        left = [str(leak) for leak in guard.settled()]
        # The portable launcher's library keeps a process of its own, which ends with this one.
        return [text for text in left if "multiprocessing.resource_tracker" not in text]
    return [f"process {pid}" for pid in sorted(tally.pids) if _exists(pid)]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _verdict(options: Options, tally: Tally, orphans: list[str]) -> int:
    figures: dict[str, Any] = {**tally.figures(), "orphans": len(orphans)}
    for orphan in orphans:
        print(f"left behind: {orphan}", file=sys.stderr)
    print(f"stopped in order. {counters(figures)}")
    print(f"lost children: {tally.lost}, orphans: {len(orphans)}", flush=True)
    if options.as_json:
        print(json.dumps(figures), flush=True)
    return 1 if tally.lost or orphans else 0


@contextlib.contextmanager
def _interrupts() -> Iterator[Interrupts]:
    """Have Ctrl-C and SIGTERM put into a queue, each time anew.

    An event will not do: its `set` waits for a lock that the interrupted thread, just waiting for it, may hold.
    """
    interrupts: Interrupts = queue.SimpleQueue()

    def note(number: int, _frame: FrameType | None) -> None:
        interrupts.put(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupted(interrupts: Interrupts, seconds: float) -> bool:
    """Tell whether a signal came, or comes within so many seconds."""
    try:
        interrupts.get(timeout=seconds)
    except queue.Empty:
        return False
    return True


@contextlib.contextmanager
def _quiet(tally: Tally) -> Iterator[None]:
    """Have events counted and log records shown as lines, not printed."""
    logger = logging.getLogger("supervision")
    handler = LogLines(tally)
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    telemetry.attach(tally, ("supervision", "child", "started"), tally.on_started)
    try:
        yield
    finally:
        telemetry.detach(tally)
        logger.removeHandler(handler)
        logger.propagate = propagate
