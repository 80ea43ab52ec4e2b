"""Numbered scenarios 121 to 135 on processes: Elixir's surface, DynamicSupervisor, PartitionSupervisor."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pykka
import pytest

from supervision import (
    IGNORE,
    ChildSpec,
    DynamicSupervisor,
    PartitionSupervisor,
    RequestError,
    SpecError,
    StartError,
    Supervisor,
    child,
)
from supervision.testing import wait_until
from tests.conformance.real_actors import Described, Player, Recorder

FOREVER = {"intensity": 1_000_000, "period": 3600}


class Starts:
    """Be a start function whose outcomes come one after the other; the last one stays."""

    def __init__(self, *outcomes: str) -> None:
        self.outcomes = list(outcomes)
        self.refs: list[Any] = []
        self.arguments: list[Any] = []

    def __call__(self, *arguments: Any) -> Any:
        self.arguments.append(arguments)
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        match outcome:
            case "ignore":
                return IGNORE
            case "error":
                raise StartError("boom", "as the test wants")
            case "raise":
                raise RuntimeError("boom")
            case "exit":
                raise SystemExit(3)
            case "bad":
                return "weird"
        self.refs.append(Player.start("p"))
        return (self.refs[-1], "info") if outcome == "ok_info" else self.refs[-1]


@pytest.fixture
def dynamic() -> Iterator[Callable[..., Any]]:
    """Start dynamic supervisors, and end them with the test."""
    trees: list[Any] = []

    def start(**options: Any) -> Any:
        trees.append(DynamicSupervisor.start(**options))
        return trees[-1]

    yield start
    for tree in trees:
        tree.kill()


def player(**fields: Any) -> ChildSpec:
    return ChildSpec(id="p", start=(Player, ("p", *fields.pop("args", ()))), **fields)


def crash(ref: Any) -> None:
    os.kill(ref.pid, signal.SIGKILL)
    wait_until(lambda: not ref.is_alive())


def counted(tree: Any) -> tuple[int, int]:
    """Return (workers, active)."""
    counts = tree.count_children()
    return counts.workers, counts.active


def test_121_the_defaults_are_elixirs() -> None:
    """Three crashes at once are fine, the fourth ends the supervisor."""
    tree = Supervisor.start([player()])
    for generation in range(4):
        assert tree.is_alive(), generation
        crash(tree["p"].pinned())
        if generation < 3:
            assert tree["p"].ask("path") == "p"
    assert tree.wait(10.0) is not None
    assert tree.gave_up


def test_122_a_class_is_a_child() -> None:
    """A class, or one with arguments, describes itself; what is neither is refused with a sentence."""
    tree = Supervisor.start([Described, (Described, ("other",))])
    assert [(row.id, tree.get_childspec(row.id).restart) for row in tree.which_children()] == [
        ("other", "transient"),
        ("described", "transient"),
    ]
    with pytest.raises(RequestError) as caught:
        tree.start_child(7)
    assert caught.value.reason == ("invalid_child_spec", 7)
    with pytest.raises(SpecError, match="does not describe a child"):
        child(7)
    tree.stop()


def test_123_overrides_replace_fields() -> None:
    """Fields given to start_child replace the child's own; an unknown one raises."""
    tree = Supervisor.start([])
    tree.start_child(Described, id="mine", restart="temporary")
    assert tree.get_childspec("mine").restart == "temporary"
    with pytest.raises(TypeError, match="no field 'colour'"):
        tree.start_child(Described, colour="red")
    tree.stop()


def test_124_the_life_of_a_child() -> None:
    """Delete a running one: running. Terminate, restart, terminate, delete work in this order."""
    tree = Supervisor.start([])
    tree.start_child(player())
    with pytest.raises(RequestError) as caught:
        tree.delete_child("p")
    assert caught.value.reason == "running"
    tree.terminate_child("p")
    assert tree.restart_child("p").ask("path") == "p"
    tree.terminate_child("p")
    tree.delete_child("p")
    assert tree.which_children() == []
    tree.stop()


def test_125_ids_do_not_clash_in_a_dynamic_supervisor(dynamic: Callable[..., Any]) -> None:
    """Two children with one id are both started."""
    tree = dynamic()
    one, two = tree.start_child(player()), tree.start_child(player())
    assert one.pid != two.pid
    assert counted(tree) == (2, 2)


def test_126_max_children(dynamic: Callable[..., Any]) -> None:
    """All places taken, also by a child that is being restarted: max_children."""
    for tree, start in [(dynamic(max_children=0), None), (dynamic(max_children=1, **FOREVER), Starts("ok", "error"))]:
        if start is not None:
            crash(tree.start_child(ChildSpec(id="a", start=(start, ()))))
        with pytest.raises(RequestError) as caught:
            tree.start_child(player())
        assert caught.value.reason == "max_children"


def test_127_extra_arguments_come_first(dynamic: Callable[..., Any]) -> None:
    """They precede the child's own, at a restart too."""
    tree = dynamic(extra_arguments=["x", "y"])
    ref = tree.start_child(ChildSpec(id="a", start=(Recorder, ("own",)))).following()
    assert ref.ask("arguments") == ["x", "y", "own"]
    crash(ref.pinned())
    assert ref.ask("arguments") == ["x", "y", "own"]


