"""Numbered scenarios 121 to 135: Elixir's surface, DynamicSupervisor, PartitionSupervisor."""

from __future__ import annotations

from typing import Any

import pytest

from supervision.decisions import (
    CountChildren,
    Counts,
    DeleteChild,
    Ok,
    Refused,
    RestartChild,
    Start,
    StartChild,
    TerminateChild,
    initial,
)
from supervision.decisions.partition import partition_index, partition_specs, resize_plan
from supervision.errors import SpecError
from supervision.spec import ChildSpec, SupervisorFlags
from supervision.spec import child as describe
from tests.conformance.children import Behaviour
from tests.conformance.tree import Dynamic, Tree, child

FOREVER = {"intensity": 1_000_000, "period": 3600}


def function(*args: object) -> None:
    """Stand for the start of a child."""


class Plain:
    """Be a class that says nothing about its supervision."""


class Described:
    """Be a class that does."""

    @classmethod
    def child_spec(cls, name: str = "described") -> dict[str, Any]:
        return {"id": name, "start": (cls, ()), "restart": "transient"}


def terminate(tree: Dynamic, pid: Any) -> Ok | Refused:
    return tree.ask(TerminateChild(pid, by_pid=True))


def counts(tree: Dynamic) -> tuple[int, int]:
    """Return (workers, active)."""
    outcome = tree.ask(CountChildren())
    assert isinstance(outcome, Ok)
    assert isinstance(outcome.value, Counts)
    return outcome.value.workers, outcome.value.active


def test_121_the_defaults_are_elixirs() -> None:
    """3 restarts in 5 s. (The strategy has OTP's default here, where Elixir wants one.)"""
    flags = SupervisorFlags()
    assert (flags.intensity, flags.period, flags.strategy) == (3, 5, "one_for_one")


def test_122_a_class_is_a_child() -> None:
    """A class, or a class with arguments, describes itself; what is neither is refused with a sentence."""
    assert describe(Described).id == "described"
    assert describe((Described, ("other",))).id == "other"
    assert describe(Plain).start == (Plain, (), {})
    with pytest.raises(SpecError, match="does not describe a child"):
        describe(7)


def test_123_overrides_replace_fields() -> None:
    """Fields given beside a child replace its own; an unknown one raises."""
    spec = describe(Described, id="mine", restart="temporary")
    assert (spec.id, spec.restart) == ("mine", "temporary")
    with pytest.raises(TypeError, match="no field 'colour'"):
        describe(Described, colour="red")


def test_124_the_life_of_a_child() -> None:
    """Delete a running one: running. Terminate, restart, terminate, delete work in this order."""
    tree = Tree()
    tree.add("a")
    assert tree.delete("a") == ["error", "running"]
    assert tree.terminate("a") == "ok"
    assert tree.restart("a") == ["ok", ["pid", "a", 2]]
    assert [tree.terminate("a"), tree.delete("a")] == ["ok", "ok"]


def test_125_ids_do_not_clash_in_a_dynamic_supervisor() -> None:
    """Two children with one id are both started."""
    tree = Dynamic()
    assert [tree.add("a"), tree.add("a")] == [("a", 1), ("a", 2)]
    assert counts(tree) == (2, 2)


def test_126_max_children() -> None:
    """All places taken, also by restarting children: max_children."""
    assert Dynamic(max_children=0).add("a") == ("error", "max_children")
    tree = Dynamic(FOREVER, max_children=1)
    tree.add("a", "ok", "hold")
    tree.exit("a")
    assert tree.add("b") == ("error", "max_children")


def test_127_extra_arguments_come_first() -> None:
    """They precede the child's own, at a restart too."""
    tree = Dynamic(extra_arguments=("x", "y"))
    start = tree.sim.start_function(Behaviour("a"))
    tree.ask(StartChild(ChildSpec(id="a", start=(start, ("own",), {}))))
    tree.exit("a")
    calls = [action.spec.start[1] for action in tree.sim.machines[0].log if isinstance(action, Start)]
    assert calls == [("x", "y", "own")] * 2


@pytest.mark.parametrize(
    ("outcome", "answer"),
    [
        ("ok", ("a", 1)),
        ("ok_info", ("a", 1)),
        ("ignore", "ignore"),
        ("error", ("error", "boom")),
        ("bad", ("error", "weird")),
    ],
)
def test_128_the_answers_to_different_returns(outcome: str, answer: object) -> None:
    """ok, ok with info, ignore, error, an unknown value: answered as such."""
    assert Dynamic().add("a", outcome) == answer


