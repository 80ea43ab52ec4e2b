"""What waits while the supervisor is busy, what is consumed, what is ignored."""

from __future__ import annotations

import time
from typing import Any

import pytest

from supervision.decisions import (
    Answer,
    Boot,
    BootFailed,
    BootOk,
    CountChildren,
    DeleteChild,
    Exited,
    Finished,
    GetChildSpec,
    Ignored,
    Ok,
    Refused,
    Report,
    RestartChild,
    Start,
    StartChild,
    Started,
    StartedChild,
    StartFailed,
    Stop,
    StopSupervisor,
    TerminateChild,
    Unexpected,
    WhichChildren,
    initial,
    step,
)
from supervision.exits import KILLED, NORMAL, SHUTDOWN, crash, shutdown
from supervision.spec import ArgumentsNotKept
from tests.decisions.driver import CRASH, Driver, function, spec


def test_requests_wait_until_the_supervisor_is_up() -> None:
    driver = Driver(spec("a"))
    driver.ask(1, CountChildren())
    driver.feed(Boot())
    driver.ask(2, TerminateChild("a"))
    assert driver.of(Answer) == []
    driver.feed(Started("a", "p"))
    kinds = [type(action).__name__ for action in driver.actions]
    assert kinds == ["Progress", "BootOk", "Answer", "Stop"]


def test_a_stop_during_the_start_waits_for_its_end() -> None:
    driver = Driver(spec("a"))
    driver.feed(Boot(), StopSupervisor(SHUTDOWN))
    assert driver.starts() == ["a"]
    driver.feed(Started("a", "p"))
    assert [type(action) for action in driver.actions[-2:]] == [BootOk, Stop]
    driver.feed(Exited("a", "p", SHUTDOWN))
    assert driver.actions == (Finished(SHUTDOWN),)


def test_a_failed_start_answers_who_waits_before_it_finishes() -> None:
    driver = Driver(spec("a"))
    driver.feed(Boot())
    driver.ask(1, WhichChildren())
    driver.feed(StartFailed("a", "boom"))
    reason = ("failed_to_start_child", "a", "boom")
    assert driver.actions[1:] == (
        BootFailed(("shutdown", reason)),
        Answer(1, Refused("noproc")),
        Finished(shutdown(reason)),
    )


def test_events_that_waited_are_handled_in_order() -> None:
    driver = Driver(spec("a"), spec("b")).up()
    driver.ask(1, TerminateChild("a"))
    driver.ask(2, TerminateChild("b"))
    driver.ask(3, WhichChildren())
    assert driver.of(Stop) == []
    driver.feed(Exited("a", "p1", SHUTDOWN))
    assert driver.actions == (Answer(1, Ok()), Stop("b", "p2", 5.0))
    driver.feed(Exited("b", "p2", SHUTDOWN))
    assert [answer.request_id for answer in driver.of(Answer)] == [2, 3]


def test_a_death_that_waits_is_the_outcome_of_a_stop() -> None:
    """It is reported as a wrong end of a stop, is not counted, and needs no Stop."""
    driver = Driver(spec("a"), spec("b"), spec("c"), strategy="one_for_all").up()
    driver.crash("a")
    assert driver.of(Stop) == [Stop("c", "p3", 5.0)]
    driver.feed(Exited("b", "p2", crash("own")), Exited("c", "p3", SHUTDOWN))
    assert [(report.context, report.offender.id) for report in driver.of(Report)] == [("shutdown_error", "b")]
    assert driver.starts() == ["a"]
    driver.serve()
    assert len(driver.state.restarts) == 1
    assert (driver.state.deferred, driver.state.fallen) == ((), {})


def test_a_death_of_a_former_incarnation_is_ignored() -> None:
    driver = Driver(spec("a")).up()
    driver.crash("a")
    driver.serve()
    assert driver.feed(Exited("a", "p1", CRASH)) == ()
    assert driver.feed(Exited("zz", "p9", CRASH)) == ()


@pytest.mark.parametrize("event", [Started("a", "p9"), Ignored("a"), StartFailed("a", "x"), Boot()])
def test_an_outcome_that_nobody_waits_for_is_told(event: Any) -> None:
    driver = Driver(spec("a")).up()
    state = driver.state
    assert driver.feed(event) == (Unexpected(event),)
    assert driver.state == state


def test_nothing_happens_after_the_end_but_refusals() -> None:
    driver = Driver().up()
    driver.feed(StopSupervisor(NORMAL))
    assert driver.actions == (Finished(NORMAL),)
    assert driver.ask(1, CountChildren()) == (Answer(1, Refused("noproc")),)
    for event in (Boot(), StopSupervisor(SHUTDOWN), Exited("a", 1, CRASH), Started("a", 1)):
        assert driver.feed(event) == ()


def test_the_reason_of_the_end_is_the_parents() -> None:
    driver = Driver(spec("a")).up()
    driver.feed(StopSupervisor(crash("because")), Exited("a", "p1", SHUTDOWN))
    assert driver.of(Finished) == [Finished(crash("because"))]


def test_a_call_that_does_not_exist_is_refused() -> None:
    call: Any = "hello"
    for driver in (Driver().up(), Driver(mode="dynamic").up()):
        assert driver.ask(1, call) == (Answer(1, Refused(("undefined_call", "hello"))),)


def test_a_specification_that_raises_is_refused() -> None:
    class Hostile(dict[str, object]):
        def __contains__(self, key: object) -> bool:
            raise RuntimeError("no")

    driver = Driver().up()
    (answer,) = driver.ask(1, StartChild(Hostile()))
    assert isinstance(answer, Answer)
    assert isinstance(answer.outcome, Refused)
    assert answer.outcome.reason[0] == "invalid_child_spec"  # type: ignore[index]


