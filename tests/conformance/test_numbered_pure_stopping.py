"""Numbered scenarios 85 to 102: stopping, and automatic shutdown."""

from __future__ import annotations

from typing import Any, cast

import pytest

from supervision.decisions import (
    Boot,
    Event,
    Exited,
    Ok,
    Request,
    Stop,
    StopSupervisor,
    TerminateChild,
    Unexpected,
    initial,
    step,
)
from supervision.exits import NOPROC, SHUTDOWN
from tests.conformance.tree import Tree, child, sup

ENDS: list[Any] = ["normal", "crash", "kill", ["shutdown", "x"]]


def test_085_infinity() -> None:
    """A worker and a supervisor with infinity both end with shutdown."""
    tree = Tree(child("a", shutdown="infinity"), child("b", type="supervisor"))
    tree.stop()
    assert tree.exits() == [["b", "shutdown"], ["a", "shutdown"]]


def test_086_a_stuck_child_is_killed_when_its_time_is_over() -> None:
    """A ends with shutdown, stuck B with killed, which is reported."""
    tree = Tree(child("a", shutdown=1000), child("b", shutdown=1000, trap=True, on_shutdown="ignore"))
    tree.stop()
    assert tree.exits() == [["b", "killed"], ["a", "shutdown"]]
    assert tree.rep == [["shutdown_error", "b", "killed"]]


def test_087_brutal_kill() -> None:
    """A child with brutal_kill ends with killed, and that is right."""
    tree = Tree(child("b", shutdown="brutal_kill", trap=True))
    tree.stop()
    assert tree.exits() == [["b", "killed"]]
    assert tree.rep == []


def test_088_children_that_end_by_themselves_during_the_stop() -> None:
    """Their reasons stay as they were; the supervisor ends with shutdown."""
    tree = Tree(*map(child, "abcd"))
    paths_and_reasons = [("a", "normal"), ("b", "crash"), ("c", ["shutdown", "x"])]
    tree.sim.machines[0].mailbox.append(StopSupervisor(SHUTDOWN))
    for path, reason in paths_and_reasons:
        tree.sim.exit_children([path], cast(Any, reason))
    tree.do("sleep", 0)
    assert tree.state == ["dead", "shutdown"]
    assert tree.exits() == [*map(list, paths_and_reasons), ["d", "shutdown"]]
    assert [report[1:] for report in tree.rep] == [["c", ["shutdown", "x"]], ["b", "crash"], ["a", "normal"]]


def test_089_a_child_that_is_gone_does_not_hang_terminate_child() -> None:
    """Its end, unseen until then, comes as noproc; that is reported and the call is answered."""
    tree = Tree(child("a"))
    pid = ("a", 1)
    del tree.sim.processes[pid]
    machine = tree.sim.machines[0]
    tree.sim.requests += 1
    machine.mailbox.extend([Request(1, TerminateChild("a")), Exited("a", pid, NOPROC)])
    tree.do("sleep", 0)
    assert tree.sim.answers[1] == Ok()
    assert tree.rep == [["shutdown_error", "a", "noproc"]]


@pytest.mark.parametrize(
    ("restart", "reports"), [("permanent", [["shutdown_error", "a", "normal"]]), ("transient", [])]
)
def test_090_answering_a_stop_with_a_normal_end(restart: str, reports: list[Any]) -> None:
    """From a permanent child it is reported, from a transient one it is not."""
    tree = Tree(child("a", restart=restart, trap=True, on_shutdown="normal"))
    tree.terminate("a")
    assert tree.rep == reports


def test_091_an_unknown_message_is_logged() -> None:
    """What is no event is told as unexpected, and nothing else happens."""
    state, _ = step(initial({}, []), Boot(), 0.0)
    assert step(state, cast(Event, "hello"), 0.0) == (state, (Unexpected("hello"),))


def test_092_children_stop_in_reverse_order() -> None:
    """Five children end in reverse start order."""
    tree = Tree(*map(child, "abcde"))
    tree.stop()
    assert [path for path, _ in tree.exits()] == ["e", "d", "c", "b", "a"]


def test_093_only_the_parent_can_stop_a_supervisor() -> None:
    """The end of an unknown process, whatever its reason, is nothing to the supervisor."""
    tree = Tree(child("a"))
    tree.sim.machines[0].mailbox.append(Exited("stranger", ("stranger", 1), SHUTDOWN))
    tree.do("sleep", 0)
    assert (tree.alive, tree.ev, tree.rep) == (True, [], [])


@pytest.mark.parametrize("mode", ["any_significant", "all_significant"])
@pytest.mark.parametrize("restart", ["temporary", "transient"])
def test_094_children_that_are_not_significant(mode: str, restart: str) -> None:
    """However they end, and terminated by request too, there is no shutdown."""
    for reason in ENDS:
        tree = Tree(child("a", restart=restart), child("b"), auto_shutdown=mode)
        tree.exit("a", reason)
        tree.terminate("a")
        assert tree.alive