def test_129_a_start_that_raises() -> None:
    """The answer is an error with what was raised; nothing is kept."""
    tree = Dynamic()
    assert tree.add("a", "raise") == ("error", ("EXIT", "boom"))
    assert counts(tree) == (0, 0)


def test_130_restarts_with_different_returns() -> None:
    """Restarted with ok, ok with info, ignore, error, unknown: workers 1 2 2 3 4, active 1 2 2 2 2."""
    tree = Dynamic(FOREVER)
    seen = []
    for name, outcome in [("a", "ok"), ("b", "ok_info"), ("c", "ignore"), ("d", "error"), ("e", "bad")]:
        tree.add(name, "ok", outcome, "hold")
        if outcome in ("error", "bad"):
            tree.sim.ledger.held.add(name)
        tree.exit(name)
        seen.append(counts(tree))
    assert seen == [(1, 1), (2, 2), (2, 2), (3, 2), (4, 2)]


def test_131_terminate_child_twice() -> None:
    """ok, then not_found; a restarting child's former pid: ok, then not_found."""
    tree = Dynamic(FOREVER)
    pid = tree.add("a", shutdown="brutal_kill")
    assert [terminate(tree, pid), terminate(tree, pid)] == [Ok(), Refused("not_found")]
    pid = tree.add("b", "ok", "hold")
    tree.exit("b")
    assert [terminate(tree, pid), terminate(tree, pid)] == [Ok(), Refused("not_found")]


def test_132_each_child_has_its_own_shutdown() -> None:
    """At the stop each ends as its own kind says."""
    tree = Dynamic()
    tree.add("a")
    tree.add("b", shutdown="brutal_kill", trap=True)
    tree.add("c", shutdown=50, trap=True, on_shutdown="ignore")
    tree.sim.stop()
    ends = sorted((event[1], event[3]) for event in tree.sim.ledger.events if event[0] == "exit")
    assert ends == [("a", "shutdown"), ("b", "killed"), ("c", "killed")]
    assert tree.sim.ledger.reports == [["shutdown_error", "c", "killed"]]


def test_133_a_dynamic_supervisor_knows_no_significant_children() -> None:
    """significant: True, and auto_shutdown, are refused."""
    assert Dynamic().add("a", significant=True) == ("error", ("invalid_significant", True))
    with pytest.raises(SpecError) as caught:
        initial({"auto_shutdown": "any_significant"}, [], "dynamic")
    assert caught.value.reason == ("supervisor_data", ("invalid_auto_shutdown", "any_significant"))


def test_133_a_dynamic_supervisor_has_no_restart_child() -> None:
    """restart_child and delete_child do not exist there."""
    tree = Dynamic()
    assert [tree.ask(RestartChild("a")), tree.ask(DeleteChild("a"))] == [Refused("not_supported")] * 2


def test_134_partitions_are_resized_downward_and_back() -> None:
    """8 to 5: the top three stop and keys still find one; to 9 is refused; after 0 nothing is found."""
    plan = resize_plan(8, 5, 8)
    assert (plan.former, plan.terminate, plan.restart) == (8, (7, 6, 5), ())
    assert resize_plan(5, 8, 8).restart == (5, 6, 7)
    assert all(0 <= partition_index(key, 5) < 5 for key in range(-20, 20))
    with pytest.raises(SpecError, match="0 to 8"):
        resize_plan(5, 9, 8)
    with pytest.raises(SpecError):
        partition_index("key", 0)


def test_134_the_counts_of_resized_partitions() -> None:
    """After a resize from 8 to 5 there are 8 specifications and 5 running children."""
    tree = Tree(*(child(str(at)) for at in range(8)))
    for at in resize_plan(8, 5, 8).terminate:
        tree.terminate(str(at))
    assert tree.counts() == (8, 5, 0, 8)


def test_135_every_partition_gets_its_own_arguments() -> None:
    """with_arguments gives each copy its arguments."""
    specs = partition_specs({"id": "any", "start": (function, ("x",))}, 3, lambda args, partition: [*args, partition])
    assert [(spec.id, spec.start[1]) for spec in specs] == [(0, ("x", 0)), (1, ("x", 1)), (2, ("x", 2))]
