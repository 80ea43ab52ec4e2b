"""Numbered scenarios 1 to 21: starting a supervisor. (22, names, needs real processes.)"""

from __future__ import annotations

from typing import Any

import pytest

from supervision.decisions import initial
from supervision.errors import SpecError
from supervision.spec import check_childspecs, validate_child
from tests.conformance.tree import Tree, child


def function() -> None:
    """Stand for the start of a child that is never started."""


def refused(flags: Any, specs: Any) -> Any:
    with pytest.raises(SpecError) as caught:
        initial(flags, specs)
    return caught.value.reason


def test_001_a_supervisor_without_children_stops_with_shutdown() -> None:
    """Started without children and told to stop by its parent, it ends with shutdown."""
    tree = Tree()
    assert tree.start == "ok"
    tree.stop()
    assert tree.state == ["dead", "shutdown"]


def test_002_no_flags_no_supervisor() -> None:
    """An init that wants no supervisor has no flags to give: no state of a machine comes to be."""
    assert refused(None, []) == ("supervisor_data", ("invalid_type", None))


def test_003_a_wrong_return_of_init_is_an_error() -> None:
    """An init that returns something else than flags and specifications is named in the error."""
    assert refused("weird", []) == ("supervisor_data", ("invalid_type", "weird"))


def test_004_a_start_that_raises_leaves_nothing() -> None:
    """When what should give the children raises, the caller gets it and nothing has been started."""

    def children() -> Any:
        yield {"id": "a", "start": function}
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        initial({}, children())


def test_005_an_ignored_permanent_child_is_kept_without_process() -> None:
    """A start that says ignore is answered (ok, undefined); the child is listed as undefined."""
    tree = Tree()
    assert tree.add("a", "ignore") == ["ok", None]
    assert tree.add("b") == ["ok", ["pid", "b", 1]]
    assert list(tree.which().items()) == [("b", 1), ("a", "undefined")]
    assert tree.counts() == (2, 1, 0, 2)


def test_006_an_ignored_temporary_child_is_not_kept() -> None:
    """Of two initial temporary children the ignored one is not listed."""
    tree = Tree(child("a", "ignore", restart="temporary"), child("b", restart="temporary"))
    assert tree.which() == {"b": 1}
    assert tree.counts() == (1, 1, 0, 1)


def test_007_an_ignored_temporary_child_that_is_added_is_not_kept() -> None:
    """start_child of a temporary child that says ignore: (ok, undefined), and it is not listed."""
    tree = Tree()
    assert tree.add("a", "ignore", restart="temporary") == ["ok", None]
    assert tree.which() == {}


def test_008_a_failed_start_is_rolled_back_in_reverse() -> None:
    """When C fails, B and A are stopped in this order and the error names C."""
    tree = Tree(child("a"), child("b"), child("c", "error"))
    assert tree.exits() == [["b", "shutdown"], ["a", "shutdown"]]
    assert tree.start == ["error", ["shutdown", ["failed_to_start_child", "c", "boom"]]]


def test_009_children_after_the_failing_one_are_never_started() -> None:
    """When B fails, C is not started and only A is stopped."""
    tree = Tree(child("a"), child("b", "bad"), child("c"))
    assert tree.started() == ["a"]
    assert tree.exits() == [["a", "shutdown"]]


def test_010_children_start_in_list_order() -> None:
    """The order of the list counts, not that of the ids."""
    names = ["ch7", "ch3", "ch10", "ch2", "ch5"]
    assert Tree(*map(child, names)).started() == names


def test_011_the_defaults_of_a_specification() -> None:
    """Only id and start given: permanent, 5 s, worker, not significant, the start's module."""
    spec = validate_child({"id": "a", "start": function})
    assert (spec.restart, spec.shutdown, spec.type, spec.significant) == ("permanent", 5.0, "worker", False)
    assert spec.modules == (__name__,)
    assert Tree(child("a")).spec("a")[1]["shutdown"] == 5000


