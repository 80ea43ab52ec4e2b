from __future__ import annotations

import threading

import pytest

from supervision import telemetry
from supervision.testing import FakeClock, capture_events, wait_until

A = ("test", "a")
B = ("test", "b")


def test_wait_until_returns_the_first_true_answer() -> None:
    answers = iter([0, None, "", "yes", "later"])
    assert wait_until(lambda: next(answers), interval=0) == "yes"


def test_wait_until_asks_once_even_without_time_and_then_says_what_it_waited_for() -> None:
    asked: list[int] = []

    def ready() -> bool:
        asked.append(1)
        return False

    with pytest.raises(TimeoutError, match=r"ready was not true within 0 s; the last answer was False"):
        wait_until(ready, timeout=0)
    assert asked == [1]


def test_a_fake_clock_moves_only_when_told_and_never_back() -> None:
    clock = FakeClock(start=5.0)
    assert clock.monotonic() == clock.monotonic() == 5.0
    assert clock.advance(1.5) == clock.monotonic() == 6.5
    for seconds in (-0.1, float("nan")):
        with pytest.raises(ValueError, match="does not go back"):
            clock.advance(seconds)


def test_captured_events_are_kept_in_order_while_the_block_runs() -> None:
    telemetry.execute(A, {"n": 0})
    with capture_events([A, B]) as captured, capture_events([B]) as other:
        telemetry.execute(A, {"n": 1}, {"m": 1})
        telemetry.execute(B, {"n": 2})
    telemetry.execute(A, {"n": 3})
    assert captured.names() == [A, B]
    assert [event.measurements for event in captured.named(A)] == [{"n": 1}]
    assert captured.events[0].metadata == {"m": 1}
    assert other.names() == [B]


def test_wait_for_finds_events_that_came_before_and_that_come_from_another_thread() -> None:
    with capture_events([A]) as captured:
        telemetry.execute(A, {"n": 1})
        assert captured.wait_for(lambda event: True).measurements == {"n": 1}
        thread = threading.Timer(0.02, lambda: [telemetry.execute(A, {"n": n}) for n in range(2, 5)])
        thread.start()
        assert captured.wait_for(lambda event: event.measurements["n"] == 4).measurements == {"n": 4}
        thread.join()


def test_wait_for_says_what_came_instead() -> None:
    with capture_events([A]) as captured:
        telemetry.execute(A, {"n": 1})
        with pytest.raises(TimeoutError, match=r"only \[\('test', 'a'\)\]"):
            captured.wait_for(lambda event: False, timeout=0.01)
