from __future__ import annotations

import logging
import threading
import time
from typing import cast

import pytest

from supervision import telemetry
from supervision.errors import SupervisionError
from supervision.telemetry import (
    FAILURE,
    AlreadyExistsError,
    EventName,
    Measurements,
    NotFoundError,
)
from supervision.testing import capture_events
from tests.telemetry.recording import LOGGER, NO_NUMBERS, A, B, Recorder, raising


def test_a_handler_gets_the_event_as_it_was_emitted_in_the_emitting_thread() -> None:
    seen: list[tuple[object, ...]] = []
    telemetry.attach("h", A, lambda *call: seen.append((*call, threading.get_ident())), {"my": "config"})
    measurements, metadata = {"count": 1}, {"who": "me"}

    telemetry.execute(A, measurements, metadata)

    assert seen == [(A, measurements, metadata, {"my": "config"}, threading.get_ident())]
    assert seen[0][1] is measurements


def test_metadata_is_an_empty_mapping_where_none_is_given() -> None:
    recorder = Recorder()
    telemetry.attach("h", A, recorder)
    telemetry.execute(A, NO_NUMBERS)
    assert recorder.calls == [(A, {}, {}, None)]


def test_an_event_without_handlers_does_nothing() -> None:
    recorder = Recorder()
    telemetry.attach("h", A, recorder)
    telemetry.execute(B, NO_NUMBERS)
    telemetry.execute(("test",), NO_NUMBERS)
    telemetry.execute(("test", "a", "more"), NO_NUMBERS)
    assert recorder.calls == []


def test_handlers_run_in_the_order_of_attachment() -> None:
    order: list[object] = []
    for number in range(20):
        telemetry.attach(number, A, lambda *call: order.append(call[3]), number)
    telemetry.detach(7)
    telemetry.attach(7, A, lambda *call: order.append(call[3]), 7)
    telemetry.execute(A, NO_NUMBERS)
    assert order == [*range(7), *range(8, 20), 7]


def test_an_id_can_be_attached_once() -> None:
    telemetry.attach("h", A, Recorder())
    with pytest.raises(AlreadyExistsError, match="'h'") as caught:
        telemetry.attach_many("h", [B], Recorder())
    assert isinstance(caught.value, SupervisionError)
    assert isinstance(caught.value, ValueError)
    assert [handler.event_name for handler in telemetry.list_handlers()] == [A]


def test_detach_ends_it_for_all_its_events_and_needs_an_attached_id() -> None:
    recorder = Recorder()
    telemetry.attach_many("h", [A, B, A], recorder)
    telemetry.execute(A, NO_NUMBERS)
    telemetry.execute(B, NO_NUMBERS)
    assert [call[0] for call in recorder.calls] == [A, B]

    telemetry.detach("h")
    telemetry.execute(A, NO_NUMBERS)
    telemetry.execute(B, NO_NUMBERS)

    assert len(recorder.calls) == 2
    with pytest.raises(NotFoundError, match="'h'"):
        telemetry.detach("h")


@pytest.mark.parametrize("name", ["test.a", ["test", "a"], (), ("test", 1), None])
def test_attach_refuses_a_name_that_is_no_tuple_of_strings_and_attaches_nothing(name: object) -> None:
    with pytest.raises(TypeError, match="tuple of strings"):
        telemetry.attach_many("h", [A, cast(EventName, name)], Recorder())
    assert telemetry.list_handlers() == []


def test_attach_refuses_no_names_and_what_cannot_be_called() -> None:
    with pytest.raises(ValueError, match="no event names"):
        telemetry.attach_many("h", [], Recorder())
    with pytest.raises(TypeError, match="callable"):
        telemetry.attach("h", A, cast(telemetry.HandlerFunction, 5))


