"""Staying with a run over the deaths of who performs it."""

from __future__ import annotations

import asyncio
from typing import Any

import pykka
import pytest

from beamlens.following import Follower
from supervision import MessageError

DEAD = pykka.ActorDeadError("killed")


class Performer:
    """Stand in for a ref: answer, or raise, out of a list; the last for ever."""

    def __init__(self, *answers: Any, alive: bool = True) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.alive = alive

    def ask(self, message: str, timeout: float | None = None) -> Any:
        self.asked.append(message)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def aask(self, message: str) -> Any:
        await asyncio.sleep(0)
        return self.ask(message)

    def is_alive(self) -> bool:
        return self.alive


def follow(performer: Performer, crashed: list[str] | None = None, *, begun: bool = False) -> Follower[int]:
    return Follower(
        performer,  # type: ignore[arg-type]
        "begin",
        "again",
        int,
        lambda reason, deaths: -deaths,
        None if crashed is None else crashed.append,
        begun,
    )


@pytest.mark.parametrize("how", ["wait", "await_"])
@pytest.mark.parametrize(
    ("answers", "begun", "asked", "outcome"),
    [
        ([1], False, ["begin"], 1),
        ([DEAD, 1], False, ["begin", "again"], 1),
        ([DEAD, DEAD, 1], False, ["begin", "again", "again"], 1),
        ([DEAD, None, 1], False, ["begin", "again", "begin"], 1),  # the run was lost with its process
        ([1], True, ["again"], 1),
        ([None, 1], True, ["again", "begin"], 1),
    ],
)
def test_what_it_asks(how: str, answers: list[Any], begun: bool, asked: list[str], outcome: int) -> None:
    performer = Performer(*answers)
    follower = follow(performer, begun=begun)
    found = follower.wait() if how == "wait" else asyncio.run(follower.await_())
    assert (performer.asked, found) == (asked, outcome)


def test_it_tells_of_each_death_that_is_not_the_last() -> None:
    crashed: list[str] = []
    assert follow(Performer(DEAD, DEAD, 1), crashed).wait() == 1
    assert crashed == ["killed", "killed"]
    crashed.clear()
    assert follow(Performer(DEAD, alive=False), crashed).wait() == -1
    assert crashed == []


def test_a_run_that_nobody_remembers_is_not_begun_for_ever() -> None:
    performer = Performer(*[DEAD, None] * 20)
    assert follow(performer).wait() == -6
    assert performer.asked.count("begin") == 6


def test_what_cannot_be_sent_is_the_callers_fault_and_not_a_death() -> None:
    with pytest.raises(MessageError):
        follow(Performer(MessageError("a socket", "it cannot travel"))).wait()


def test_the_callers_patience() -> None:
    with pytest.raises(pykka.Timeout):
        follow(Performer(pykka.Timeout("no answer"))).wait(1.0)