def test_the_arguments_of_an_added_temporary_child_are_not_kept() -> None:
    driver = Driver(spec("a", restart="temporary")).up()
    driver.ask(1, StartChild({"id": "b", "start": (function, ("secret",)), "restart": "temporary"}))
    (start,) = driver.of(Start)
    assert start.spec.start[1] == ("secret",)
    assert driver.serve().of(Answer) == [Answer(1, Ok(StartedChild("p2")))]
    driver.ask(2, GetChildSpec("b"))
    (answer,) = driver.of(Answer)
    assert isinstance(answer.outcome, Ok)
    kept: Any = answer.outcome.value
    assert isinstance(kept.start[0], ArgumentsNotKept)
    assert kept.start[1:] == ((), {})
    assert kept.modules == (function.__module__,)
    assert driver.state.children["a"].spec.start[0] is function


def test_refused_tells_whether_a_start_was_tried() -> None:
    driver = Driver(spec("a")).up()
    driver.ask(1, StartChild(spec("b")))
    driver.feed(StartFailed("b", "not_found"))
    assert Answer(1, Refused("not_found", failed=True)) in driver.actions
    assert driver.ask(2, DeleteChild("b")) == (Answer(2, Refused("not_found")),)


def test_a_death_before_the_stop_is_handled_before_it() -> None:
    driver = Driver(spec("t"), strategy="simple_one_for_one").up()
    for number in range(3):
        driver.ask(number, StartChild(()))
        driver.serve()
    first, second, third = driver.state.children
    driver.ask(7, TerminateChild(driver.pid(first), by_pid=True))
    driver.feed(Exited(second, driver.pid(second), KILLED), StopSupervisor(SHUTDOWN))
    # The second one's death is handled before the stop, which came later: it is restarted first.
    driver.feed(Exited(first, driver.pid(first), SHUTDOWN))
    assert driver.starts() == [second]
    driver.serve()
    assert {stop.key for stop in driver.of(Stop)} == {second, third}


def test_the_machine_is_cheap_with_a_thousand_children() -> None:
    """An event costs far less than a start would; the bound is generous, for slow machines."""
    driver = Driver(*(spec(number) for number in range(1000)), intensity=10**9).up()
    begin = time.perf_counter()
    for _ in range(200):
        driver.crash(500)
        driver.serve()
    assert (time.perf_counter() - begin) / 400 < 0.002


def test_a_thousand_deaths_at_once_under_one_for_all() -> None:
    driver = Driver(*(spec(number) for number in range(1000)), strategy="one_for_all").up()
    deaths = [Exited(number, driver.pid(number), KILLED) for number in range(1000)]
    driver.feed(*deaths)
    assert len(driver.of(Stop)) == 1
    assert driver.starts() == [0]
    driver.serve()
    assert len(driver.state.restarts) == 1
    assert driver.state.deferred == ()


def test_steps_leave_old_states_as_they_were() -> None:
    driver = Driver(spec("a"), spec("b"), strategy="one_for_all").up()
    old = driver.state
    before = repr(old)
    driver.crash("a")
    driver.feed(Exited("b", "p2", SHUTDOWN))
    driver.serve()
    assert repr(old) == before
    assert step(old, Exited("a", "p1", CRASH), 0.0) == step(old, Exited("a", "p1", CRASH), 0.0)
    assert initial({}, []) == initial({}, [])


def test_work_tells_who_is_coming() -> None:
    """In a group restart everybody while others are still stopped, then those that have not started."""
    driver = Driver(spec("a"), spec("b"), spec("c"), strategy="one_for_all").up()

    def coming() -> tuple[object, ...]:
        return () if driver.state.work is None else driver.state.work.coming

    driver.crash("a")
    assert coming() == ("a", "b", "c")
    driver.feed(Exited("c", "p3", SHUTDOWN), Exited("b", "p2", SHUTDOWN))
    assert coming() == ("a", "b", "c")
    driver.feed(Started("a", "p4"))
    assert coming() == ("b", "c")
    driver.serve()
    assert coming() == ()


def test_a_report_names_the_former_process_of_the_child_it_is_about() -> None:
    """The one that crashed had a process, its sibling's was stopped in good order before its start failed."""
    driver = Driver(spec("a"), spec("b"), strategy="one_for_all").up()
    driver.crash("a")
    driver.feed(Exited("b", "p2", SHUTDOWN), Started("a", "p3"), StartFailed("b", "boom"))
    assert [report.offender.pid for report in driver.of(Report)] == [None]
    driver = Driver(spec("a"), spec("b"), strategy="one_for_all").up()
    driver.crash("a")
    driver.feed(Exited("b", "p2", SHUTDOWN), StartFailed("a", "boom"))
    assert [report.offender.pid for report in driver.of(Report)] == ["p1"]


def test_a_retry_is_for_the_failure_that_queued_it() -> None:
    """A child terminated, started and failed again is not tried by the retry of the first failure."""
    driver = Driver(spec("a")).up()
    driver.crash("a")
    driver.feed(StartFailed("a", "boom"))
    (stale,) = driver.retries()
    driver.ask(1, TerminateChild("a"))
    driver.ask(2, RestartChild("a"))
    driver.serve()
    driver.crash("a")
    driver.feed(StartFailed("a", "boom"))
    (fresh,) = driver.retries()
    assert driver.feed(stale) == ()
    driver.feed(fresh)
    assert driver.starts() == ["a"]