def test_handlers_are_listed_by_the_beginning_of_the_name() -> None:
    recorder = Recorder()
    telemetry.attach("one", ("x", "y", "z"), recorder, 1)
    telemetry.attach_many("two", [("x", "yy"), ("x",)], recorder)
    listed = [(handler.id, handler.event_name) for handler in telemetry.list_handlers(("x",))]
    assert listed == [("one", ("x", "y", "z")), ("two", ("x", "yy")), ("two", ("x",))]
    assert telemetry.list_handlers(("x", "y")) == [telemetry.Handler("one", ("x", "y", "z"), recorder, 1)]
    assert telemetry.list_handlers(("y",)) == []


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError("bad"), "error"),
        (SystemExit(3), "exit"),
        (KeyboardInterrupt(), "exit"),
        (GeneratorExit(), "exit"),
    ],
)
def test_a_handler_that_raises_is_detached_and_told_of(
    error: BaseException, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    before, after = Recorder(), Recorder()
    telemetry.attach("before", A, before)
    telemetry.attach_many("bad", [A, B], raising(error), {"k": 1})
    telemetry.attach("after", A, after)

    with capture_events([FAILURE]) as failures:
        started = time.monotonic_ns()
        telemetry.execute(A, {"n": 1})
        telemetry.execute(A, {"n": 2})
        telemetry.execute(B, {"n": 3})

    assert [len(before.calls), len(after.calls)] == [2, 2]
    assert {handler.id for handler in telemetry.list_handlers()} == {"before", "after"}
    (failure,) = failures.events
    stacktrace = failure.metadata["stacktrace"]
    assert dict(failure.metadata) == {
        "event_name": A,
        "handler_id": "bad",
        "handler_config": {"k": 1},
        "kind": kind,
        "reason": error,
        "stacktrace": stacktrace,
    }
    assert isinstance(stacktrace, list)
    assert "raise error" in stacktrace[-1]
    assert set(failure.measurements) == {"monotonic_time", "system_time"}
    assert started <= cast(int, failure.measurements["monotonic_time"]) <= time.monotonic_ns()
    assert abs(cast(int, failure.measurements["system_time"]) - time.time_ns()) < 60e9
    errors = [record for record in caplog.records if record.name == LOGGER]
    assert [record.levelno for record in errors] == [logging.ERROR]
    assert "'bad'" in errors[0].getMessage()


def test_a_handler_of_failures_that_fails_is_detached_without_another_failure_event() -> None:
    calls: list[str] = []

    def failing(*_: object) -> None:
        calls.append("failing")
        raise ValueError("in the failure handler")

    telemetry.attach("failing", FAILURE, failing)
    telemetry.attach("bad", A, raising(ValueError("first")))
    with capture_events([FAILURE]) as failures:
        telemetry.execute(A, NO_NUMBERS)
    assert calls == ["failing"]
    assert [failure.metadata["handler_id"] for failure in failures.events] == ["bad"]
    assert telemetry.list_handlers() == []


def test_a_handler_that_emits_its_own_event_for_ever_is_detached() -> None:
    telemetry.attach("endless", A, lambda *call: telemetry.execute(A, NO_NUMBERS))
    telemetry.execute(A, NO_NUMBERS)
    assert telemetry.list_handlers() == []


def test_broken_logging_does_not_reach_the_emitter() -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise SystemExit("logging is broken")

    handler = Broken()
    logging.getLogger(LOGGER).addHandler(handler)
    try:
        telemetry.attach("bad", A, raising(ValueError()))
        telemetry.execute(A, NO_NUMBERS)
    finally:
        logging.getLogger(LOGGER).removeHandler(handler)
    assert telemetry.list_handlers() == []


@pytest.mark.parametrize(
    ("name", "measurements"), [(["test", "a"], {}), (("test", ["a"]), {}), (A, 5), (A, None), (A, [("n", 1)])]
)
def test_what_is_no_event_is_logged_and_reaches_nobody(
    name: object, measurements: object, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder()
    telemetry.attach("h", A, recorder)
    telemetry.execute(cast(EventName, name), cast(Measurements, measurements))
    assert recorder.calls == []
    assert telemetry.list_handlers() != []
    assert "reached nobody" in caplog.text


def test_a_handler_may_attach_and_detach_while_it_runs() -> None:
    recorder = Recorder()

    def once(*_: object) -> None:
        telemetry.detach("once")
        telemetry.attach("next", A, recorder)

    telemetry.attach("once", A, once)
    telemetry.execute(A, {"n": 1})
    assert recorder.calls == []
    telemetry.execute(A, {"n": 2})
    assert [call[1] for call in recorder.calls] == [{"n": 2}]


def test_a_failure_does_not_detach_another_handler_attached_under_the_id_meanwhile() -> None:
    recorder = Recorder()

    def replaced(*_: object) -> None:
        telemetry.detach("h")
        telemetry.attach("h", A, recorder)
        raise ValueError("too late to matter")

    telemetry.attach("h", A, replaced)
    telemetry.execute(A, NO_NUMBERS)
    telemetry.execute(A, NO_NUMBERS)
    assert len(recorder.calls) == 1
