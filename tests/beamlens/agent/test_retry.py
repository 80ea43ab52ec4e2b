"""Failed calls are tried again as the policy says, and not otherwise."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from beamlens.agent.retry import RetryPolicy, with_retry
from beamlens.errors import ModelError
from beamlens.llm.model import FailureKind, ModelFailure
from supervision.testing import FakeClock, wait_until


def failure(kind: FailureKind = "server", *, retryable: bool = True, retry_after: float | None = None) -> ModelFailure:
    return ModelFailure(kind, f"{kind} happened", retryable, retry_after)


class Calls:
    """Fail with each of these in turn, then answer; remember what was waited and told."""

    def __init__(self, *failures: ModelFailure) -> None:
        self.failures = list(failures)
        self.made = 0
        self.waited: list[float] = []
        self.told: list[tuple[str, int, bool]] = []
        self.clock = FakeClock()

    def call(self) -> str:
        self.made += 1
        if self.failures:
            raise ModelError(self.failures.pop(0))
        return "answer"

    def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.clock.advance(seconds)

    def tell(self, failed: ModelFailure, count: int, will_retry: bool) -> None:
        self.told.append((failed.kind, count, will_retry))

    def run(self, policy: RetryPolicy | None = None, **more: Any) -> str:
        given: dict[str, Any] = {"sleep": self.sleep, "clock": self.clock.monotonic, "on_failure": self.tell}
        return with_retry(self.call, policy, **(given | more))


def test_a_call_that_succeeds_is_made_once() -> None:
    calls = Calls()
    assert calls.run() == "answer"
    assert (calls.made, calls.waited, calls.told) == (1, [], [])


def test_three_attempts_with_a_second_and_two_between() -> None:
    calls = Calls(failure(), failure("overloaded"), failure("timeout"), failure())
    with pytest.raises(ModelError, match="timeout happened"):
        calls.run()
    assert calls.made == 3
    assert calls.waited == [1.0, 2.0]
    assert calls.told == [("server", 1, True), ("overloaded", 2, True), ("timeout", 3, False)]


def test_it_answers_when_a_later_attempt_succeeds() -> None:
    calls = Calls(failure(), failure())
    assert calls.run() == "answer"
    assert calls.told == [("server", 1, True), ("server", 2, True)]


@pytest.mark.parametrize(
    "kind", ["invalid_request", "authentication", "permission", "not_found", "refused", "budget", "context_window"]
)
def test_what_cannot_succeed_later_is_not_tried_again(kind: FailureKind) -> None:
    calls = Calls(failure(kind, retryable=False))
    with pytest.raises(ModelError) as raised:
        calls.run()
    assert raised.value.failure.kind == kind
    assert (calls.made, calls.waited, calls.told) == (1, [], [(kind, 1, False)])


def test_an_error_that_is_no_failure_of_a_model_goes_to_the_caller() -> None:
    def broken() -> str:
        raise KeyError("a defect")

    told: list[object] = []
    with pytest.raises(KeyError):
        with_retry(broken, on_failure=lambda *what: told.append(what))
    assert told == []


@pytest.mark.parametrize(
    ("asked", "waited"), [(0.2, 1.0), (7.5, 7.5), (3600.0, 60.0), (float("nan"), 1.0), (-1.0, 1.0), (None, 1.0)]
)
def test_retry_after_is_kept_within_bounds(asked: float | None, waited: float) -> None:
    calls = Calls(failure("rate_limited", retry_after=asked))
    assert calls.run() == "answer"
    assert calls.waited == [waited]


def test_the_last_wait_stands_for_those_after_it() -> None:
    calls = Calls(*[failure()] * 4)
    assert calls.run(RetryPolicy(attempts=5, waits=(0.5, 1.5))) == "answer"
    assert calls.waited == [0.5, 1.5, 1.5, 1.5]


def test_no_waits_at_all() -> None:
    calls = Calls(failure())
    assert calls.run(RetryPolicy(waits=())) == "answer"
    assert calls.waited == [0.0]


def test_jitter_is_added_within_the_longest() -> None:
    policy = RetryPolicy(jitter=0.5, longest=1.25)
    calls = Calls(failure(), failure())
    assert calls.run(policy, chance=lambda: 0.5) == "answer"
    assert calls.waited == [1.25, 1.25]
    assert policy.wait(1, failure(), 0.2) == pytest.approx(1.1)


def test_a_wait_beyond_the_deadline_is_not_begun() -> None:
    calls = Calls(failure(), failure("rate_limited", retry_after=30.0), failure())
    with pytest.raises(ModelError, match="rate_limited"):
        calls.run(deadline=calls.clock.monotonic() + 20.0)
    assert calls.waited == [1.0]
    assert calls.told == [("server", 1, True), ("rate_limited", 2, False)]


def test_without_a_deadline_it_waits_that_long() -> None:
    calls = Calls(failure("rate_limited", retry_after=30.0))
    assert calls.run() == "answer"
    assert calls.waited == [30.0]


def waiting(call: Callable[[], str], cancel: threading.Event, ended: list[BaseException]) -> threading.Thread:
    def run() -> None:
        try:
            with_retry(call, RetryPolicy(waits=(30.0,)), cancel=cancel)
        except ModelError as error:
            ended.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_cancelling_ends_a_wait_at_once() -> None:
    calls, cancel, ended = Calls(failure()), threading.Event(), list[BaseException]()
    thread = waiting(calls.call, cancel, ended)
    wait_until(lambda: calls.made == 1)
    begun = time.monotonic()
    cancel.set()
    thread.join(20)
    assert not thread.is_alive()
    assert time.monotonic() - begun < 10
    assert isinstance(ended[0], ModelError)
    assert ended[0].failure.kind == "cancelled"
    assert calls.made == 1


def test_a_wait_that_nobody_cancels_goes_on() -> None:
    """Negative control: the wait of the test above really is one."""
    calls, cancel, ended = Calls(failure()), threading.Event(), list[BaseException]()
    thread = waiting(calls.call, cancel, ended)
    wait_until(lambda: calls.made == 1)
    thread.join(0.3)
    assert thread.is_alive()
    cancel.set()
    thread.join(20)
    assert not thread.is_alive()


def test_what_was_cancelled_before_is_not_called() -> None:
    calls, cancel = Calls(), threading.Event()
    cancel.set()
    with pytest.raises(ModelError) as raised:
        calls.run(cancel=cancel)
    assert raised.value.failure.kind == "cancelled"
    assert (calls.made, calls.told) == (0, [])


def test_a_failure_while_cancelled_is_the_last() -> None:
    calls, cancel = Calls(failure(), failure()), threading.Event()

    def call() -> str:
        cancel.set()
        return calls.call()

    told: list[tuple[str, int, bool]] = []
    with pytest.raises(ModelError, match="server happened"):
        with_retry(call, cancel=cancel, on_failure=lambda what, count, again: told.append((what.kind, count, again)))
    assert told == [("server", 1, False)]


@pytest.mark.parametrize(
    "wrong", [{"attempts": 0}, {"waits": (-1.0,)}, {"longest": float("inf")}, {"jitter": float("nan")}]
)
def test_a_policy_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        RetryPolicy(**wrong)
