from __future__ import annotations

import threading
from typing import cast

import pytest

from supervision import telemetry
from supervision.telemetry import (
    EventName,
    Measurements,
    Metadata,
)
from tests.telemetry.recording import LOGGER, NO_NUMBERS, A, B, Recorder, raising


def test_the_listener_hears_of_each_change_of_the_set_of_names() -> None:
    heard: list[frozenset[EventName]] = []
    telemetry.attach("first", A, Recorder())
    telemetry.set_interest_listener(heard.append)
    telemetry.attach("same", A, Recorder())
    telemetry.attach_many("more", [A, B], Recorder())
    telemetry.detach("first")
    telemetry.detach("more")
    telemetry.detach("same")
    assert heard == [{A}, {A, B}, {A}, set()]
    assert telemetry.interested() == set()


def test_the_listener_hears_of_a_handler_that_failed() -> None:
    heard: list[frozenset[EventName]] = []
    telemetry.set_interest_listener(heard.append)
    telemetry.attach("bad", A, raising(ValueError()))
    telemetry.execute(A, NO_NUMBERS)
    assert heard == [{A}, set()]


def test_the_listener_may_change_handlers_itself_and_may_fail(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[frozenset[EventName]] = []

    def listener(names: frozenset[EventName]) -> None:
        heard.append(names)
        if B not in names:
            telemetry.attach("added", B, Recorder())
        raise ValueError("the listener is broken")

    telemetry.set_interest_listener(listener)
    telemetry.attach("h", A, Recorder())
    assert heard == [{A}, {A, B}]
    assert "the listener is broken" in caplog.text


def test_the_listener_is_called_without_the_lock_and_hears_the_last_change_last() -> None:
    heard: list[frozenset[EventName]] = []
    inside, go_on = threading.Event(), threading.Event()

    def slow(names: frozenset[EventName]) -> None:
        heard.append(names)
        inside.set()
        go_on.wait(10)

    telemetry.set_interest_listener(slow)
    first = threading.Thread(target=telemetry.attach, args=("h", A, Recorder()))
    first.start()
    assert inside.wait(10)
    telemetry.attach("other", B, Recorder())  # would hang if the listener held the lock
    telemetry.detach("h")
    go_on.set()
    first.join()
    assert heard == [{A}, {B}]


def test_the_forwarder_gets_the_events_it_named_after_the_handlers_and_no_others() -> None:
    order: list[object] = []
    telemetry.set_forwarder(frozenset({A}), lambda *event: order.append(event))
    telemetry.execute(A, {"n": 1}, {"m": 2})
    telemetry.attach("h", A, lambda *call: order.append("handler"))
    telemetry.execute(A, {"n": 2})
    telemetry.execute(B, {"n": 3})
    assert order == [(A, {"n": 1}, {"m": 2}), "handler", (A, {"n": 2}, {})]
    assert telemetry.interested() == {A}

    telemetry.set_forwarder(frozenset({B}), lambda *event: order.append(event))
    telemetry.execute(A, {"n": 4})
    telemetry.execute(B, {"n": 5})
    telemetry.set_forwarder(frozenset({A, B}), None)
    telemetry.execute(B, {"n": 6})
    assert order[3:] == ["handler", (B, {"n": 5}, {})]


def test_a_forwarded_name_is_not_an_interest_of_this_process() -> None:
    telemetry.set_forwarder(frozenset({A}), lambda *event: None)
    assert telemetry.interested() == set()
    assert telemetry.list_handlers() == []


def test_a_forwarder_that_fails_stays_and_is_logged_once_for_each_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    calls: list[EventName] = []

    def failing(name: EventName, measurements: Measurements, metadata: Metadata) -> None:
        calls.append(name)
        raise SystemExit("cannot send")

    telemetry.set_forwarder(frozenset({A, B}), failing)
    for name in (A, A, B, A):
        telemetry.execute(name, NO_NUMBERS)
    assert calls == [A, A, B, A]
    assert len([record for record in caplog.records if record.name == LOGGER]) == 2


def test_delivered_events_reach_handlers_and_are_not_forwarded() -> None:
    recorder, forwarded = Recorder(), list[object]()
    telemetry.attach("h", A, recorder)
    telemetry.attach("bad", A, raising(ValueError()))
    telemetry.set_forwarder(frozenset({A, B}), lambda *event: forwarded.append(event))
    telemetry.deliver(A, {"n": 1}, {"m": 2})
    telemetry.deliver(A, {"n": 2})
    telemetry.deliver(B, {"n": 3})
    assert [call[1] for call in recorder.calls] == [{"n": 1}, {"n": 2}]
    assert forwarded == []


def test_what_a_child_sent_that_is_no_event_is_logged_and_reaches_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    telemetry.attach("h", A, Recorder())
    telemetry.deliver(cast(EventName, ["test", "a"]), NO_NUMBERS)
    telemetry.deliver(A, cast(Measurements, 3))
    assert caplog.text.count("reached nobody") == 2
