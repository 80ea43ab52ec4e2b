"""Numbered scenarios 23 to 40: requests. (32, an unknown name, and 36, a taken name, need real processes.)"""

from __future__ import annotations

import pytest

from supervision.decisions import CountChildren, Ok, Refused, TerminateChild, WhichChildren
from tests.conformance.tree import Tree, child


def test_023_a_running_child_cannot_be_added_again() -> None:
    """start_child with a running child's id: already_started with its pid, whatever else is given."""
    tree = Tree(child("a"))
    assert tree.add("a", "error", restart="temporary") == ["error", ["already_started", ["pid", "a", 1]]]


def test_024_a_terminated_child_cannot_be_added_again() -> None:
    """start_child with a terminated child's id: already_present."""
    tree = Tree(child("a"))
    tree.terminate("a")
    assert tree.add("a") == ["error", "already_present"]


def test_025_terminate_child() -> None:
    """The child ends with shutdown and stays as undefined."""
    tree = Tree(child("a"))
    assert tree.terminate("a") == "ok"
    assert tree.exits() == [["a", "shutdown"]]
    assert tree.which() == {"a": "undefined"}
    assert tree.counts() == (1, 0, 0, 1)


def test_026_terminating_twice_is_fine() -> None:
    """terminate_child of a terminated child: ok."""
    tree = Tree(child("a"))
    tree.terminate("a")
    assert tree.terminate("a") == "ok"


def test_027_unknown_ids() -> None:
    """terminate_child, restart_child, delete_child of nobody: not_found."""
    tree = Tree()
    assert [tree.terminate("zz"), tree.restart("zz"), tree.delete("zz")] == [["error", "not_found"]] * 3


def test_028_a_running_child_can_be_neither_restarted_nor_deleted() -> None:
    """restart_child and delete_child of a running child: running."""
    tree = Tree(child("a"))
    assert [tree.restart("a"), tree.delete("a")] == [["error", "running"]] * 2


def test_029_restart_child() -> None:
    """A terminated child is started again by request."""
    tree = Tree(child("a"))
    tree.terminate("a")
    assert tree.restart("a") == ["ok", ["pid", "a", 2]]
    assert tree.counts() == (1, 1, 0, 1)


def test_030_delete_child() -> None:
    """A terminated child can be deleted, and is not known then."""
    tree = Tree(child("a"))
    tree.terminate("a")
    assert tree.delete("a") == "ok"
    assert tree.restart("a") == ["error", "not_found"]
    assert tree.counts() == (0, 0, 0, 0)


def test_031_a_pid_is_no_id() -> None:
    """terminate_child with a child's pid: not_found, and the child goes on."""
    tree = Tree(child("a"))
    assert tree.sim.request("", TerminateChild(("a", 1), by_pid=True)) == Refused("not_found")
    assert tree.which() == {"a": 1}


def test_033_extra_information_is_passed_on() -> None:
    """start_child and restart_child tell what the start gave besides; an automatic restart works too."""
    tree = Tree()
    assert tree.add("a", *["ok_info"] * 3) == ["ok", ["pid", "a", 1], "info"]
    tree.exit("a")
    assert tree.which() == {"a": 2}
    tree.terminate("a")
    assert tree.restart("a") == ["ok", ["pid", "a", 3], "info"]


@pytest.mark.parametrize(("start", "reason"), [("error", "boom"), ("bad", "weird"), ("raise", ["EXIT", "boom"])])
def test_034_a_failed_start_child_leaves_nothing(start: str, reason: object) -> None:
    """start_child whose start fails, or returns a wrong value: the reason, and the child is not listed."""
    tree = Tree()
    assert tree.add("a", start) == ["error", ["failed", reason]]
    assert tree.which() == {}


def test_035_a_failed_restart_child() -> None:
    """restart_child whose start fails: the bare reason; the child stays undefined, nothing is retried."""
    tree = Tree(child("a", "ok", "error"))
    tree.terminate("a")
    assert tree.restart("a") == ["error", "boom"]
    assert tree.which() == {"a": "undefined"}
    assert tree.started() == []


def test_037_which_children_has_the_last_first() -> None:
    """A, B, C are listed C, B, A, also after B was restarted."""
    tree = Tree(child("a"), child("b"), child("c"))
    assert list(tree.which()) == ["c", "b", "a"]
    tree.exit("b")
    assert list(tree.which()) == ["c", "b", "a"]


def test_038_a_deleted_child_comes_back_at_the_end() -> None:
    """A, deleted and added again after B, is the last one started."""
    tree = Tree(child("a"), child("b"))
    tree.terminate("a")
    tree.delete("a")
    tree.add("a")
    assert list(tree.which()) == ["a", "b"]


def test_039_a_dead_child_that_was_not_noticed_is_not_active() -> None:
    """A child whose death has not been handled is listed with its pid and not counted as active."""
    tree = Tree(child("a"), child("b"))
    counts = tree.sim.request("", CountChildren(alive=frozenset([("b", 1)])))
    assert counts == Ok((2, 1, 0, 2))
    rows = tree.sim.request("", WhichChildren())
    assert isinstance(rows, Ok)
    assert isinstance(rows.value, list)
    assert [row.child for row in rows.value] == [("b", 1), ("a", 1)]


def test_040_invalid_specifications() -> None:
    """start_child of {} and of a child with shutdown -1: missing_id, invalid_shutdown."""
    tree = Tree()
    assert tree.do("start_child", {}) == ["error", "missing_id"]
    assert tree.add("a", shutdown=-1) == ["error", ["invalid_shutdown", -1]]