def test_095_any_significant_temporary() -> None:
    """Terminated by request: nothing. Killed, crashed, ended normally: everybody stops."""
    family = [child("a", restart="temporary", significant=True), child("b", restart="temporary"), child("c")]
    tree = Tree(*family, auto_shutdown="any_significant")
    tree.terminate("a")
    assert tree.alive
    for reason in ENDS:
        tree = Tree(*family, auto_shutdown="any_significant")
        tree.exit("a", reason)
        assert tree.exits()[1:] == [["c", "shutdown"], ["b", "shutdown"]]
        assert tree.state == ["dead", "shutdown"]


def test_096_all_significant_temporary() -> None:
    """The first end does nothing, the last one ends the supervisor and C with it."""
    significant = {"restart": "temporary", "significant": True}
    tree = Tree(child("a", **significant), child("b", **significant), child("c"), auto_shutdown="all_significant")
    tree.exit("a", "normal")
    assert tree.alive
    tree.exit("b", "normal")
    assert tree.exits() == [["b", "normal"], ["c", "shutdown"]]
    assert tree.state == ["dead", "shutdown"]


def test_097_any_significant_transient() -> None:
    """Killed, it is restarted; ended normally, the supervisor ends."""
    tree = Tree(child("a", restart="transient", significant=True), auto_shutdown="any_significant")
    tree.exit("a", "kill")
    assert tree.which() == {"a": 2}
    tree.exit("a", "normal")
    assert tree.state == ["dead", "shutdown"]


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
def test_098_stopping_a_significant_sibling_is_no_trigger(strategy: str) -> None:
    """When a child that is not significant is killed, its significant siblings are just restarted."""
    tree = Tree(
        child("a"),
        child("b", restart="transient", significant=True),
        strategy=strategy,
        auto_shutdown="any_significant",
    )
    tree.exit("a", "kill")
    assert tree.which() == {"b": 2, "a": 2}


@pytest.mark.parametrize("significant", [True, False])
def test_099_automatic_shutdown_goes_up_through_significant_supervisors(significant: bool) -> None:
    """The worker's end ends its supervisor, and that the outer one if the inner is significant."""
    worker = child("x", restart="transient", significant=True)
    inner = sup("s", worker, restart="transient", significant=significant, auto_shutdown="any_significant")
    tree = Tree(inner, auto_shutdown="any_significant")
    tree.exit("s/x", "normal")
    assert tree.exits() == [["s/x", "normal"], ["s", "shutdown"]]
    assert tree.alive is not significant


def test_100_significant_children_need_the_right_supervisor() -> None:
    """Not with auto_shutdown never; a permanent one not with any."""
    never = [["auto_shutdown", "never"], ["significant", True]]
    assert Tree().add("a", restart="temporary", significant=True) == ["error", ["bad_combination", never]]
    assert Tree().add("a", significant=True) == ["error", ["bad_combination", never]]
    permanent = [["restart", "permanent"], ["significant", True]]
    for mode in ("any_significant", "all_significant"):
        assert Tree(auto_shutdown=mode).add("a", significant=True) == [
            "error",
            ["bad_combination", permanent],
        ]


def test_101_a_restarting_significant_child_is_still_there() -> None:
    """With all_significant, A restarting: B's normal end does not end the supervisor."""
    significant = {"restart": "transient", "significant": True}
    tree = Tree(
        child("a", "ok", "hold", **significant),
        child("b", **significant),
        auto_shutdown="all_significant",
        intensity=1_000_000,
    )
    tree.exit("a")
    tree.exit("b", "normal")
    assert tree.alive


def test_102_a_terminated_significant_child_is_not_there() -> None:
    """With all_significant, A terminated by request: B's normal end ends the supervisor."""
    significant = {"restart": "transient", "significant": True}
    tree = Tree(child("a", **significant), child("b", **significant), auto_shutdown="all_significant")
    tree.terminate("a")
    assert tree.alive
    tree.exit("b", "normal")
    assert tree.state == ["dead", "shutdown"]


def test_stops_wait_side_by_side_for_instances_only() -> None:
    """A Stop of an ordinary child is only emitted when the one before it is over."""
    tree = Tree(*map(child, "ab"))
    state, actions = step(tree.sim.machines[0].state, StopSupervisor(SHUTDOWN), 0.0)
    assert actions == (Stop("b", ("b", 1), 5.0),)
    state, actions = step(state, Exited("b", ("b", 1), SHUTDOWN), 0.0)
    assert actions == (Stop("a", ("a", 1), 5.0),)
