"""Events of actors reach handlers of the application: those that somebody attached to, and no others."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

import pytest

from supervision import telemetry
from supervision.process.application import Application
from supervision.testing import capture_events, wait_until
from tests.actors.conftest import Starter
from tests.actors.helpers import SECONDS


def _has_number(number: int, event: Any) -> bool:
    return bool(event.measurements["n"] == number)


NAME = ("tests", "actors", "event")
OTHER = ("tests", "actors", "other")


def emit(ref: Any, name: tuple[str, ...] = NAME, number: int = 1, **metadata: Any) -> None:
    ref.ask(("emit", list(name), {"n": number}, metadata), timeout=SECONDS)


def test_an_event_reaches_a_handler_that_was_attached_before_the_start(start: Starter) -> None:
    with capture_events([NAME]) as captured:
        emit(start(), number=5, text="ü", nested={"a": [1, (2, None)]}, raw=b"\0")
        event = captured.wait_for(lambda event: True)
    assert event.measurements == {"n": 5}
    assert event.metadata == {"text": "ü", "nested": {"a": [1, (2, None)]}, "raw": b"\0"}


def test_an_event_reaches_a_handler_that_was_attached_later(subject: Any) -> None:
    subject.ask(("echo", 1), timeout=SECONDS)
    with capture_events([NAME]) as captured:
        wait_until(lambda: list(NAME) in subject.ask(("interests",), timeout=SECONDS))
        emit(subject)
        captured.wait_for(lambda event: event.measurements["n"] == 1)


def test_what_is_asked_after_attaching_is_heard_at_once(subject: Any) -> None:
    """The interest travels before the ask that follows it from the same thread."""
    heard = 0
    for number in range(20):
        with capture_events([NAME]) as captured:
            wait_until(lambda: list(NAME) in subject.ask(("interests",), timeout=SECONDS))
            emit(subject, number=number)
            captured.wait_for(partial(_has_number, number))
            heard += 1
        wait_until(lambda: list(NAME) not in subject.ask(("interests",), timeout=SECONDS))
    assert heard == 20


def test_names_that_nobody_attached_to_are_not_sent(subject: Any) -> None:
    with capture_events([NAME]):
        wait_until(lambda: list(NAME) in subject.ask(("interests",), timeout=SECONDS))
        assert subject.ask(("frames_sent", list(NAME)), timeout=SECONDS) == 1
        assert subject.ask(("frames_sent", list(OTHER)), timeout=SECONDS) == 0
    wait_until(lambda: list(NAME) not in subject.ask(("interests",), timeout=SECONDS))
    assert subject.ask(("frames_sent", list(NAME)), timeout=SECONDS) == 0


def test_if_children_were_not_told_of_later_handlers_these_would_hear_nothing(
    start: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""
    subject = start()
    monkeypatch.setattr(Application, "_tell_interests", lambda self, names: None)
    with capture_events([NAME]) as captured:
        emit(subject)
        late = start()  # it hears of the names with its start
        emit(late, number=2)
        captured.wait_for(lambda event: event.measurements["n"] == 2)
        assert [event.measurements["n"] for event in captured.events] == [2]


def test_events_of_one_child_come_in_order(start: Starter) -> None:
    with capture_events([NAME, OTHER]) as captured:
        actors = [start() for _ in range(2)]
        for number in range(100):
            for index, actor in enumerate(actors):
                actor.tell(("emit", list(NAME if number % 2 else OTHER), {"n": number}, {"who": index}))
        wait_until(lambda: len(captured.events) == 200)
    for index in range(2):
        mine = [event.measurements["n"] for event in captured.events if event.metadata["who"] == index]
        assert mine == list(range(100))


def test_live_objects_in_an_event_arrive_as_text_and_hurt_nobody(start: Starter) -> None:
    with capture_events([NAME]) as captured:
        subject = start()
        subject.ask(("emit_live_objects", list(NAME)), timeout=SECONDS)
        event: Any = captured.wait_for(lambda event: True)
    assert "MainThread" in event.metadata["thread"]
    assert event.metadata["set"] == "{1}"
    assert event.metadata["t"][0] == 1
    assert len(event.metadata["t"][1]) == 8192
    assert subject.is_alive()


def test_a_handler_that_raises_is_detached_and_the_child_does_not_notice(start: Starter) -> None:
    def failing(*_: object) -> None:
        raise ValueError("broken handler")

    telemetry.attach("failing", NAME, failing)
    with capture_events([("telemetry", "handler", "failure")]) as captured:
        subject = start()
        emit(subject)
        event = captured.wait_for(lambda event: True)
    assert event.metadata["handler_id"] == "failing"
    assert telemetry.list_handlers(NAME) == []
    emit(subject)


def test_a_stuck_handler_blocks_neither_the_child_nor_the_loop(start: Starter) -> None:
    gate, inside = threading.Event(), threading.Event()

    def stuck(*_: object) -> None:
        inside.set()
        gate.wait(20)

    telemetry.attach("stuck", NAME, stuck)
    try:
        subject = start()
        for number in range(2000):
            subject.tell(("emit", list(NAME), {"n": number}, {"text": "x" * 500}))
        assert inside.wait(SECONDS)
        assert subject.ask(("echo", 1), timeout=SECONDS) == 1
    finally:
        gate.set()
        telemetry.detach("stuck")


def test_a_child_hears_its_own_events_too(subject: Any) -> None:
    assert subject.ask(("own_events", list(NAME)), timeout=SECONDS) == [{"n": 1}]


def test_spans_of_children_arrive(start: Starter) -> None:
    names = [(*NAME, "start"), (*NAME, "stop")]
    with capture_events(names) as captured:
        start().ask(("span", list(NAME)), timeout=SECONDS)
        captured.wait_for(lambda event: event.name[-1] == "stop")
    assert captured.names() == names
    stop: Any = captured.events[1]
    assert stop.measurements["duration"] >= 0
