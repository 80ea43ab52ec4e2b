"""Trees as users make them: as a part of their own, several of them, changed while they run, configured wrongly."""

from __future__ import annotations

import contextlib
import os
from typing import Any

import pytest

from beamlens import Skill
from beamlens.errors import ConfigurationError, UnknownOperator
from beamlens.lens import Lens
from beamlens.supervisor import Beamlens
from supervision import Supervisor
from supervision.testing import wait_until
from tests.beamlens.e2e.trees import Toy, finding, hearing, kill, tree, turns, watched

FIND = turns(("take_snapshot", {}), finding("n is 1"), ("done", {}))
SETTINGS: dict[str, Any] = {
    "provider": "scripted",
    "provider_options": {"script": {"operator": FIND, "coordinator": turns(("done", {}))}},
    "transcripts": False,
    "control": False,
}


class Elsewhere(Skill):
    id = "elsewhere"
    title = "Elsewhere"
    description = "It runs in the operator's own process."
    system_prompt = "You watch this process."
    runs_in = "operator"

    def snapshot(self) -> dict[str, Any]:
        return {"pid": os.getpid()}


class _Stops:
    def __init__(self, root: Any) -> None:
        self.root = root

    def close(self) -> None:
        self.root.stop()


class NoTitle(Skill):
    id = "untitled"
    description = "d"
    system_prompt = "p"

    def snapshot(self) -> dict[str, Any]:
        return {}


def test_a_child_of_a_users_supervisor() -> None:
    class Application(Supervisor):
        def init(self) -> Any:  # type: ignore[override]
            return {"strategy": "one_for_one"}, [(Beamlens, {"operators": (each for each in [Toy]), **SETTINGS})]

    with hearing(), contextlib.closing(_Stops(Application.start())) as started:
        root = started.root
        lens = root["Beamlens"]
        assert isinstance(lens, Lens)
        assert lens.operator("toy").run(timeout=20).ending == "done"
        # The whole tree is restarted with it, and the operators are those that were given.
        root.terminate_child("Beamlens")
        root.restart_child("Beamlens")
        again = root["Beamlens"]
        assert again.operator_names() == ["toy"]
        assert again.operator("toy").run(timeout=20).ending == "done"
        assert again.run(timeout=20).ending == "done"


def test_two_trees_know_nothing_of_each_other() -> None:
    with tree({"operator": FIND}, [{"name": "one", "skill": Toy}]) as first:
        with tree({"operator": turns(("done", {}))}, [{"name": "two", "skill": Toy}]) as second:
            assert len(first.operator("one").run(timeout=20).notifications) == 1
            assert second.operator("two").run(timeout=20).notifications == ()
            with pytest.raises(UnknownOperator):
                first.operator("two")
        assert first.operator("one").run(timeout=20).ending == "done"
        assert first.usage().total.calls == 6


def test_operators_are_added_and_removed_while_it_runs() -> None:
    script = {"operator": FIND}
    with watched(script, [Toy], rules=True) as (lens, _):
        more = lens.add_operator({"name": "more", "skill": Toy})
        assert lens.operator_names() == ["toy", "more"]
        assert len(more.run(timeout=20).notifications) == 1
        with pytest.raises(ConfigurationError, match="more"):
            lens.add_operator({"name": "more", "skill": Toy})
        outcome = lens.run("look", timeout=30)
        assert {result.operator for result in outcome.operator_results} == {"toy", "more"}
        lens.remove_operator("more")
        assert lens.operator_names() == ["toy"]
        with pytest.raises(UnknownOperator):
            lens.operator("more")
        assert {result.operator for result in lens.run("look", timeout=30).operator_results} == {"toy"}
        # Another of that name is another.
        lens.add_operator({"name": "more", "skill": Toy})
        outcome = lens.run("look", timeout=30)
        assert {(result.operator, result.ending) for result in outcome.operator_results} == {
            ("toy", "done"),
            ("more", "done"),
        }


def test_removing_one_that_works_ends_its_run() -> None:
    with watched({"operator": turns({"tool": "done", "delay": 30})}, [Toy]) as (lens, ear):
        run = lens.operator("toy").run_async("look")
        ear.wait_for("llm.start")
        lens.remove_operator("toy")
        completion = run.wait(timeout=20)
        assert completion.ending in ("cancelled", "crashed")
        assert completion.reason
        assert lens.list_operators() == []


