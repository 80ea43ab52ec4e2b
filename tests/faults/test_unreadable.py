"""A message with a value that its receiver does not know costs what an exception in a handler costs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import pytest

from supervision import ActorDown, ChildSpec, Down, Ref, monitor, wire_value
from supervision.errors import ProtocolError
from supervision.process import channel
from supervision.testing import wait_until
from tests.faults.actors import Subject
from tests.faults.helpers import answering_pid, own_runtime, tree_of


class Colour(Enum):
    """Be known here, and in no actor's process."""

    RED = 1


@wire_value
@dataclass(frozen=True)
class Point:
    """Be known here, and in no actor's process."""

    x: int


UNKNOWN = [Colour.RED, Point(1), ["deep", {"inside": Point(2)}]]


@pytest.mark.parametrize("value", UNKNOWN, ids=repr)
def test_who_asks_is_told_and_the_actor_lives_on(value: object) -> None:
    ref = Subject.start()
    pid = ref.pid
    with pytest.raises(ProtocolError, match=r"(known|loaded) here"):
        ref.ask(("echo", value), timeout=20)
    assert ref.ask(("pid",), timeout=20) == pid
    assert ref.stop()


def test_a_tell_ends_the_actor_with_a_reason_that_names_the_value() -> None:
    ref = Subject.start()
    told: list[Down] = []
    monitor(ref, told.append)
    ref.tell(("echo", Colour.RED))
    wait_until(lambda: told)
    term: Any = told[0].reason.term()
    kind, text = term
    assert kind == "UnknownValueError"
    assert "'Colour' is loaded here: import its module first" in text


def test_answers_and_messages_before_and_behind_it_are_what_they_were() -> None:
    ref = Subject.start()
    futures = [ref.ask(("echo", value), block=False) for value in (1, Colour.RED, 2, Point(3), 4)]
    answers = [_outcome(future) for future in futures]
    assert answers == [1, "UnknownValueError", 2, "UnknownValueError", 4]
    assert ref.stop()


def _outcome(future: object) -> object:
    try:
        return future.get(timeout=20)  # type: ignore[attr-defined]
    except ProtocolError as error:
        return type(error).__name__


@pytest.mark.parametrize("name", ["enum", "dataclass", "deep", "raised"])
def test_an_answer_that_the_application_does_not_know_costs_that_ask_alone(name: str) -> None:
    ref = Subject.start()
    futures = [ref.ask(message, block=False) for message in (("echo", 1), ("answer_unknown", name), ("echo", 2))]
    assert [_outcome(future) for future in futures] == [1, "UnknownValueError", 2]
    with pytest.raises(ProtocolError, match=r"tests\.faults\.unknown_values"):
        ref.ask(("answer_unknown", name), timeout=20)
    assert ref.stop()


def test_without_the_reading_of_its_head_an_answer_costs_the_actor(monkeypatch: pytest.MonkeyPatch) -> None:
    def unread(_body: bytes, error: ProtocolError) -> list[Any]:
        raise error

    monkeypatch.setattr(channel, "unreadable_answer", unread)
    ref = Subject.start()
    with pytest.raises(ActorDown):
        ref.ask(("answer_unknown", "enum"), timeout=20)
    wait_until(lambda: not ref.is_alive())


def test_one_that_waited_for_a_restart_does_not_fail_the_start() -> None:
    with tree_of(ChildSpec(id="a", start=(Subject, (), {}))) as tree:
        ref: Ref = tree["a"]
        pid = answering_pid(ref)
        ref.tell(("exit", 1))
        future = ref.ask(("echo", Colour.RED), block=False)
        try:
            future.get(timeout=20)
            raise AssertionError("an unknown value was answered")
        except (ProtocolError, ActorDown):  # the second when the first life read it
            assert answering_pid(ref, other_than=pid)
        assert ref.ask(("echo", 1), timeout=20) == 1


@pytest.mark.parametrize("value", UNKNOWN, ids=repr)
def test_without_the_reading_of_its_head_an_ask_costs_the_actor(value: object) -> None:
    with own_runtime(spares=0, preload=("tests.faults.sabotage.no_heads",)):
        ref = Subject.start()
        with pytest.raises(ActorDown):
            ref.ask(("echo", value), timeout=20)
        wait_until(lambda: not ref.is_alive())
