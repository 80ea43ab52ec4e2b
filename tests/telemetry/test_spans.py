from __future__ import annotations

import time
from typing import cast

import pytest

from supervision import telemetry
from supervision.testing import capture_events
from tests.telemetry.recording import A, B, raising


def test_a_span_tells_its_start_and_its_end_with_the_same_context() -> None:
    with capture_events([(*A, "start"), (*A, "stop"), (*A, "exception")]) as captured:
        before = time.monotonic_ns()
        with telemetry.span(A, {"who": "me"}) as span:
            span.add({"answer": 42}, {"bytes": 7, "duration": -1})
        after = time.monotonic_ns()

    start, stop = captured.events
    assert (start.name, stop.name) == ((*A, "start"), (*A, "stop"))
    assert set(start.measurements) == {"monotonic_time", "system_time"}
    context = start.metadata["telemetry_span_context"]
    assert isinstance(context, str)
    assert start.metadata == {"who": "me", "telemetry_span_context": context}
    assert stop.metadata == {"who": "me", "answer": 42, "telemetry_span_context": context}
    began, ended = (cast(int, event.measurements["monotonic_time"]) for event in (start, stop))
    assert before <= began <= ended <= after
    assert stop.measurements == {"monotonic_time": ended, "duration": ended - began, "bytes": 7}


@pytest.mark.parametrize(("error", "kind"), [(ValueError("bad"), "error"), (SystemExit(1), "exit")])
def test_a_span_tells_an_exception_and_lets_it_go_on(error: BaseException, kind: str) -> None:
    with (
        capture_events([(*A, "start"), (*A, "stop"), (*A, "exception")]) as captured,
        pytest.raises(type(error)) as caught,
        telemetry.span(A, {"who": "me"}),
    ):
        raise error
    assert caught.value is error
    assert captured.names() == [(*A, "start"), (*A, "exception")]
    _, told = captured.events
    assert set(told.measurements) == {"duration", "monotonic_time"}
    assert told.metadata["who"] == "me"
    assert told.metadata["kind"] == kind
    assert told.metadata["reason"] is error
    assert "raise error" in cast(list[str], told.metadata["stacktrace"])[-1]


def test_nested_spans_have_contexts_of_their_own_unless_given() -> None:
    names = [(*name, edge) for name in (A, B) for edge in ("start", "stop")]
    with (
        capture_events(names) as captured,
        telemetry.span(A, {}),
        telemetry.span(B, {"telemetry_span_context": "mine"}),
        telemetry.span(A, {}),
    ):
        pass
    assert [event.name[1:] for event in captured.events] == [
        ("a", "start"),
        ("b", "start"),
        ("a", "start"),
        ("a", "stop"),
        ("b", "stop"),
        ("a", "stop"),
    ]
    contexts = [event.metadata["telemetry_span_context"] for event in captured.events]
    assert contexts[1] == contexts[4] == "mine"
    assert contexts[0] == contexts[5] != contexts[2] == contexts[3]


def test_span_call_returns_what_the_function_returns_and_raises_what_it_raises() -> None:
    with capture_events([(*A, "stop"), (*A, "exception")]) as captured:
        assert telemetry.span_call(A, {"n": 1}, lambda: "result") == "result"
        with pytest.raises(ZeroDivisionError):
            telemetry.span_call(A, None, lambda: 1 // 0)
    assert captured.names() == [(*A, "stop"), (*A, "exception")]


def test_a_span_survives_a_handler_that_fails_at_its_start() -> None:
    telemetry.attach("bad", (*A, "start"), raising(SystemExit()))
    with capture_events([(*A, "stop")]) as captured, telemetry.span(A):
        pass
    assert len(captured.events) == 1
