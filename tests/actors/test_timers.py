"""Messages sent later, by actors and by the application."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from supervision import send_after, watching
from supervision.reporter import reporter
from supervision.testing import wait_until
from tests.actors.conftest import Starter
from tests.actors.helpers import SECONDS, heard, wait_heard


def test_messages_come_in_the_order_in_which_they_are_due(subject: Any, recorder: Any) -> None:
    for delay in (0.03, 0.01, 0.02, 0.0):
        subject.ask(("after", delay, ("say", delay)), timeout=SECONDS)
    assert wait_heard(recorder, 4) == [0.0, 0.01, 0.02, 0.03]


def test_a_timer_is_not_early(subject: Any, recorder: Any) -> None:
    early = subject.ask(("measure_after", 0.05), timeout=SECONDS)
    assert early is None
    assert wait_heard(recorder, 1)[0] >= 0.05


def test_a_cancelled_timer_is_void(subject: Any, recorder: Any) -> None:
    first = subject.ask(("after", 0.02, ("say", "void")), timeout=SECONDS)
    subject.ask(("after", 0.03, ("say", "kept")), timeout=SECONDS)
    subject.ask(("cancel", first), timeout=SECONDS)
    assert wait_heard(recorder, 1) == ["kept"]
    subject.ask(("cancel", first), timeout=SECONDS)  # twice, and after it was due


def test_a_timer_tells_another_actor(start: Starter, subject: Any, recorder: Any) -> None:
    subject.ask(("after_to", 0.01, "from afar", recorder), timeout=SECONDS)
    assert wait_heard(recorder, 1) == ["from afar"]


def test_a_timer_whose_receiver_is_gone_hurts_nobody(start: Starter, subject: Any, recorder: Any) -> None:
    other = start()
    other.stop()
    subject.ask(("after_to", 0.0, "x", other), timeout=SECONDS)
    subject.ask(("after", 0.01, ("say", "later")), timeout=SECONDS)
    assert wait_heard(recorder, 1) == ["later"]


def test_timers_fire_between_messages_of_a_busy_actor(subject: Any, recorder: Any) -> None:
    subject.ask(("after", 0.0, ("say", "due")), timeout=SECONDS)
    while not heard(recorder):
        subject.ask(("echo", 1), timeout=SECONDS)


def test_a_message_that_raises_in_a_timer_is_a_tell_that_raises(subject: Any, recorder: Any) -> None:
    subject.ask(("after", 0.0, ("raise", "late")), timeout=SECONDS)
    assert wait_heard(recorder, 1) == [["on_failure", "ValueError", "late", True]]


def test_a_timer_set_by_a_thread_of_the_actor_works(subject: Any, recorder: Any) -> None:
    subject.ask(("after_by_thread", 0.0, ("say", "from a thread")), timeout=SECONDS)
    assert wait_heard(recorder, 1) == ["from a thread"]


@pytest.mark.parametrize("delay", [3e6, 1e9])
def test_a_timer_may_be_far_away(subject: Any, recorder: Any, delay: float) -> None:
    subject.ask(("after", delay, ("say", "never")), timeout=SECONDS)
    timer = send_after(subject, delay, ("say", "never"))
    assert subject.ask(("echo", 1), timeout=SECONDS) == 1
    subject.ask(("after", 0.0, ("say", "soon")), timeout=SECONDS)
    assert wait_heard(recorder, 1) == ["soon"]
    timer.cancel()


@pytest.mark.parametrize("delay", [-1.0, math.nan, math.inf, -math.inf])
def test_a_delay_that_is_none_is_refused(subject: Any, delay: float) -> None:
    with pytest.raises(ValueError, match="seconds from 0 up"):
        subject.ask(("after", delay, ("echo",)), timeout=SECONDS)
    with pytest.raises(ValueError, match="seconds from 0 up"):
        send_after(subject, delay, ("echo",))


def test_a_message_that_cannot_travel_is_refused_when_the_timer_is_set(subject: Any) -> None:
    with pytest.raises(TypeError):
        subject.ask(("after_unsendable",), timeout=SECONDS)


def test_the_application_sends_later_and_cancels(subject: Any, recorder: Any) -> None:
    void = send_after(subject, 0.02, ("say", "void"))
    send_after(subject, 0.03, ("say", "kept"))
    void.cancel()
    assert wait_heard(recorder, 1) == ["kept"]


@pytest.fixture
def stuck() -> Iterator[None]:
    """Have a handler of telemetry hold up the thread on which reports are told."""
    gate, reached = threading.Event(), threading.Event()

    def hold(*_: object) -> None:
        reached.set()
        gate.wait(30)

    reporter.put(hold)
    assert reached.wait(SECONDS)
    yield
    gate.set()


@pytest.mark.usefixtures("stuck")
def test_a_handler_that_is_stuck_holds_up_no_timer(subject: Any, recorder: Any) -> None:
    send_after(subject, 0.01, ("say", "in time"))
    assert wait_heard(recorder, 1) == ["in time"]


@pytest.mark.usefixtures("stuck")
def test_were_they_sent_where_reports_are_told_it_would(
    subject: Any, recorder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "Ref", int)
    send_after(subject, 0.01, ("say", "late"))
    with pytest.raises(TimeoutError):
        wait_heard(recorder, 1, timeout=0.3)


def test_what_cannot_be_sent_when_it_is_due_is_told(subject: Any, caplog: pytest.LogCaptureFixture) -> None:
    send_after(subject, 0.01, object())
    wait_until(lambda: "a timer's message for" in caplog.text and "object cannot travel" in caplog.text)
    assert "internal error" not in caplog.text


def test_many_timers_of_several_threads(subject: Any, recorder: Any) -> None:
    def run(number: int) -> None:
        for turn in range(50):
            send_after(subject, 0.0005 * turn, ("say", [number, turn]))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(wait_heard(recorder, 150)) == [[number, turn] for number in range(3) for turn in range(50)]
