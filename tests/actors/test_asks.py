"""Every ask ends exactly once: with an answer, an error, or `ActorDeadError`."""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pykka
import pytest

from supervision import ActorDown, AskCycle, MessageError
from supervision.process.open_asks import OpenAsks
from supervision.testing import wait_until
from tests.actors.conftest import Starter
from tests.actors.helpers import SECONDS, heard, in_threads, reason_of

Ender = Callable[[Any], object]


def by_stop(ref: Any) -> object:
    return ref.stop(block=False)


def by_sigkill(ref: Any) -> None:
    os.kill(ref.pid, signal.SIGKILL)


def by_sigterm(ref: Any) -> None:
    os.kill(ref.pid, signal.SIGTERM)


def by_exit(ref: Any) -> object:
    return ref.tell(("exit_with", 1))


def by_failure(ref: Any) -> object:
    return ref.tell(("raise",))


def by_hard_exit(ref: Any) -> object:
    return ref.tell(("last_words", 10))


ENDERS = [by_stop, by_sigkill, by_sigterm, by_exit, by_failure, by_hard_exit]


class Asker:
    """Ask from a thread until the actor is dead, in both ways, and keep count of what came of it."""

    def __init__(self, ref: Any, number: int) -> None:
        self.ref = ref
        self.number = number
        self.asked = 0
        self.outcomes: Counter[str] = Counter()
        self.settled: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def run(self) -> None:
        while "dead" not in self.outcomes:
            value = [self.number, self.asked]
            future = self.ask_later(value)
            self.outcomes[self.ask(value)] += 1
            self.outcomes[self.outcome(partial(future.get, timeout=SECONDS), value)] += 1

    def ask_later(self, value: Any) -> Any:
        future = self.ref.ask(("echo", value), block=False)
        future.add_done_callback(self.settled.put)
        return future

    def ask(self, value: Any) -> str:
        return self.outcome(lambda: self.ref.ask(("echo", value), timeout=SECONDS), value)

    def outcome(self, call: Callable[[], Any], value: Any) -> str:
        self.asked += 1
        try:
            return "right" if call() == value else "wrong"
        except pykka.ActorDeadError:
            return "dead"


def _all_asked(askers: list[Asker]) -> bool:
    return all(asker.asked > 40 for asker in askers)


@pytest.mark.parametrize("end", ENDERS)
def test_asks_that_race_with_the_end_all_end_once(start: Starter, end: Ender) -> None:
    for _ in range(3):
        ref = start()
        askers = [Asker(ref, number) for number in range(4)]
        threads = [threading.Thread(target=asker.run, daemon=True) for asker in askers]
        for thread in threads:
            thread.start()
        wait_until(partial(_all_asked, askers), interval=0.001)
        end(ref)
        for thread in threads:
            thread.join(SECONDS)
            assert not thread.is_alive()
        for asker in askers:
            assert set(asker.outcomes) == {"right", "dead"}
            assert sum(asker.outcomes.values()) == asker.asked
            assert asker.settled.qsize() == asker.asked // 2  # each future once
        wait_until(ref.actor_stopped.is_set)


def test_thousands_of_open_asks_all_fail_at_a_kill(subject: Any, tmp_path: Path) -> None:
    gate, settled = tmp_path / "gate", Counter[str]()
    subject.tell(("wait_for", str(gate)))
    futures = [subject.ask(("echo", number), block=False) for number in range(5000)]
    for future in futures:
        future.add_done_callback(lambda _: settled.update(["once"]))
    begun = time.monotonic()
    os.kill(subject.pid, signal.SIGKILL)
    for future in futures:
        with pytest.raises(ActorDown) as down:
            future.get(timeout=SECONDS)
        assert reason_of(down) == "killed"
    assert time.monotonic() - begun < 5
    assert settled["once"] == 5000