def test_a_skill_that_runs_in_its_operator() -> None:
    with watched({"operator": FIND}, [Elsewhere]) as (lens, _):
        added = lens.add_operator({"name": "other", "skill": Elsewhere})
        for handle in (lens.operator("elsewhere"), added):
            completion = handle.run(timeout=20)
            assert completion.snapshots[0].data == {"pid": handle.ref.pid}
        assert [status.description for status in lens.list_operators()] == [Elsewhere.description] * 2
        lens.remove_operator("other")


def test_the_names_of_the_seed_are_accepted_beside_ours() -> None:
    with tree({"operator": turns(("done", {}))}, ["vm"]) as lens:
        assert lens.operator("beam").name == "vm"
        assert lens.operator("beam").run(timeout=20).ending == "done"
    with tree({"operator": turns(("done", {}))}, ["beam"]) as lens:
        assert lens.operator("vm").run(timeout=20).ending == "done"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"operators": ["nonsense"]}, "nonsense"),
        ({"operators": [Toy, Toy]}, "two operators are named 'toy'"),
        ({"operators": [Toy, {"name": "toy", "skill": Elsewhere}]}, "two operators are named 'toy'"),
        ({"operators": [NoTitle]}, "title"),
        ({"operators": [int]}, "int"),
        ({"operators": [{"name": "db"}]}, "names no skill"),
        ({"operators": [{"skill": Toy, "compaction": 5}]}, "operator has no option 'compaction'; it has: client"),
        (
            {"operators": [{"skill": Toy, "continuous": "yes"}]},
            "operator .*: continuous is 'yes'; True or False is expected",
        ),
        ({"operators": "vm"}, "operators is 'vm'; a list is expected"),
        ({"operators": 5}, "operators is 5"),
        ({"operator": [Toy]}, "Beamlens has no option 'operator'; it has: "),
        ({"pace": 0}, "pace is 0; a number of seconds above 0"),
        ({"retry_waits": 1.0}, "retry_waits is 1.0; a list of seconds"),
        ({"transcripts": 5}, "transcripts is 5; a directory, True or False"),
        ({"max_iterations": "25"}, "max_iterations is '25'; a whole number from 1 up"),
        ({"coordinator": {"steps": 5}}, "coordinator has no option 'steps'; it has: client"),
        ({"coordinator": {"deadline": 0}}, "coordinator: deadline is 0"),
        ({"coordinator": "pipeline"}, "coordinator is 'pipeline'; a mapping"),
        ({"provider": "gpt"}, "gpt"),
    ],
)
@pytest.mark.parametrize("how", ["start", "child_spec"])
def test_what_is_wrong_is_said_at_the_start(options: dict[str, Any], problem: str, how: str) -> None:
    given = {"operators": [Toy], "provider": "rules", "transcripts": False, "control": False, **options}
    with pytest.raises(ConfigurationError, match=problem):
        getattr(Beamlens, how)(**given)


def test_in_a_users_tree_too() -> None:
    class Application(Supervisor):
        def init(self) -> Any:  # type: ignore[override]
            return {"strategy": "one_for_one"}, [(Beamlens, {"operators": ["nonsense"], "provider": "rules"})]

    with pytest.raises(Exception, match="nonsense"):
        Application.start()


def test_the_death_of_the_journals_thread_loses_nothing() -> None:
    script = {"operator": turns(("take_snapshot", {}), finding("n is 1"), {"tool": "done", "delay": 0.6})}
    with watched(script, [Toy]) as (lens, ear):
        run = lens.operator("toy").run_async("look")
        ear.wait_for("operator.iteration_start", 3)
        lens["journal"].tell(Breaks())
        wait_until(lambda: lens["journal"].is_alive())
        kill(lens.operator("toy").ref)
        completion = run.wait(timeout=20)
        assert (completion.ending, completion.crashes) == ("done", 1)
        assert [found.observation for found in run] == ["n is 1"]


class Breaks:
    """Break who compares it."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("broken on purpose")

    __hash__ = None  # type: ignore[assignment]
