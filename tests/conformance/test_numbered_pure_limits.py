"""Numbered scenarios 64 to 84: restart intensity and failing restarts."""

from __future__ import annotations

import pytest

from supervision.decisions import Retry, SendSelf, StopSupervisor, step
from supervision.exits import SHUTDOWN
from tests.conformance.tree import Tree, child, sup

FOREVER = 1_000_000


def test_064_intensity_0_allows_no_restart() -> None:
    """A permanent child that ends normally ends a supervisor with intensity 0."""
    tree = Tree(child("a"), intensity=0)
    tree.exit("a", "normal")
    assert tree.given_up
    assert tree.started() == []


def test_065_otp_allows_one_restart_by_default() -> None:
    """With OTP's default flags one crash is fine, a second at once is not."""
    tree = Tree(child("a"), period=5)
    tree.exit("a")
    assert tree.which() == {"a": 2}
    tree.exit("a")
    assert tree.given_up


def test_066_restarts_far_apart_do_not_count_together() -> None:
    """1 in 1 s: four crashes with 2.1 s between them are fine."""
    tree = Tree(child("a"), intensity=1, period=1)
    for _ in range(4):
        tree.exit("a")
        tree.do("sleep", 2100)
    assert tree.alive


def test_067_crashes_of_two_children_count_together() -> None:
    """One crash each of two children are two restarts."""
    tree = Tree(child("a"), child("b"), intensity=1)
    tree.exit("a")
    tree.exit("b")
    assert tree.given_up


def test_068_giving_up_stops_the_others_in_reverse() -> None:
    """The rest is stopped in reverse order; the reason is shutdown, not the child's."""
    tree = Tree(*map(child, "abc"), intensity=0)
    tree.exit("b")
    assert tree.exits() == [["b", "crash"], ["c", "shutdown"], ["a", "shutdown"]]
    assert tree.state == ["dead", "shutdown"]


def test_069_normal_ends_of_a_transient_child_do_not_count() -> None:
    """Ten normal ends with restart_child in between: no restart is counted."""
    tree = Tree(child("a", restart="transient"), intensity=0)
    for _ in range(10):
        tree.exit("a", "normal")
        tree.restart("a")
    assert tree.alive
    assert tree.which() == {"a": 11}


def test_070_a_nested_supervisor_comes_back_with_its_initial_children() -> None:
    """A permanent nested supervisor that gave up is restarted; what was added to it is gone."""
    tree = Tree(sup("s", child("x"), intensity=0))
    tree.do("start_child", child("y"), "s")
    tree.exit("s/x")
    assert tree.which("s") == {"x": 2}
    assert tree.which() == {"s": 2}


def test_071_a_transient_nested_supervisor_that_gave_up_stays_down() -> None:
    """Its shutdown is a normal end: undefined, no report, the parent lives on."""
    tree = Tree(sup("s", child("x"), restart="transient", intensity=0))
    tree.exit("s/x")
    assert [report[1] for report in tree.rep] == ["s/x", "s/x"]
    assert tree.which() == {"s": "undefined"}


def test_072_giving_up_again_and_again_reaches_the_parent() -> None:
    """A nested supervisor that gives up repeatedly uses up its parent's intensity too."""
    tree = Tree(sup("s", child("x"), intensity=0), intensity=2)
    tree.exit("s/x")
    tree.exit("s/x")
    assert tree.alive
    tree.exit("s/x")
    assert tree.given_up


def attempts(tree: Tree) -> int:
    return sum(event[0] == "start_error" for event in tree.ev)


def test_073_escalation_one_for_one() -> None:
    """A restart that always fails ends the supervisor after as many attempts as its intensity; B stops."""
    tree = Tree(child("a", "ok", *["error"] * 9), child("b"), intensity=4)
    tree.exit("a")
    assert attempts(tree) == 4
    assert tree.given_up
    assert tree.exits() == [["a", "crash"], ["b", "shutdown"]]


def test_074_escalation_one_for_all() -> None:
    """The same when A crashes and B fails to start with the group."""
    tree = Tree(child("a"), child("b", "ok", *["error"] * 9), strategy="one_for_all", intensity=4)
    tree.exit("a")
    assert attempts(tree) == 4
    assert tree.given_up