@pytest.mark.parametrize("outcome", ["ok", "ok_info", "ignore"])
def test_128_the_answers_to_starts_that_work(dynamic: Callable[..., Any], outcome: str) -> None:
    """ok: the ref; ok with info: both; ignore: None, and nothing is kept."""
    tree, start = dynamic(), Starts(outcome)
    answer = tree.start_child(ChildSpec(id="a", start=(start, ())))
    assert answer == {"ok": start.refs[-1:], "ok_info": [(*start.refs, "info")], "ignore": [None]}[outcome][0]
    assert counted(tree) == ((0, 0) if outcome == "ignore" else (1, 1))


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        ("error", "boom"),
        ("bad", "weird"),
        ("raise", ("RuntimeError", "boom")),
        ("exit", ("SystemExit", "3")),
    ],
)
def test_129_a_start_that_fails(dynamic: Callable[..., Any], outcome: str, reason: object) -> None:
    """The answer is an error with what was given or raised; nothing is kept, and nothing else suffers."""
    tree = dynamic()
    with pytest.raises(StartError) as caught:
        tree.start_child(ChildSpec(id="a", start=(Starts(outcome), ())))
    assert caught.value.reason == reason
    assert counted(tree) == (0, 0)
    assert tree.start_child(player()).ask("path") == "p"


def test_130_restarts_with_different_returns(dynamic: Callable[..., Any]) -> None:
    """Restarted with ok, ok with info, ignore, error, unknown: workers 1 2 2 3 4, active 1 2 2 2 2."""
    tree = dynamic(**FOREVER)
    seen = [(1, 1), (2, 2), (2, 2), (3, 2), (4, 2)]
    for outcome, expected in zip(("ok", "ok_info", "ignore", "error", "bad"), seen, strict=True):
        start = Starts("ok", outcome)
        answer = tree.start_child(ChildSpec(id="a", start=(start, ())))
        crash(answer)
        wait_until(lambda start=start: len(start.arguments) > 1)  # type: ignore[misc]
        wait_until(lambda expected=expected: counted(tree) == expected)  # type: ignore[misc]


def test_131_terminate_child_twice(dynamic: Callable[..., Any]) -> None:
    """ok, then not_found; a restarting child's former ref: ok, then not_found."""
    tree = dynamic(**FOREVER)
    start = Starts("ok", "error")
    plain = tree.start_child(player(shutdown="brutal_kill"))
    restarting = tree.start_child(ChildSpec(id="b", start=(start, ())))
    crash(restarting)
    wait_until(lambda: len(start.arguments) > 2)
    for ref in (plain, restarting):
        tree.terminate_child(ref)
        with pytest.raises(RequestError) as caught:
            tree.terminate_child(ref)
        assert caught.value.reason == "not_found"
    assert counted(tree) == (0, 0)
    attempts = len(start.arguments)
    assert not threading.Event().wait(0.05)
    assert len(start.arguments) == attempts, "it is tried no more"


def test_131_a_class_that_fails_to_restart_answers_to_its_former_ref(
    dynamic: Callable[..., Any], tmp_path: Any
) -> None:
    """The same for children named by their class."""
    tree = dynamic(**FOREVER)
    gate = tmp_path / "gate"
    gate.touch()
    ref = tree.start_child(ChildSpec(id="a", start=(Recorder, (), {"gate": str(gate)})))
    gate.unlink()
    crash(ref)
    wait_until(lambda: counted(tree) == (1, 0))
    tree.terminate_child(ref)
    assert counted(tree) == (0, 0)
    with pytest.raises(RequestError):
        tree.terminate_child(ref)


def test_132_each_child_has_its_own_shutdown(dynamic: Callable[..., Any]) -> None:
    """At the stop each ends as its own kind says, all at once."""
    tree = dynamic()
    refs = [
        tree.start_child(player()),
        tree.start_child(player(args=(True,), shutdown="brutal_kill")),
        tree.start_child(player(args=(True, "ignore"), shutdown=0.05)),
    ]
    ends = [ref._target.slot for ref in refs]
    assert tree.stop(timeout=10)
    assert [str(slot.reason) for slot in ends] == ["shutdown", "killed", "killed"]


def test_133_a_dynamic_supervisor_knows_no_significant_children(dynamic: Callable[..., Any]) -> None:
    """significant: True, and auto_shutdown, are refused; restart_child and delete_child do not exist."""
    tree = dynamic()
    with pytest.raises(RequestError) as caught:
        tree.start_child({"id": "a", "start": (Player, ("a",)), "significant": True})
    assert caught.value.reason == ("invalid_significant", True)
    with pytest.raises(SpecError) as refused:
        DynamicSupervisor.start(auto_shutdown="any_significant")
    assert refused.value.reason == ("supervisor_data", ("invalid_auto_shutdown", "any_significant"))
    for request in (tree.restart_child, tree.delete_child):
        with pytest.raises(RequestError) as caught:
            request("a")
        assert caught.value.reason == "not_supported"


def test_134_partitions_are_resized_downward_and_back() -> None:
    """8 to 5: counts 8 and 5, keys still find one; to 9 is refused; after 0 nothing is found; and back."""
    parts = PartitionSupervisor.start(Player, partitions=8, with_arguments=lambda _, number: [str(number)])
    assert parts.resize(5) == 8
    assert tuple(parts.tree.count_children()) == (8, 5, 0, 8)
    assert {parts[key].ask("path") for key in range(20)} == set("01234")
    with pytest.raises(SpecError, match="0 to 8"):
        parts.resize(9)
    parts.resize(0)
    with pytest.raises(SpecError):
        parts["key"]
    assert parts.resize(8) == 0
    assert parts[7].ask("path") == "7"
    parts.stop()


def test_135_every_partition_gets_its_own_arguments() -> None:
    """with_arguments gives each copy its arguments, at a restart too."""
    parts = PartitionSupervisor.start(
        (Recorder, ("x",)), partitions=3, with_arguments=lambda args, partition: [*args, partition]
    )
    assert [parts[number].ask("arguments") for number in range(3)] == [["x", 0], ["x", 1], ["x", 2]]
    with pytest.raises(pykka.ActorDeadError):
        parts[1].ask("die")
    assert parts[1].ask("arguments") == ["x", 1]
    parts.stop()
