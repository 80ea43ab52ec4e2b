"""The thread of runs: one after another, known by their ids, answered whoever waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from beamlens.agent.control import Control
from beamlens.agent.worker import Job, Worker
from supervision import ReplyFuture
from supervision.testing import wait_until


@dataclass(frozen=True)
class Standing:
    run_id: str


class Hands:
    """Perform jobs when told to."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.failed: list[BaseException] = []
        self.go = threading.Semaphore(0)
        self.error: BaseException | None = None

    def perform(self, job: Job[Standing]) -> str:
        assert self.go.acquire(timeout=20)
        if self.error is not None:
            raise self.error
        self.done.append(job.run_id)
        return "cancelled" if job.control.cancelled.is_set() else f"outcome of {job.run_id}"


@contextmanager
def worker(
    begin: Callable[[], None] = lambda: None, idle: Callable[[], float | None] = lambda: None
) -> Iterator[tuple[Worker[Standing], Hands]]:
    hands = Hands()
    made: Worker[Standing] = Worker(hands.perform, hands.failed.append, begin, idle)
    made.start()
    try:
        yield made, hands
    finally:
        made.close()
        hands.go.release(50)
        made._thread.join(20)


def submit(made: Worker[Standing], run_id: str, control: Control | None = None) -> ReplyFuture:
    future = ReplyFuture()
    made.submit(Standing(run_id), control or Control(), future)
    return future


def nobody() -> None:
    raise AssertionError("it is known")


def test_first_come_first_served() -> None:
    with worker() as (made, hands):
        futures = [submit(made, name) for name in "abc"]
        wait_until(lambda: made.queued == 2)
        hands.go.release(3)
        assert [future.get(timeout=20) for future in futures] == [f"outcome of {name}" for name in "abc"]
        assert hands.done == ["a", "b", "c"]


def test_the_same_run_is_performed_once_for_all_who_ask() -> None:
    with worker() as (made, hands):
        first, second = submit(made, "a"), submit(made, "a")
        hands.go.release()
        assert first.get(timeout=20) == second.get(timeout=20) == "outcome of a"
        assert submit(made, "a").get(timeout=20) == "outcome of a"  # also afterwards
        assert hands.done == ["a"]


def test_waiting_for_a_run_by_name_or_for_the_one_that_is_on() -> None:
    with worker() as (made, hands):
        submit(made, "a")
        named, present = ReplyFuture(), ReplyFuture()
        made.attach("a", named, nobody)
        made.attach(None, present, nobody)
        hands.go.release()
        assert named.get(timeout=20) == present.get(timeout=20) == "outcome of a"
        late = ReplyFuture()
        made.attach("a", late, nobody)
        assert late.get(timeout=20) == "outcome of a"


@pytest.mark.parametrize("run_id", ["x", None])
def test_a_run_that_nobody_knows(run_id: str | None) -> None:
    with worker() as (made, _):
        asked: list[bool] = []
        made.attach(run_id, ReplyFuture(), lambda: asked.append(True))
        assert asked == [True]


def test_cancelling_one_and_all() -> None:
    with worker() as (made, hands):
        futures = {name: submit(made, name) for name in "abc"}
        assert made.cancel("b") == 1
        assert made.cancel("x") == 0
        hands.go.release(3)
        assert futures["b"].get(timeout=20) == "cancelled"
        assert futures["c"].get(timeout=20) == "outcome of c"
        futures = {name: submit(made, name) for name in "de"}
        assert made.cancel(None) == 2


def test_what_must_wait_for_the_runs_of_a_former_life() -> None:
    gate = threading.Event()

    def begin() -> None:
        assert gate.wait(20)

    called: list[int] = []
    with worker(begin) as (made, _):
        made.when_ready(lambda: called.append(1))
        assert not called
        gate.set()
        wait_until(lambda: called == [1])
        made.when_ready(lambda: called.append(2))
        assert called == [1, 2]


def test_what_a_run_raises_ends_the_thread_and_is_told() -> None:
    with worker() as (made, hands):
        hands.error = ZeroDivisionError("a bug")
        submit(made, "a")
        hands.go.release()
        wait_until(lambda: [type(error) for error in hands.failed] == [ZeroDivisionError])


def test_jobs_go_before_idling_and_within_it() -> None:
    done_within: list[Any] = []
    rounds = threading.Semaphore(0)

    def idle() -> float | None:
        if made_holder:
            made_holder[0].perform_waiting()
            done_within.append(list(hands_holder[0].done))
        rounds.release()
        return 0.01

    made_holder: list[Worker[Standing]] = []
    hands_holder: list[Hands] = []
    with worker(idle=idle) as (made, hands):
        hands.go.release(2)
        hands_holder.append(hands)
        made_holder.append(made)
        futures = [submit(made, name) for name in "ab"]
        assert [future.get(timeout=20) for future in futures] == ["outcome of a", "outcome of b"]
        assert rounds.acquire(timeout=20)
