"""Actors that would wait for each other for ever are refused at once; all others may ask as they like."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pykka
import pytest

from supervision import ActorDown, AskCycle, ChildSpec, StartError, Supervisor
from supervision.process.waits import WaitGraph
from tests.actors.actors import Subject
from tests.actors.conftest import Starter
from tests.actors.helpers import SECONDS, wait_heard

WAYS = ["chase", "chase_by_proxy"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("length", [2, 3, 4])
def test_a_circle_is_refused_at_once(start: Starter, way: str, length: int) -> None:
    actors = [start() for _ in range(length)]
    circle = [*actors[1:], actors[0]]
    begun = time.monotonic()
    with pytest.raises(AskCycle, match="would wait for each other for ever") as refused:
        actors[0].ask((way, circle, "x"), timeout=SECONDS) if way == "chase" else actors[0].proxy().do_chase_by_proxy(
            circle, "x"
        ).get(timeout=SECONDS)
    assert time.monotonic() - begun < 1
    for actor in actors:
        assert actor.actor_urn in str(refused.value)
        assert actor.ask(("echo", 1), timeout=SECONDS) == 1


def test_a_refusal_names_children_by_their_ids() -> None:
    tree = Supervisor.start([ChildSpec(id=name, start=(Subject, (), {})) for name in ("first", "second", "third")])
    try:
        first, second, third = tree["first"], tree["second"], tree["third"]
        with pytest.raises(AskCycle, match="third -> first -> second -> third"):
            first.ask(("chase", [second, third, first], "x"), timeout=SECONDS)
    finally:
        tree.stop()


@pytest.mark.parametrize("name", ["async_ask", "ask_future", "ask"])
def test_a_circle_in_mixed_ways_is_refused(start: Starter, name: str) -> None:
    one, two = start(), start()
    with pytest.raises(AskCycle):
        one.ask((name, two, ("async_ask", one, ("echo", 1))), timeout=SECONDS)
    with pytest.raises(AskCycle):
        one.ask((name, two, ("ask", one, ("echo", 1))), timeout=SECONDS)
    with pytest.raises(AskCycle):
        one.ask(("async_ask", two, (name, one, ("echo", 1))), timeout=SECONDS)


def test_a_circle_is_refused_for_each_of_several_that_are_awaited(start: Starter) -> None:
    one, two, three = start(), start(), start()
    assert one.ask(("gather", [two, three, two], 5), timeout=SECONDS) == [5, 5, 5]
    with pytest.raises(AskCycle):
        one.ask(("async_ask", two, ("gather", [three, one], 5)), timeout=SECONDS)


def test_a_circle_through_a_stop_is_refused(start: Starter) -> None:
    """One asks two, which wants to see one stopped: that would wait for the answer of two."""
    one, two = start(), start()
    with pytest.raises(AskCycle):
        one.ask(("ask", two, ("stop", one)), timeout=SECONDS)
    assert two.ask(("echo", 1), timeout=SECONDS) == 1


def test_a_circle_through_a_start_is_refused(start: Starter) -> None:
    """An actor whose start waits for the one who starts it."""
    one = start()
    with pytest.raises(StartError, match="AsksInOnStart did not start: AskCycle"):
        one.ask(("start_asking", one), timeout=SECONDS)
    assert one.ask(("echo", 1), timeout=SECONDS) == 1


def test_a_line_is_no_circle(start: Starter) -> None:
    actors = [start() for _ in range(4)]
    assert actors[0].ask(("chase", actors[1:], "end"), timeout=SECONDS) == "end"
    assert actors[0].ask(("chase_by_proxy", actors[1:], "end"), timeout=SECONDS) == "end"


def test_asking_without_waiting_is_no_circle(start: Starter) -> None:
    """One asks two without waiting; two asks one back, which is free to answer."""
    one, two = start(), start()
    for turn in range(50):
        one.ask(("ask_later", two, ("callback", one, turn)), timeout=SECONDS)
        # Two asks one back, which one answers before it reads its own future.
        while two.ask(("kept", "answer"), timeout=SECONDS) != turn:
            continue
        assert one.ask(("late",), timeout=SECONDS) == turn


def test_telling_in_a_circle_is_no_circle(start: Starter, recorder: Any) -> None:
    one, two = start(recorder), start(recorder)
    one.tell(("tell", two, ("tell", one, ("say", "round"))))
    while not recorder.ask("all", timeout=SECONDS):
        one.ask(("echo", 1), timeout=SECONDS)


def test_both_ways_one_after_the_other_is_no_circle(start: Starter) -> None:
    one, two = start(), start()
    for turn in range(100):
        assert one.ask(("ask", two, ("echo", turn)), timeout=SECONDS) == turn
        assert two.ask(("ask_future", one, ("echo", turn)), timeout=SECONDS) == turn
        assert one.ask(("async_ask", two, ("echo", turn)), timeout=SECONDS)[0] == turn if turn % 20 == 0 else True


@pytest.mark.parametrize("name", ["ask", "ask_future", "async_ask_within"])
def test_who_waited_in_vain_waits_no_longer(start: Starter, tmp_path: Path, name: str) -> None:
    """After its timeout, one may be asked by two, which has not answered it yet."""
    one, two, gate = start(), start(), tmp_path / "gate"
    two.tell(("wait_for_and_ask", str(gate), one))
    with pytest.raises(pykka.Timeout):
        one.ask((name, two, ("echo", 1), 0.02), timeout=SECONDS)
    gate.touch()
    assert two.ask(("kept", "answer"), timeout=SECONDS) == "asked back"


def test_a_late_answer_does_not_end_a_later_wait(start: Starter, tmp_path: Path) -> None:
    """One waits for two in vain, then for three, and two answers at last: one waits for three still."""
    one, two, three = start(), start(), start()
    gate_two, gate_three = tmp_path / "two", tmp_path / "three"
    with pytest.raises(pykka.Timeout):
        one.ask(("ask_future", two, ("wait_for", str(gate_two)), 0.02), timeout=SECONDS)
    three.tell(("wait_for", str(gate_three)))
    future = one.ask(("ask", three, ("ask", one, ("echo", 1))), block=False)
    gate_two.touch()
    assert two.ask(("echo", 1), timeout=SECONDS) == 1
    gate_three.touch()
    with pytest.raises(AskCycle):
        future.get(timeout=SECONDS)


def test_the_dead_wait_for_nobody(start: Starter, recorder: Any, tmp_path: Path) -> None:
    one, two = start(), start(recorder)
    future = one.ask(("ask", two, ("announce_and_wait", str(tmp_path / "gate"))), block=False)
    wait_heard(recorder, 1)
    two.stop(block=False)
    (tmp_path / "gate").touch()
    assert future.get(timeout=SECONDS) == "done"
    with pytest.raises(ActorDown):
        one.ask(("ask", two, ("ask", one, ("echo", 1))), timeout=SECONDS)


def test_if_nobody_looked_for_circles_they_would_hang(start: Starter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control."""
    monkeypatch.setattr(WaitGraph, "circle", lambda self, asker, asked: [])
    one, two = start(), start()
    with pytest.raises(pykka.Timeout):
        one.ask(("ask", two, ("ask", one, ("echo", 1), 0.3), 0.1), timeout=SECONDS)
