"""Numbered scenarios 41 to 63: restart types and strategies."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.tree import Tree, child, sup

NORMAL_ENDS: list[Any] = ["normal", "shutdown", ["shutdown", "info"]]
GROUPS = ["one_for_all", "rest_for_one"]


def test_041_permanent_normal() -> None:
    """A permanent child that ends normally is restarted."""
    tree = Tree(child("a"))
    tree.exit("a", "normal")
    assert tree.which() == {"a": 2}


def test_042_permanent_shutdown() -> None:
    """A permanent child that ends with shutdown, then with (shutdown, info), is restarted each time."""
    tree = Tree(child("a"), intensity=2)
    tree.exit("a", "shutdown")
    tree.exit("a", ["shutdown", "info"])
    assert tree.which() == {"a": 3}


def test_043_permanent_abnormal() -> None:
    """A permanent child that crashes is restarted."""
    tree = Tree(child("a"))
    tree.exit("a", "crash")
    assert tree.which() == {"a": 2}


def test_044_transient_normal() -> None:
    """A transient child that ends normally stays as undefined."""
    tree = Tree(child("a", restart="transient"))
    tree.exit("a", "normal")
    assert tree.which() == {"a": "undefined"}
    assert tree.counts() == (1, 0, 0, 1)


def test_045_transient_shutdown() -> None:
    """A transient child that ends with shutdown or (shutdown, info) stays as undefined."""
    tree = Tree(child("a", restart="transient"))
    for generation, reason in enumerate(NORMAL_ENDS[1:], 2):
        tree.exit("a", reason)
        assert tree.which() == {"a": "undefined"}
        assert tree.restart("a") == ["ok", ["pid", "a", generation]]


@pytest.mark.parametrize("reason", ["crash", "kill"])
def test_046_transient_abnormal(reason: str) -> None:
    """A transient child that crashes or is killed is restarted."""
    tree = Tree(child("a", restart="transient"))
    tree.exit("a", reason)
    assert tree.which() == {"a": 2}


@pytest.mark.parametrize("reason", [*NORMAL_ENDS, "crash"])
def test_047_temporary_children_are_forgotten(reason: Any) -> None:
    """However a temporary child ends, it is gone from the list and can be added again."""
    tree = Tree(child("a", restart="temporary"))
    tree.exit("a", reason)
    assert tree.counts() == (0, 0, 0, 0)
    assert tree.add("a", restart="temporary") == ["ok", ["pid", "a", 2]]


def test_048_a_terminated_temporary_child_is_forgotten() -> None:
    """terminate_child forgets a temporary child: restart_child does not find it, start_child starts it."""
    tree = Tree(child("a", restart="temporary"))
    tree.terminate("a")
    assert tree.restart("a") == ["error", "not_found"]
    assert tree.add("a") == ["ok", ["pid", "a", 2]]


def test_049_a_transient_child_that_ended_is_present() -> None:
    """start_child of a transient child that ended normally: already_present; restart_child starts it."""
    tree = Tree(child("a", restart="transient"))
    tree.exit("a", "normal")
    assert tree.add("a") == ["error", "already_present"]
    assert tree.restart("a") == ["ok", ["pid", "a", 2]]


def test_050_a_restarted_child_has_started_with_its_new_pid() -> None:
    """start_child of a permanent child that was killed: already_started with the new pid."""
    tree = Tree(child("a"))
    tree.exit("a", "kill")
    assert tree.add("a") == ["error", ["already_started", ["pid", "a", 2]]]


@pytest.mark.parametrize("strategy", GROUPS)
def test_051_a_temporary_bystander_is_stopped_and_forgotten(strategy: str) -> None:
    """When permanent A ends, temporary B is stopped with it; only A starts again."""
    tree = Tree(child("a"), child("b", restart="temporary"), strategy=strategy)
    tree.exit("a")
    assert tree.exits() == [["a", "crash"], ["b", "shutdown"]]
    assert tree.which() == {"a": 2}
    assert tree.alive


def test_052_the_crash_of_a_temporary_child_concerns_nobody() -> None:
    """Under one_for_all, when temporary B crashes, A is untouched and B is gone."""
    tree = Tree(child("a"), child("b", restart="temporary"), strategy="one_for_all")
    tree.exit("b")
    assert tree.which() == {"a": 1}


def test_053_one_for_one_restarts_one() -> None:
    """When A crashes, B keeps its process."""
    tree = Tree(child("a"), child("b"), intensity=2)
    tree.exit("a")
    assert tree.which() == {"b": 1, "a": 2}


def test_054_one_for_one_gives_up() -> None:
    """After two restarts of two children the third crash is too many."""
    tree = Tree(child("a"), child("b"), intensity=2)
    tree.exit("a")
    tree.exit("b")
    assert tree.alive
    tree.exit("a")
    assert tree.given_up


def test_055_one_for_all_restarts_all() -> None:
    """When A crashes, B is stopped and both are started."""
    tree = Tree(child("a"), child("b"), strategy="one_for_all", intensity=2)
    tree.exit("a")
    assert tree.which() == {"b": 2, "a": 2}
    assert tree.counts() == (2, 2, 0, 2)


def test_056_a_group_restart_counts_once() -> None:
    """Two more crashes bring a supervisor with intensity 2 down, not one."""
    tree = Tree(child("a"), child("b"), strategy="one_for_all", intensity=2)
    tree.exit("a")
    tree.exit("b")
    assert tree.alive
    tree.exit("a")
    assert tree.given_up


def test_057_rest_for_one_restarts_the_rest() -> None:
    """When B crashes, C is stopped and both are started; A keeps its process."""
    tree = Tree(child("a"), child("b"), child("c"), strategy="rest_for_one", intensity=2)
    tree.exit("b")
    assert tree.which() == {"c": 2, "b": 2, "a": 1}


def test_058_the_order_within_a_group() -> None:
    """Of five, when the third crashes: fifth and fourth stop, third, fourth, fifth start."""
    tree = Tree(*map(child, "abcde"), strategy="rest_for_one")
    tree.exit("c")
    assert tree.exits() == [["c", "crash"], ["e", "shutdown"], ["d", "shutdown"]]
    assert tree.started() == ["c", "d", "e"]


def test_059_there_is_nobody_after_the_last() -> None:
    """Under rest_for_one the last child's crash stops nobody."""
    tree = Tree(child("a"), child("b"), strategy="rest_for_one")
    tree.exit("b")
    assert tree.exits() == [["b", "crash"]]


