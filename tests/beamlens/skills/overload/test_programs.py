"""Real programs, each in its own process: what is overrun is named, what is busy is not reported."""

from __future__ import annotations

import pytest

from beamlens.skills.overload import Overload
from tests.beamlens.skills.watched import watched

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

_PROGRAM = "tests.beamlens.skills.overload.program"
_FILE = "tests/beamlens/skills/overload/program.py"


@pytest.mark.parametrize(
    ("name", "queue", "function", "kind"),
    [
        ("pool", "thread pool mailer", "send_mail", "downstream"),
        ("queue", "__main__.ORDERS", "take_orders", "contention"),
        ("task", "queue taken from at", "ask_partner", "downstream"),
        ("actor", "mailbox of Clerk", "look_up", "downstream"),
    ],
)
def test_a_growing_backlog_is_named_with_what_keeps_those_who_take_from_it(
    name: str, queue: str, function: str, kind: str
) -> None:
    with watched(Overload, _PROGRAM, name) as program:
        observation, context, _, remedy, entity, place, said = program.found("queue_growth")
        assert entity.startswith(queue)
        # Of two that take from a queue under a lock, one works and one waits for the lock.
        assert said == function or (name == "queue" and said == "book")
        assert place.startswith(f"{_FILE}:")
        assert "a minute" in observation
        assert kind in context or name == "queue"
        assert place in remedy
        state = program.call("overload_state")
        assert state["state"] == "growing"
        assert state["worst"].startswith(queue)
        assert program.call("overload_cascade")[0]["name"] == entity


def test_a_pool_whose_workers_all_wait_while_jobs_queue_is_named() -> None:
    with watched(Overload, _PROGRAM, "waiting") as program:
        observation, *_, entity, place, function = program.found("pool_saturated")
        assert entity == "thread pool crawler"
        assert function == "send_mail"
        assert place.startswith(f"{_FILE}:")
        assert "All 2 workers" in observation


def test_pools_that_compute_batches_bursts_and_back_pressure_are_no_findings() -> None:
    with watched(Overload, _PROGRAM, "healthy") as program:
        assert program.alarms(18) == []
        data = program.look()
        assert all(each["errors"] == 0 for each in data["collector"])
        assert sum(each["core_percent"] for each in data["collector"]) < 1.0
        rows = {row["name"]: row for row in program.call("overload_queues", 50)}
        assert rows["thread pool batch"]["size"] > 100
        assert rows["thread pool computer"]["saturated_seconds"] > 5
        assert any(row["bound"] == 50 and row["size"] >= 40 for row in rows.values())
