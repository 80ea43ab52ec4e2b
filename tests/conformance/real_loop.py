"""How a test deals with the loop on which supervisors live: asks it, holds it, tells whether it has come to rest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from supervision.decisions import Retry
from supervision.process.application import application
from supervision.testing import wait_until
from supervision.tree.nested_runner import NestedRunner
from supervision.tree.performer import Performer

__all__ = ["ask_loop", "holding_the_loop", "is_quiet", "wait_for_end"]

Holds = Callable[[Performer, Any], bool]


def ask_loop(question: Callable[[], bool]) -> bool:
    """Return what `question()` returns on the loop's thread; False if it raises."""
    answers: list[bool] = []
    asked = threading.Event()

    def ask() -> None:
        try:
            answers.append(question())
        finally:
            asked.set()

    application().loop.call_soon(ask)
    assert asked.wait(20.0), "the loop is stuck"
    return answers == [True]


def is_quiet(performer: Performer | None, holds: Holds) -> bool:
    """Tell whether a supervisor and all below have nothing to do but to try held children. Loop thread."""
    if performer is None:
        return True
    state = performer.state
    if state.finished:
        return all(entry.runner is None or entry.runner.gone for entry in performer.entries.values())
    work = state.work
    if work is not None and not (work.phase == "start" and holds(performer, work.awaiting)):
        return False
    waiting = [event for event in state.deferred if not isinstance(event, Retry)]
    return not waiting and all(_child_is_quiet(performer, key, holds) for key in state.children)


def _child_is_quiet(performer: Performer, key: Any, holds: Holds) -> bool:
    child = performer.state.children[key]
    runner: Any = child.pid
    if child.status == "up":
        return not runner.gone and (not isinstance(runner, NestedRunner) or is_quiet(runner.performer, holds))
    return child.status == "undefined" or holds(performer, key)


@contextmanager
def holding_the_loop() -> Iterator[None]:
    """Keep the supervisors from hearing of anything while the block runs."""
    held, released = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        released.wait(20.0)

    application().loop.call_soon(hold)
    assert held.wait(20.0)
    try:
        yield
    finally:
        released.set()


def wait_for_end(pid: int) -> None:
    """Wait until a process has ended, waited for or not."""
    wait_until(lambda: _state(pid) in ("", "Z", "X"), interval=0.0005)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2][:1]
    except OSError:
        return ""