def test_060_a_group_restart_brings_back_a_terminated_supervisor() -> None:
    """A supervisor stopped by request is started again when a sibling supervisor gives up."""
    tree = Tree(sup("s", child("x"), intensity=0), sup("t", child("y")), strategy="one_for_all", intensity=1)
    tree.terminate("t")
    tree.exit("s/x")
    assert tree.which() == {"t": 2, "s": 2}


def test_061_a_group_restart_brings_back_a_transient_child() -> None:
    """Under one_for_all a transient child that had ended normally starts again with the group."""
    tree = Tree(child("a"), child("b", restart="transient"), strategy="one_for_all")
    tree.exit("b", "normal")
    tree.exit("a")
    assert tree.which() == {"b": 2, "a": 2}


def test_062_rest_for_one_leaves_those_before_alone() -> None:
    """A, terminated, stays undefined when B after it crashes."""
    tree = Tree(child("a"), child("b"), strategy="rest_for_one")
    tree.terminate("a")
    tree.exit("b")
    assert tree.which() == {"b": 2, "a": "undefined"}


def test_063_two_deaths_at_once_are_one_group_restart() -> None:
    """A and C killed at once: one restart is counted; C's reason is reported as shutdown_error."""
    tree = Tree(*map(child, "abc"), strategy="one_for_all", intensity=1)
    tree.do("exit_many", ["a", "c"], "kill")
    assert tree.rep == [["child_terminated", "a", "killed"], ["shutdown_error", "c", "killed"]]
    assert tree.alive
    assert len(tree.sim.machines[0].state.restarts) == 1
