"""Numbered scenarios 103 to 120: simple_one_for_one, and reports."""

from __future__ import annotations

from typing import Any

import pytest

from supervision.decisions import CountChildren, Counts, Ok, Progress, StartChild, Stop, StopSupervisor, step
from supervision.exits import SHUTDOWN
from tests.conformance.tree import Tree, child, sup

FOREVER = 1_000_000


def simple(*names: str, intensity: int = 1, **template: Any) -> Tree:
    tree = Tree(child("tpl", dynamic=True, **template), strategy="simple_one_for_one", intensity=intensity)
    for name in names:
        tree.add(name)
    return tree


def test_103_the_template_is_no_instance() -> None:
    """No instance at first; two after two start_child; specs is always 1."""
    tree = simple()
    assert tree.counts() == (1, 0, 0, 0)
    tree.add("x")
    tree.add("y")
    assert tree.counts() == (1, 2, 0, 2)


def test_104_terminate_child_takes_a_pid() -> None:
    """An id is refused; a pid is fine, also when it is dead; a living stranger is not found."""
    tree = simple("x")
    assert tree.do("terminate_child_by_id", "tpl") == ["error", "simple_one_for_one"]
    assert tree.terminate("x") == "ok"
    assert tree.terminate("x") == "ok"
    assert tree.terminate("stranger") == ["error", "not_found"]


def test_105_no_restart_child_no_delete_child() -> None:
    """Both are refused with simple_one_for_one."""
    tree = simple("x")
    assert [tree.restart("x"), tree.delete("x")] == [["error", "simple_one_for_one"]] * 2


@pytest.mark.parametrize("number", [0, 2])
def test_106_one_specification_exactly(number: int) -> None:
    """None, or two: bad_start_spec."""
    specs = [child(f"tpl{at}", dynamic=True) for at in range(number)]
    assert Tree(*specs, strategy="simple_one_for_one").start == ["error", ["bad_start_spec", number]]


@pytest.mark.parametrize("restart", ["temporary", "permanent"])
def test_107_an_ignored_instance_is_not_kept(restart: str) -> None:
    """(ok, undefined), nothing is listed, and the supervisor stops cleanly later."""
    tree = simple(restart=restart)
    assert tree.add("x", "ignore") == ["ok", None]
    assert tree.which() == {}
    tree.stop()
    assert (tree.state, tree.rep) == (["dead", "shutdown"], [])


def test_108_a_failed_instance_is_not_kept() -> None:
    """The bare error, and nothing is listed."""
    tree = simple()
    assert tree.add("x", "error") == ["error", "boom"]
    assert tree.which() == {}


def test_109_an_instance_restarts_with_its_own_arguments() -> None:
    """One crashes: it is started with its own arguments, the other one is untouched."""
    tree = simple("x", "y")
    tree.exit("x")
    assert tree.started() == ["x"]
    assert tree.which() == {"x": 2, "y": 1}


def test_110_instances_stop_in_parallel() -> None:
    """All are asked at once; the stuck ones are killed at the common limit."""
    tree = simple("x", "y", shutdown=2000)
    tree.add("z", trap=True, on_shutdown="ignore")
    _, actions = step(tree.sim.machines[0].state, StopSupervisor(SHUTDOWN), 0.0)
    assert [action.shutdown for action in actions if isinstance(action, Stop)] == [2.0] * 3
    tree.stop()
    assert tree.sim.now == 2.0
    assert sorted(tree.exits()) == [["x", "shutdown"], ["y", "shutdown"], ["z", "killed"]]
    assert tree.rep == [["shutdown_error", "tpl", "killed", 1]]


def test_111_brutal_kill_of_instances() -> None:
    """All end with killed, and that is right."""
    tree = simple("x", "y", shutdown="brutal_kill")
    tree.stop()
    assert sorted(tree.exits()) == [["x", "killed"], ["y", "killed"]]
    assert tree.rep == []


