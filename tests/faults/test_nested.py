"""Supervisors below supervisors: what falls with one of them, what stays, and in which order all end."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from supervision import ChildSpec, Supervisor
from supervision.exits import KILLED
from supervision.testing import capture_events, wait_until
from supervision.tree.performer import Performer
from tests.faults.actors import LeavesAMark, Subject
from tests.faults.helpers import alive, answering_pid, own_runtime, tree_of

DOWN = ("supervision", "child", "down")
GAVE_UP = ("supervision", "supervisor", "shutdown")


def supervisor(key: str, children: list[ChildSpec], **flags: Any) -> ChildSpec:
    return ChildSpec(id=key, start=(Supervisor, (children,), flags), type="supervisor")


def three_levels() -> list[ChildSpec]:
    """Return three supervisors of three supervisors of three actors each; the actors are named by their way."""
    return [
        supervisor(
            a,
            [
                supervisor(b, [ChildSpec(id=f"{a}{b}{c}", start=(Subject, (), {})) for c in "xyz"])
                for b in ("k", "l", "m")
            ],
        )
        for a in ("p", "q", "r")
    ]


def leaves(tree: Any) -> dict[str, int]:
    """Return the process ids of all actors, by name, once all answer."""
    return {f"{a}{b}{c}": answering_pid(tree[a][b][f"{a}{b}{c}"]) for a in "pqr" for b in "klm" for c in "xyz"}


def test_the_end_of_the_middle_takes_its_leaves_and_nobody_elses_and_they_come_back() -> None:
    with tree_of(*three_levels()) as tree:
        before = leaves(tree)
        below = {name: pid for name, pid in before.items() if name.startswith("q")}
        assert tree["q"].kill()
        wait_until(lambda: not any(map(alive, below.values())), timeout=1.0)
        after = wait_until(lambda: _all_new(tree, below))
        assert {name: pid for name, pid in after.items() if name not in below} == {
            name: pid for name, pid in before.items() if name not in below
        }


def _all_new(tree: Any, former: dict[str, int]) -> dict[str, int]:
    try:
        found = leaves(tree)
    except KeyError:  # one of the supervisors has not yet started that child
        return {}
    return {} if set(found.values()) & set(former.values()) else found


def test_were_a_supervisor_killed_without_its_children_they_would_live_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from supervision import decisions

    def kill_it_alone(self: Performer) -> None:
        self._killed = True
        self._finished(decisions.Finished(KILLED))

    with own_runtime(spares=0), tree_of(supervisor("q", [ChildSpec(id="x", start=(Subject, (), {}))])) as tree:
        pid = answering_pid(tree["q"]["x"])
        with monkeypatch.context() as patch:
            patch.setattr(Performer, "kill", kill_it_alone)
            tree["q"].kill()
            answering_pid(tree["q"]["x"], other_than=pid)
        assert alive(pid)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not alive(pid))


def test_all_end_in_the_reverse_order_of_their_starts_through_all_levels() -> None:
    with own_runtime(spares=0), capture_events([DOWN]) as captured:
        tree = Supervisor.start(three_levels())
        names = list(leaves(tree))
        assert tree.stop(timeout=30)
        wait_until(lambda: len(captured.events) == 27 + 9 + 3)
    actors = [event.metadata["id"] for event in captured.events if len(str(event.metadata["id"])) == 3]
    assert actors == names[::-1]
    assert [event.metadata["id"] for event in captured.events if event.metadata["id"] in list("pqr")] == list("rqp")


def test_a_leaf_that_cannot_live_takes_one_level_after_the_other_and_no_neighbour(tmp_path: Any) -> None:
    """One restart is fine at each level: 2 lives below, twice in the middle, twice at the top."""
    lives = tmp_path / "lives"
    flags = {"intensity": 1, "period": 60}
    leaf = ChildSpec(id="leaf", start=(LeavesAMark, (str(lives),), {}))
    below = supervisor("middle", [supervisor("low", [leaf], **flags)], **flags)
    with own_runtime(spares=0), tree_of(ChildSpec(id="other", start=(Subject, (), {}))) as neighbour:
        pid = answering_pid(neighbour["other"])
        with capture_events([GAVE_UP]) as captured:
            tree = Supervisor.start([below], name="top", **flags)
            reason: Any = tree.wait(30)
            assert reason.kind == "shutdown"
            wait_until(lambda: len(captured.events) == 4 + 2 + 1)
        assert lives.read_text() == "a" * 8
        assert [event.metadata["supervisor"] for event in captured.events][-1] == "top"
        assert answering_pid(neighbour["other"]) == pid
