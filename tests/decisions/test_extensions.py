"""What OTP does not have: backoff, healthy stretches, budgets of one's own."""

from __future__ import annotations

from typing import Any

import pytest

from supervision.decisions import (
    Answer,
    CancelTimer,
    Finished,
    Forget,
    Ok,
    Refused,
    Report,
    Request,
    RestartChild,
    SetTimer,
    StartChild,
    StartedChild,
    StartFailed,
    StopSupervisor,
    TerminateChild,
    TimerFired,
    WhichChildren,
    initial,
)
from supervision.errors import SpecError
from supervision.exits import SHUTDOWN
from supervision.spec import Backoff
from tests.decisions.driver import Driver, spec

STEADY = Backoff(initial=1, factor=2, maximum=5, jitter=0)


def waits(driver: Driver) -> list[float]:
    return [action.seconds for action in driver.of(SetTimer)]


def fire(driver: Driver) -> Driver:
    (token,) = driver.state.timers
    driver.feed(TimerFired(token))
    return driver.serve()


def test_a_restart_waits_and_requests_are_served_meanwhile() -> None:
    driver = Driver(spec("a", backoff=STEADY)).up()
    driver.crash("a")
    assert (waits(driver), driver.starts()) == ([1], [])
    driver.ask(1, WhichChildren())
    (answer,) = driver.of(Answer)
    assert isinstance(answer.outcome, Ok)
    assert answer.outcome.value[0].child == "restarting"  # type: ignore[index]
    assert fire(driver).starts() == ["a"]
    assert driver.state.children["a"].status == "up"


def test_waits_grow_with_failures_in_a_row() -> None:
    driver = Driver(spec("a", backoff=STEADY)).up()
    seen = []
    for _ in range(5):
        driver.crash("a")
        seen += waits(driver)
        fire(driver)
    assert seen == [1, 2, 4, 5, 5]


def test_a_failed_start_waits_too() -> None:
    driver = Driver(spec("a", backoff=STEADY)).up()
    driver.crash("a")
    (token,) = driver.state.timers
    driver.feed(TimerFired(token), StartFailed("a", "boom"))
    assert waits(driver) == [2]
    assert driver.retries() == []
    assert fire(driver).state.children["a"].status == "up"


def test_a_healthy_stretch_ends_the_row() -> None:
    driver = Driver(spec("a", backoff=STEADY, healthy_after=10)).up()
    for lived, expected in [(1, 1), (1, 2), (10, 1), (9.9, 2)]:
        driver.now += lived
        driver.crash("a")
        assert waits(driver) == [expected]
        fire(driver)


def test_too_many_failures_in_a_row_end_the_supervisor() -> None:
    driver = Driver(spec("a", healthy_after=10, max_failures=2)).up()
    for _ in range(2):
        driver.crash("a")
        driver.serve()
    driver.crash("a")
    assert [report.reason for report in driver.of(Report)][-1] == "reached_max_failures"
    assert driver.of(Finished) == [Finished(SHUTDOWN)]


def test_healthy_stretches_keep_the_supervisor_alive() -> None:
    driver = Driver(spec("a", healthy_after=10, max_failures=1)).up()
    for _ in range(5):
        driver.now += 11
        driver.crash("a")
        driver.serve()
    assert driver.state.children["a"].status == "up"


def test_failed_starts_are_failures_in_a_row() -> None:
    driver = Driver(spec("a", healthy_after=10, max_failures=1)).up()
    driver.crash("a")
    driver.feed(StartFailed("a", "boom"))
    assert driver.of(Finished) == [Finished(SHUTDOWN)]


def test_terminating_a_waiting_child_cancels_its_timer() -> None:
    driver = Driver(spec("a", backoff=STEADY)).up()
    driver.crash("a")
    (token,) = driver.state.timers
    driver.ask(1, TerminateChild("a"))
    assert driver.actions == (CancelTimer(token), Answer(1, Ok()))
    assert driver.feed(TimerFired(token)) == ()
    assert driver.state.children["a"].status == "undefined"
    driver.ask(2, RestartChild("a"))
    assert driver.serve().of(Answer) == [Answer(2, Ok(StartedChild("p2")))]


def test_stopping_cancels_timers() -> None:
    driver = Driver(spec("a", backoff=STEADY)).up()
    driver.crash("a")
    (token,) = driver.state.timers
    driver.feed(StopSupervisor(SHUTDOWN))
    assert driver.actions == (CancelTimer(token), Finished(SHUTDOWN))


def test_a_group_waits_with_the_child_that_failed() -> None:
    """Until the wait is over the others go on; then the group is restarted."""
    driver = Driver(spec("a", backoff=STEADY), spec("b"), strategy="one_for_all").up()
    before = driver.pid("b")
    driver.crash("a")
    assert driver.pid("b") == before
    (token,) = driver.state.timers
    driver.feed(TimerFired(token))
    driver.crash("b", SHUTDOWN)
    assert driver.serve().starts() == ["a", "b"]


def test_a_siblings_group_restart_takes_the_waiting_child_along() -> None:
    driver = Driver(spec("a", backoff=STEADY), spec("b"), strategy="one_for_all").up()
    driver.crash("a")
    driver.crash("b")
    assert len(driver.of(CancelTimer)) == 1
    assert driver.serve().starts() == ["a", "b"]
    assert driver.state.timers == {}


def test_jitter_depends_on_the_seed_alone() -> None:
    def first(seed: int) -> float:
        backoff = Backoff(initial=1, factor=1, maximum=1, jitter=1)
        driver = Driver(spec("a", backoff=backoff), options={"seed": seed}).up()
        driver.crash("a")
        return waits(driver)[0]

    assert first(1) == first(1)
    assert len({first(seed) for seed in range(20)}) == 20
    assert all(0 <= first(seed) <= 1 for seed in range(20))


@pytest.mark.parametrize("mode", ["dynamic", "simple"])
def test_a_child_with_a_budget_is_given_up_alone(mode: Any) -> None:
    budgeted = spec("x", own_budget=(2, 10))
    if mode == "dynamic":
        driver = Driver(mode="dynamic", intensity=0).up()
        calls: list[object] = [budgeted, spec("y", own_budget=(2, 10))]
    else:
        driver = Driver(budgeted, strategy="simple_one_for_one", intensity=0).up()
        calls = [(), ()]
    for number, given in enumerate(calls):
        driver.ask(number, StartChild(given))
        driver.serve()
    first, second = driver.state.children
    for _ in range(2):
        driver.crash(first)
        assert driver.serve().starts() == [first]
    driver.crash(first)
    assert [report.context for report in driver.of(Report)] == ["child_terminated", "shutdown"]
    assert driver.of(Forget) == [Forget(first)]
    assert list(driver.state.children) == [second]
    assert not driver.state.finished


def test_a_budget_slides() -> None:
    driver = Driver(mode="dynamic", intensity=0).up()
    driver.ask(1, StartChild(spec("x", own_budget=(1, 10))))
    driver.serve()
    (key,) = driver.state.children
    for _ in range(4):
        driver.now += 11
        driver.crash(key)
        driver.serve()
    assert driver.state.children[key].status == "up"


def test_children_with_ids_have_no_budget_of_their_own() -> None:
    budgeted = spec("a", own_budget=(1, 1))
    with pytest.raises(SpecError) as caught:
        initial({}, [budgeted])
    assert caught.value.reason == ("start_spec", ("invalid_own_budget", (1, 1)))
    driver = Driver().up()
    driver.feed(Request(1, StartChild(budgeted)))
    assert driver.of(Answer) == [Answer(1, Refused(("invalid_own_budget", (1, 1))))]