def test_112_restarting_instances_are_counted() -> None:
    """Of three two are restarting: one active, three workers; later three active."""
    tree = simple("x", intensity=FOREVER)
    for name in ("y", "z"):
        tree.add(name, "ok", "hold")
        tree.exit(name)
    assert tree.counts() == (1, 1, 0, 3)
    tree.do("release", "y")
    tree.do("release", "z")
    assert tree.counts() == (1, 3, 0, 3)


def test_113_a_restarting_instance_answers_to_its_former_pid() -> None:
    """terminate_child with the former pid: ok, and the instance is gone."""
    tree = simple(intensity=FOREVER)
    tree.add("x", "ok", "hold")
    tree.exit("x")
    assert tree.do("which_children") == [[None, "restarting", "worker"]]
    assert tree.terminate("x") == "ok"
    assert tree.counts() == (1, 0, 0, 0)


def test_114_an_ignored_restart_forgets_the_instance() -> None:
    """The repaired behaviour: nothing is left of it, and the supervisor stops cleanly."""
    tree = simple()
    tree.add("x", "ok", "ignore")
    tree.exit("x")
    assert tree.counts() == (1, 0, 0, 0)
    tree.stop()
    assert tree.state == ["dead", "shutdown"]


def test_115_a_thousand_instances_of_a_supervisor() -> None:
    """They are counted as supervisors."""
    tree = simple(type="supervisor")
    for number in range(1000):
        tree.sim.request("", StartChild(({"id": f"x{number}"},)))
    assert tree.sim.request("", CountChildren()) == Ok(Counts(1, 1000, 1000, 0))


def test_116_however_instances_end_the_supervisor_ends_with_shutdown() -> None:
    """Instances that end the stop with normal, (shutdown, x), a crash: the supervisor ends with shutdown."""
    tree = simple("x")
    for name, way in [("n", "normal"), ("s", ["shutdown", "y"]), ("c", "crash")]:
        tree.add(name, trap=True, on_shutdown=way)
    tree.stop()
    assert tree.state == ["dead", "shutdown"]
    assert len(tree.exits()) == 4


def test_117_the_reports_of_a_crash() -> None:
    """One child_terminated with the reason and the old pid, and one progress for the new process."""
    tree = Tree(child("a"))
    del tree.sim.machines[0].log[:]
    tree.exit("a")
    log: list[Any] = tree.sim.machines[0].log
    (report,) = [action for action in log if type(action).__name__ == "Report"]
    assert (report.context, report.reason.term(), report.offender.pid) == (
        "child_terminated",
        "crash",
        ("a", 1),
    )
    assert [action.pid for action in log if isinstance(action, Progress)] == [("a", 2)]


def test_118_the_report_of_giving_up() -> None:
    """A shutdown report with reached_max_restart_intensity about the child."""
    tree = Tree(child("a"), intensity=0)
    tree.exit("a")
    assert tree.rep[-1] == ["shutdown", "a", "reached_max_restart_intensity"]


def test_119_a_failed_request_is_not_reported() -> None:
    """A failed start_child or restart_child: no report."""
    tree = Tree(child("b", "ok", "error"))
    tree.add("a", "error")
    assert tree.rep == []
    tree.terminate("b")
    tree.restart("b")
    assert tree.rep == []


def test_120_one_report_per_reason_for_instances() -> None:
    """Instances stopped with wrong reasons: one report per reason with the number of children."""
    tree = simple(trap=True, on_shutdown="crash")
    for name in "abc":
        tree.add(name)
    tree.add("d", on_shutdown="normal")
    tree.stop()
    assert sorted(tree.rep, key=str) == [
        ["shutdown_error", "tpl", "crash_on_stop", 3],
        ["shutdown_error", "tpl", "normal", 1],
    ]


def test_instances_make_no_progress_reports() -> None:
    """Only children with ids do."""
    assert not any(isinstance(action, Progress) for action in simple("x").sim.machines[0].log)


def test_a_nested_supervisor_is_reported_under_its_path() -> None:
    """The reports of a nested supervisor name the child within it."""
    tree = Tree(sup("s", child("x")))
    tree.exit("s/x")
    assert tree.rep == [["child_terminated", "s/x", "crash"]]