def test_thousands_of_asks_behind_a_stop_are_refused(subject: Any, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    subject.tell(("wait_for", str(gate)))
    before = [subject.ask(("echo", number), block=False) for number in range(1000)]
    stopped = subject.stop(block=False)
    outcomes = Counter[str]()
    after = [subject.ask(("echo", number), block=False) for number in range(2000)]
    gate.touch()
    assert [future.get(timeout=SECONDS) for future in before] == list(range(1000))
    for number, future in enumerate(after):
        try:
            assert future.get(timeout=SECONDS) == number  # it was sent before the stop got there
            outcomes["right"] += 1
        except pykka.ActorDeadError:
            outcomes["dead"] += 1
    assert stopped.get(timeout=SECONDS)
    assert sum(outcomes.values()) == 2000
    assert outcomes["dead"] > 0


def test_if_open_asks_were_not_failed_they_would_hang(subject: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: nobody looks after open asks when the actor is gone."""
    monkeypatch.setattr(OpenAsks, "fail_all", lambda self, error: None)
    subject.tell(("wait_for", "/nowhere"))
    future = subject.ask(("echo", 1), block=False)
    os.kill(subject.pid, signal.SIGKILL)
    wait_until(lambda: not subject.is_alive())
    with pytest.raises(pykka.Timeout):
        future.get(timeout=0.05)


@pytest.mark.parametrize("end", [by_stop, by_sigkill])
def test_asks_of_an_actor_that_race_with_the_end_all_end(start: Starter, recorder: Any, end: Ender) -> None:
    """The same between actors, whose asks go through the application."""
    asked = start()
    askers = [start(recorder) for _ in range(3)]
    outcomes = Counter[str]()

    def ask(number: int) -> None:
        while not outcomes[f"dead {number}"]:
            value = outcomes[f"right {number}"]
            try:
                right = askers[number].ask(("ask", asked, ("echo", value)), timeout=SECONDS) == value
                outcomes[f"right {number}" if right else "wrong"] += 1
            except pykka.ActorDeadError:
                outcomes[f"dead {number}"] += 1

    ending = threading.Thread(
        target=lambda: wait_until(lambda: all(outcomes[f"right {n}"] > 30 for n in range(3))) and end(asked)
    )
    ending.start()
    in_threads(3, ask)
    ending.join()
    assert outcomes["wrong"] == 0
    assert all(asker.is_alive() for asker in askers)


def test_an_asker_that_is_killed_leaves_nothing_behind(start: Starter, subject: Any, tmp_path: Path) -> None:
    asker, gate = start(), tmp_path / "gate"
    subject.tell(("announce_and_wait", str(gate)))
    future = asker.ask(("ask", subject, ("echo", 1)), block=False)
    os.kill(asker.pid, signal.SIGKILL)
    with pytest.raises(ActorDown):
        future.get(timeout=SECONDS)
    gate.touch()
    assert subject.ask(("echo", 2), timeout=SECONDS) == 2


def test_late_answers_are_dropped_and_do_not_answer_something_else(subject: Any, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    for _ in range(3):
        with pytest.raises(pykka.Timeout, match=r"0\.01 seconds"):
            subject.ask(("wait_for", str(gate)), timeout=0.01)
    gate.touch()
    assert [subject.ask(("echo", number), timeout=SECONDS) for number in range(20)] == list(range(20))


def test_a_timed_out_ask_between_actors_is_a_timeout_there(start: Starter, subject: Any, tmp_path: Path) -> None:
    asker, gate = start(), tmp_path / "gate"
    for name in ("ask", "ask_future"):
        with pytest.raises(pykka.Timeout):
            asker.ask((name, subject, ("wait_for", str(gate)), 0.01), timeout=SECONDS)
    gate.touch()
    assert asker.ask(("ask", subject, ("echo", 7)), timeout=SECONDS) == 7


@pytest.mark.parametrize("timeout", [0.0, -1.0])
def test_no_time_at_all_is_a_timeout(subject: Any, timeout: float) -> None:
    with pytest.raises(pykka.Timeout):
        subject.ask(("wait_for", "/nowhere"), timeout=timeout)
    os.kill(subject.pid, signal.SIGKILL)


@pytest.mark.parametrize("timeout", [3e6, 1e8])
def test_weeks_and_years_are_timeouts_like_others(start: Starter, subject: Any, timeout: float) -> None:
    assert subject.ask(("echo", 1), timeout=timeout) == 1
    assert subject.ask(("echo", 1), block=False).get(timeout=timeout) == 1
    assert start().ask(("ask", subject, ("echo", 1), timeout), timeout=SECONDS) == 1
    assert start().ask(("ask_future", subject, ("echo", 1), timeout), timeout=SECONDS) == 1


@pytest.mark.parametrize("name", ["ask_self", "ask_self_future", "stop_self_and_wait", "async_ask_self"])
def test_an_ask_of_oneself_is_refused_at_once(subject: Any, name: str) -> None:
    begun = time.monotonic()
    with pytest.raises(AskCycle):
        subject.ask((name,), timeout=SECONDS)
    assert time.monotonic() - begun < 1


def test_a_thread_of_an_actor_may_ask_that_actor(subject: Any, recorder: Any) -> None:
    subject.tell(("thread_asks_self",))
    assert wait_until(lambda: heard(recorder)) == ["of itself"]


def test_threads_of_an_actor_ask_others_while_it_asks_itself(start: Starter, subject: Any) -> None:
    asker = start()
    got = asker.ask(("threads_ask", subject, 4, 100), timeout=30)
    assert got == [[[number, turn] for turn in range(100)] for number in range(4)]
    assert asker.ask(("echo", 1), timeout=SECONDS) == 1


def test_an_actor_answers_while_a_thread_of_it_asks_others(start: Starter, subject: Any, recorder: Any) -> None:
    asker = start(recorder)
    for turn in range(3):
        asker.tell(("thread_asks", subject, 200))
        answered = 0
        while heard(recorder).count("thread done") <= turn:
            # In bursts: several frames are read at once, and the actor must wake for each later one.
            futures = [asker.ask(("echo", number), block=False) for number in range(3)]
            assert [future.get(timeout=SECONDS) for future in futures] == [0, 1, 2]
            answered += 3
        assert answered
    assert "wrong" not in heard(recorder)


def test_an_actor_wakes_for_every_message_once_a_thread_reads_for_it(start: Starter, subject: Any) -> None:
    asker = start()
    asker.ask(("threads_ask", subject, 1, 1), timeout=SECONDS)
    for burst in range(300):
        futures = [asker.ask(("echo", number), block=False) for number in range(1 + burst % 5)]
        assert [future.get(timeout=SECONDS) for future in futures] == list(range(1 + burst % 5))


def test_an_answer_that_cannot_travel_is_an_error_of_the_ask(start: Starter, subject: Any) -> None:
    with pytest.raises(MessageError, match="object"):
        subject.ask(("unsendable",), timeout=SECONDS)
    with pytest.raises(MessageError):
        start().ask(("ask", subject, ("unsendable",)), timeout=SECONDS)
    assert subject.is_alive()


def test_a_message_that_cannot_travel_is_refused_at_the_sender(subject: Any) -> None:
    for send in (subject.ask, subject.tell, lambda message: subject.ask(message, block=False)):
        with pytest.raises(MessageError, match=r"\[1\]"):
            send(("echo", object()))
    assert subject.ask(("echo", 1), timeout=SECONDS) == 1