def test_075_escalation_rest_for_one() -> None:
    """The same under rest_for_one; A, started again, stays up until the end."""
    tree = Tree(child("a"), child("b", "ok", *["error"] * 9), strategy="rest_for_one", intensity=4)
    tree.exit("a")
    assert attempts(tree) == 4
    assert tree.given_up
    assert tree.exits() == [["a", "crash"], ["b", "shutdown"], ["a", "shutdown"]]


def test_076_escalation_simple_one_for_one() -> None:
    """The same with instances."""
    tree = Tree(child("tpl", dynamic=True), strategy="simple_one_for_one", intensity=4)
    tree.add("x", "ok", *["error"] * 9)
    tree.add("y")
    tree.exit("x")
    assert attempts(tree) == 4
    assert tree.given_up
    assert tree.exits() == [["x", "crash"], ["y", "shutdown"]]


def test_077_one_for_all_starts_over_when_another_child_fails() -> None:
    """A started, B failed once: the new A is stopped, and both are started."""
    tree = Tree(child("a"), child("b", "ok", "error"), strategy="one_for_all", intensity=3)
    tree.exit("a")
    assert tree.exits() == [["a", "crash"], ["b", "shutdown"], ["a", "shutdown"]]
    assert tree.which() == {"b": 2, "a": 3}


def test_078_rest_for_one_keeps_those_before_the_failed_one() -> None:
    """A started, B failed once: the new A stays, only B is tried again."""
    tree = Tree(child("a"), child("b", "ok", "error"), strategy="rest_for_one", intensity=3)
    tree.exit("a")
    assert tree.which() == {"b": 2, "a": 2}


def hanging(*others: str, strategy: str = "one_for_one", before: tuple[str, ...] = ()) -> Tree:
    children = [*map(child, before), child("h", "ok", "hold"), *map(child, others)]
    tree = Tree(*children, strategy=strategy, intensity=FOREVER)
    tree.exit("h")
    return tree


def test_079_requests_while_a_child_is_restarting() -> None:
    """start_child: already_present; restart_child, delete_child: restarting; it is listed as restarting."""
    tree = hanging()
    assert tree.add("h") == ["error", "already_present"]
    assert [tree.restart("h"), tree.delete("h")] == [["error", "restarting"]] * 2
    assert tree.which() == {"h": "restarting"}
    assert tree.counts() == (1, 0, 0, 1)


def test_080_terminating_a_restarting_child() -> None:
    """terminate_child ends the retries; restart_child works once the start does."""
    tree = hanging()
    assert tree.terminate("h") == "ok"
    assert tree.which() == {"h": "undefined"}
    tree.do("release", "h")
    assert tree.which() == {"h": "undefined"}
    assert tree.restart("h") == ["ok", ["pid", "h", 2]]


def test_081_a_stop_between_two_attempts() -> None:
    """The supervisor obeys a stop while a child is restarting."""
    tree = hanging("b")
    tree.stop()
    assert tree.state == ["dead", "shutdown"]


def test_082_rest_for_one_with_a_child_restarting() -> None:
    """Before it the same process, itself restarting, after it undefined."""
    tree = hanging("c", strategy="rest_for_one", before=("a",))
    assert list(tree.which().items()) == [("c", "undefined"), ("h", "restarting"), ("a", 1)]
    assert tree.counts() == (3, 1, 0, 3)


def test_083_an_ignored_restart_is_over() -> None:
    """A restart that says ignore: undefined, no retry, one restart counted."""
    tree = Tree(child("a", "ok", "ignore"), intensity=1)
    tree.exit("a")
    assert tree.which() == {"a": "undefined"}
    assert len(tree.sim.machines[0].state.restarts) == 1


@pytest.mark.parametrize(("intensity", "lives"), [(3, True), (2, False)])
def test_084_every_attempt_counts(intensity: int, lives: bool) -> None:
    """A restart that fails twice and then works needs an intensity of 3."""
    tree = Tree(child("a", "ok", "error", "error"), intensity=intensity)
    tree.exit("a")
    assert tree.alive is lives


def test_084_a_retry_of_former_times_is_void() -> None:
    """A retry counts for the attempt it was queued for, not for a later one."""
    tree = hanging()
    machine = tree.sim.machines[0]
    stale = next(action.event for action in machine.log if isinstance(action, SendSelf))
    tree.terminate("h")
    state, actions = step(machine.state, Retry(stale.key, stale.token), 0.0)
    assert actions == ()
    assert step(state, StopSupervisor(SHUTDOWN), 0.0)[0].finished
