"""Each part is killed at each step of a run, each time in a run of its own: nobody hangs, nothing found is lost."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

from beamlens.coordinator.messages import Outcome
from beamlens.lens import Lens
from beamlens.tree_parts import TreeProbe
from tests.beamlens.e2e.trees import ALPHA_AND_BETA, Ear, Heard, finding, turns, watched

BREAK = "break, as a probe with a bug would"
SECONDS = 25.0
SCRIPT = {
    "operator": turns(
        ("take_snapshot", {}),
        ("execute", {"code": "return toy_n() + 1"}),
        ("set_state", {"state": "warning", "reason": "n"}),
        finding(),
        ("done", {}),
    )
}
for _name in ("alpha", "beta"):
    SCRIPT[f"operator:{_name}"] = turns(*SCRIPT["operator"]["steps"][:3], finding(f"{_name}: n is 1"), ("done", {}))

Kill = Callable[[Lens], None]


@pytest.fixture(autouse=True)
def a_probe_that_can_break(monkeypatch: pytest.MonkeyPatch) -> None:
    receive = TreeProbe.on_receive

    def on_receive(self: TreeProbe, message: Any) -> object:
        if message == BREAK:
            raise RuntimeError(BREAK)
        return receive(self, message)

    monkeypatch.setattr(TreeProbe, "on_receive", on_receive)


def kill_process(find: Callable[[Lens], int | None]) -> Kill:
    def kill(lens: Lens) -> None:
        pid = find(lens)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)

    return kill


KILLS: dict[str, Kill] = {
    "alpha": kill_process(lambda lens: lens["operators"]["alpha"].pid),
    "gateway": kill_process(lambda lens: lens["gateway"].pid),
    "coordinator": kill_process(lambda lens: lens["coordinator"].pid),
    "probe": lambda lens: lens["probe"].tell(BREAK),
    "sandbox": kill_process(lambda lens: lens["sandbox"].ask("pid", timeout=5)),
}

# Whose events are the steps at which a part is killed.
MOMENTS = {"alpha": "alpha", "gateway": "alpha", "coordinator": "coordinator", "probe": "alpha", "sandbox": "alpha"}


def run_and_kill(kill: Kill | None, who: str, moment: int, **options: Any) -> tuple[Outcome, Ear]:
    """Run once; at the so manieth event that `who` tells in the run, kill."""
    told = 0
    with watched(SCRIPT, ALPHA_AND_BETA, rules=True, **options) as (lens, ear):

        def at(event: Heard) -> None:
            nonlocal told
            if event.who != who or event.name.endswith(".started"):
                return
            told += 1
            if told == moment and kill is not None:
                # Not here: the thread that tells events is the one that the kill would have to ask.
                thread = threading.Thread(target=kill, args=(lens,))
                thread.start()
                killers.append(thread)

        killers: list[threading.Thread] = []
        ear.on_event = at
        outcome = lens.run("memory alert", deadline=20.0, timeout=SECONDS)
        for thread in killers:
            thread.join()
        ear.on_event = lambda event: None
    return outcome, ear


def moments(who: str) -> int:
    _, ear = run_and_kill(None, who, 0)
    return len([name for name in ear.of(who) if not name.endswith(".started")])


# What is told when a part is there again; of the sandbox nothing is.
BACK = {"alpha": "operator.started", "gateway": "gateway.started", "probe": "probe.started"}
BACK["coordinator"] = "coordinator.started"


def was_killed(victim: str, ear: Ear) -> bool:
    expected = 2 if victim == "alpha" else 1
    return victim == "sandbox" or len(ear.named(BACK[victim])) > expected


def assert_nothing_is_lost(outcome: Outcome, ear: Ear) -> None:
    """An insight that rests on all findings, or a word that says plainly what is missing."""
    announced = {event.metadata["notification"].id for event in ear.named("operator.notification_sent")}
    assert announced <= {found.id for found in outcome.notifications}
    assert {found.observation for found in outcome.notifications} == {"alpha: n is 1", "beta: n is 1"}
    assert len(outcome.notifications) == 2
    assert len(outcome.insights) == 1
    assert len(outcome.insights[0].notification_ids) == 2
    assert outcome.ending == "done"


def sweep(victim: str, every: int) -> None:
    who = MOMENTS[victim]
    count = moments(who)
    assert count >= 15
    killed = 0
    for moment in range(1, count + 1, every):
        outcome, ear = run_and_kill(KILLS[victim], who, moment)
        killed += was_killed(victim, ear)
        try:
            assert_nothing_is_lost(outcome, ear)
        except AssertionError as error:
            raise AssertionError(f"{victim} at {moment} of {count}: {error}\n{outcome}\n{ear.of(who)}") from error
    assert killed >= 0.7 * count / every, "kills at the very end come too late to be noticed, others do not"


@pytest.mark.parametrize("victim", sorted(KILLS))
def test_it_survives_the_death_of_a_part_at_some_steps(victim: str) -> None:
    sweep(victim, 7)


@pytest.mark.slow
@pytest.mark.parametrize("victim", sorted(KILLS))
def test_it_survives_the_death_of_a_part_at_every_step(victim: str) -> None:
    # A step of an operator has six events or more: of the others each second one will do.
    sweep(victim, 1 if victim == "alpha" else 2)