def test_012_a_supervisor_gets_for_ever_by_default() -> None:
    """Type supervisor and no shutdown: infinity."""
    assert Tree(child("a", type="supervisor")).spec("a")[1]["shutdown"] == "infinity"


def test_013_brutal_kill_is_shown() -> None:
    """get_childspec shows brutal_kill; an unknown id gives not_found."""
    tree = Tree(child("a", shutdown="brutal_kill"))
    assert tree.spec("a")[1]["shutdown"] == "brutal_kill"
    assert tree.spec("zz") == ["error", "not_found"]


def test_014_id_and_start_are_required() -> None:
    """Without id, or without start: start_spec with missing_id, missing_start."""
    assert refused({}, [{"start": function}]) == ("start_spec", "missing_id")
    assert refused({}, [{"id": "a"}]) == ("start_spec", "missing_start")


def test_015_unknown_fields_and_flags_are_ignored() -> None:
    """A field or flag that nobody knows does no harm."""
    assert Tree({**child("a"), "colour": "red"}, colour="red").start == "ok"
    assert validate_child({"id": "a", "start": function, "colour": "red"}).id == "a"


def test_016_something_else_than_a_specification() -> None:
    """A word in place of a specification: start_spec with invalid_child_spec and the word."""
    assert Tree("weird").start == ["error", ["start_spec", ["invalid_child_spec", "weird"]]]


@pytest.mark.parametrize(
    ("flag", "value"),
    [("strategy", "none_for_one"), ("intensity", "infinity"), ("period", 0), ("period", "infinity")],
)
def test_017_invalid_flags(flag: str, value: Any) -> None:
    """A wrong flag: supervisor_data with the flag and its value."""
    assert Tree(**{flag: value}).start == ["error", ["supervisor_data", [f"invalid_{flag}", value]]]


def test_018_two_children_with_one_id() -> None:
    """A repeated id: duplicate_child_name, and nothing has been started."""
    tree = Tree(child("a"), child("b"), child("a"))
    assert tree.start == ["error", ["start_spec", ["duplicate_child_name", "a"]]]
    assert tree.ev == []


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("start", "bad", ["invalid_mfa", "bad"]),
        ("restart", "sometimes", ["invalid_restart_type", "sometimes"]),
        ("shutdown", -10, ["invalid_shutdown", -10]),
        ("type", "wrker", ["invalid_child_type", "wrker"]),
    ],
)
def test_019_invalid_fields_one_at_a_time(field: str, value: Any, reason: Any) -> None:
    """A wrong field is named, by start_child and by check_childspecs alike."""
    assert Tree().add("a", **{field: value}) == ["error", reason]
    with pytest.raises(SpecError) as caught:
        check_childspecs([{"id": "a", "start": function, field: value}])
    assert caught.value.reason == tuple(reason)


@pytest.mark.parametrize(
    ("modules", "reason"), [("weird", ("invalid_modules", "weird")), (["a", 7], ("invalid_module", 7))]
)
def test_019_invalid_modules(modules: Any, reason: Any) -> None:
    """Wrong modules are named, the whole or the element."""
    with pytest.raises(SpecError) as caught:
        check_childspecs([{"id": "a", "start": function, "modules": modules}])
    assert caught.value.reason == reason


def test_020_check_childspecs_wants_a_list() -> None:
    """What is no list: badarg with it."""
    with pytest.raises(SpecError) as caught:
        check_childspecs("weird")
    assert caught.value.reason == ("badarg", "weird")


def test_021_correct_specifications_of_every_kind() -> None:
    """Modules dynamic, a worker with infinity, a supervisor with a number: fine."""
    base = {"start": function}
    check_childspecs(
        [
            {**base, "id": 1, "modules": "dynamic"},
            {**base, "id": 2, "shutdown": "infinity"},
            {**base, "id": 3, "type": "supervisor", "shutdown": 0.5},
        ]
    )
