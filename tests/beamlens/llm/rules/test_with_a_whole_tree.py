"""The rules provider in a real tree: processes, the gateway, skills on the probe's threads, Lua in the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from beamlens.lens import Lens
from beamlens.llm.rules.words import CONFIRMED
from beamlens.skills.skill import Skill
from beamlens.supervisor import Beamlens
from tests.beamlens.llm.rules.tables import ORDERS, Broken, Quiet, Tables

SECONDS = 60.0


@contextmanager
def tree(*skills: type[Skill]) -> Iterator[Lens]:
    lens = Beamlens.start(operators=skills, provider="rules", pace=0.05, transcripts=False, control=False)
    try:
        yield lens
    finally:
        lens.stop()


def test_a_growing_table_is_found_by_name_and_its_keeper_by_lua() -> None:
    with tree(Tables, Quiet) as lens:
        outcome = lens.run("something grows", timeout=SECONDS)
    [insight] = outcome.insights
    [told] = outcome.notifications
    assert told.observation == f"table {ORDERS} grew from 100 to 500 rows; shop/orders.py:9 keeps it"
    assert (told.cause, told.entities) == ("cache_growth", ("shop/orders.py:9", f"tables.{ORDERS}.rows"))
    assert CONFIRMED in told.context
    assert insight.notification_ids == (told.id,)
    assert insight.matched_observations == (told.observation,)
    assert insight.confidence == "medium"
    assert (insight.root_cause_hypothesis or "").startswith("cache_growth")
    states = {result.operator: (result.ending, result.state) for result in outcome.operator_results}
    assert states == {"tables": ("done", "warning"), "quiet": ("done", "healthy")}


def test_a_healthy_program_gets_an_answer() -> None:
    with tree(Quiet) as lens:
        outcome = lens.run(timeout=SECONDS)
    [insight] = outcome.insights
    assert (insight.notification_ids, insight.summary) == ((), "no anomaly found by 1 operator: quiet.")


def test_an_operator_that_cannot_see_says_nothing_of_its_subject() -> None:
    with tree(Broken) as lens:
        outcome = lens.run(timeout=SECONDS)
    assert outcome.notifications == ()
    [result] = outcome.operator_results
    assert (result.ending, result.state) == ("done", "observing")
    [insight] = outcome.insights
    assert insight.summary.startswith("nothing could be observed")
    assert "Operator broken could not tell how its subject is." in insight.summary
    assert insight.confidence == "low"


def test_a_question_is_answered() -> None:
    with tree(Quiet) as lens:
        answer = lens.operator("quiet").message("how many rows do you see?", timeout=SECONDS)
    assert answer["response"].startswith("Operator quiet answers by rules, without a model.")
