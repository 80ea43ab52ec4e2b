"""The shortest way through everything."""

from __future__ import annotations

import os
import signal

from supervision import ActorDown, ChildSpec, Supervisor
from tests.actors_for_smoke import Counter


def test_a_killed_child_is_replaced_and_its_ref_follows() -> None:
    """The ref of a child id answers again after SIGKILL, from another process, with fresh state."""
    tree = Supervisor.start([ChildSpec(id="counter", start=(Counter, (10,)))])
    try:
        counter = tree["counter"]
        first = counter.ask("pid")
        assert counter.ask("up") == 11
        os.kill(first, signal.SIGKILL)
        second = first
        while second == first:
            try:
                second = counter.ask("pid", timeout=10)
            except ActorDown:
                continue
        assert counter.ask("up") == 11
    finally:
        assert tree.stop()


def test_an_actor_without_a_supervisor_ends_with_stop() -> None:
    """`start` returns when the actor runs, `stop` when its process is gone."""
    counter = Counter.start(1)
    pid = counter.pid
    assert counter.proxy().up().get(timeout=10) == 2
    assert counter.stop()
    assert not counter.is_alive()
    assert not os.path.exists(f"/proc/{pid}")
