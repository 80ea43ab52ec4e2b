"""Limits hold, for a run and for an hour, and say which they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beamlens.llm.budget import Budget, Ledger
from beamlens.llm.model import ModelFailure, ModelReply, Usage
from beamlens.llm.usage import HOUR, Counts, Hour, Past, UsageCount
from supervision.process.wire import DEFAULT as CODEC
from supervision.testing import FakeClock
from tests.beamlens.llm.gateway.gateways import asking

MODEL = "claude-haiku-4-5"  # 1 and 5 US dollars per million
FAILED = ModelFailure("overloaded", "busy", retryable=True)


def reply(tokens: int = 0, output: int = 0, model: str = MODEL) -> ModelReply:
    return ModelReply(text="ok", usage=Usage(tokens, output), model=model)


class Book:
    """A ledger with a clock that tests move."""

    def __init__(self, **limits: Any) -> None:
        self.clock = FakeClock()
        self.ledger = Ledger(Budget(**limits), clock=self.clock.monotonic, model_of=lambda request: MODEL)

    def open(self, run: str = "run-1", text: str = "hello") -> int:
        admitted = self.ledger.admit(asking(text, run_id=run))
        assert isinstance(admitted, int), admitted
        return admitted

    def call(self, tokens: int = 0, output: int = 0, run: str = "run-1", model: str = MODEL) -> None:
        self.ledger.settle(self.open(run), reply(tokens, output, model))

    def refused(self, run: str = "run-1", text: str = "hello") -> str:
        failed = self.ledger.admit(asking(text, run_id=run))
        assert isinstance(failed, ModelFailure), "it was admitted"
        assert (failed.kind, failed.retryable) == ("budget", False)
        return failed.text


def test_without_limits_everything_is_admitted_and_counted() -> None:
    book = Book()
    for _ in range(100):
        book.call(1000, 100)
    report = book.ledger.report()
    assert (report.total.calls, report.total.tokens) == (100, 110_000)
    assert report.total.money == pytest.approx(100 * 1500e-6)


@pytest.mark.parametrize(
    ("limit", "calls"),
    [
        ({"calls_per_run": 3}, 3),
        ({"calls_per_hour": 3}, 3),
        ({"tokens_per_run": 2500}, 3),
        ({"tokens_per_hour": 2500}, 3),
        ({"money_per_run": 0.0025}, 3),
        ({"money_per_hour": 0.0025}, 3),
    ],
)
def test_each_limit_is_kept_and_named(limit: dict[str, Any], calls: int) -> None:
    book = Book(**limit)
    for _ in range(calls):
        book.call(1000)
    [name] = limit
    assert name in book.refused()
    assert book.ledger.report().total.calls == calls


@pytest.mark.parametrize("span", ["run", "hour"])
def test_another_run_is_limited_by_the_hour_alone(span: str) -> None:
    book = Book(**{f"calls_per_{span}": 1})
    book.call()
    book.refused()
    if span == "run":
        book.call(run="run-2")
    else:
        book.refused(run="run-2")


def test_the_hour_slides() -> None:
    book = Book(calls_per_hour=2)
    book.call()
    book.clock.advance(HOUR / 2)
    book.call()
    assert "forgotten in" in book.refused()
    book.clock.advance(HOUR / 2 - 20)
    book.refused()
    book.clock.advance(40)
    book.call()
    book.refused()
    book.clock.advance(HOUR + 20)
    book.call()
    book.call()


def test_the_run_does_not_slide() -> None:
    book = Book(calls_per_run=1)
    book.call()
    book.clock.advance(10 * HOUR)
    assert "calls_per_run" in book.refused()


@pytest.mark.parametrize("limit", [0, 1, 5])
def test_concurrent_calls_do_not_overshoot_a_limit_of_calls(limit: int) -> None:
    book = Book(calls_per_hour=limit)
    for _ in range(limit):
        book.open()
    assert "calls in flight included" in book.refused()


def test_concurrent_calls_overshoot_tokens_by_what_is_in_flight_alone() -> None:
    book, admitted = Book(tokens_per_hour=10_000), list[int]()
    text = "x" * 6000  # estimated as 2,000 tokens
    while isinstance(given := book.ledger.admit(asking(text)), int):
        admitted.append(given)
    assert len(admitted) == 5
    for number in admitted:
        book.ledger.settle(number, reply(2000, 300))
    assert book.ledger.report().total.tokens == 5 * 2300
    book.refused()


def test_without_reservations_they_would_all_be_admitted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control."""
    monkeypatch.setattr(Ledger, "_reserved", lambda self, run_id: UsageCount())
    book = Book(tokens_per_hour=10_000)
    for _ in range(50):
        book.open(text="x" * 6000)


def test_a_failure_counts_as_a_call_and_gives_its_tokens_back() -> None:
    book = Book(tokens_per_run=1000, calls_per_run=3)
    for _ in range(3):
        book.ledger.settle(book.open(text="x" * 2900), FAILED)
    report = book.ledger.report()
    assert (report.total.calls, report.total.failures, report.total.tokens, report.in_flight) == (3, 3, 0, 0)
    assert "calls_per_run" in book.refused()


def test_money_cannot_be_kept_to_without_a_price() -> None:
    book = Book(money_per_hour=1.0)
    book.call(1000, model="of-unknown-price")
    assert "unpriced='allow'" in book.refused()
    assert book.ledger.report().total.unpriced == 1
    assert book.ledger.report().total.tokens == 1000


def test_which_may_be_allowed_and_without_such_a_limit_is_no_matter() -> None:
    for book in (Book(money_per_hour=1.0, unpriced="allow"), Book(tokens_per_hour=10**9)):
        for _ in range(3):
            book.call(1000, model="of-unknown-price")
        assert book.ledger.report().total.unpriced == 3


def test_rules_and_scripts_are_free_and_known_to_be() -> None:
    book = Book(money_per_hour=0.001)
    for model in ("rules", "scripted", "anything"):
        book.call(0, model=model)
    book.call(10**9, model="rules")
    assert book.ledger.report().total.money == 0


def test_a_run_that_repeats_itself_is_stopped() -> None:
    book = Book(identical_calls=3)
    for _ in range(3):
        book.call()
    assert "identical_calls" in book.refused()
    assert "3 times" in book.refused()
    book.open(text="something else")
    book.call()


def test_runs_repeat_each_other_as_they_like() -> None:
    book = Book(identical_calls=1)
    for number in range(5):
        book.call(run=f"run-{number}")


def test_limits_can_be_changed_and_what_was_used_stays() -> None:
    book = Book(calls_per_run=1)
    book.call()
    book.refused()
    book.ledger.set_budget(Budget(calls_per_run=2))
    book.call()
    book.refused()


def test_a_report_by_caller_and_run() -> None:
    book = Book()
    book.call(100, run="a")
    book.ledger.settle(book.ledger.admit(asking(caller="coordinator", run_id="b")), reply(7))  # type: ignore[arg-type]
    book.open(run="c")
    report = book.ledger.report()
    assert report.by_caller["operator:vm"].tokens == 100
    assert report.by_caller["coordinator"].tokens == 7
    assert report.by_run["b"].calls == 1
    assert report.in_flight == 1
    assert CODEC.decode(CODEC.encode(report)) == report


def test_a_new_ledger_takes_over_the_past() -> None:
    old = Book(calls_per_hour=2, calls_per_run=2)
    old.call(1000)
    old.clock.advance(HOUR - 100)
    counts = old.ledger._counts.past()
    assert CODEC.decode(CODEC.encode(counts)) == counts
    new = Book(calls_per_hour=2, calls_per_run=2)
    new.clock.advance(777)
    new.ledger.remember(counts)
    new.call(1000)
    assert "calls_per_run" in new.refused()
    assert "calls_per_hour" in new.refused("run-2")
    new.clock.advance(120)
    new.call(run="run-2")
    assert new.ledger.report().total.tokens == 2000


def test_without_the_past_limits_begin_anew() -> None:
    """Negative control."""
    old = Book(calls_per_run=1)
    old.call()
    new = Book(calls_per_run=1)
    new.ledger.remember(Past(Counts().report()))
    new.call()


def test_names_that_are_counted_are_bounded() -> None:
    book = Book(calls_per_run=1)
    for number in range(1500):
        book.call(run=f"run-{number}")
    assert len(book.ledger.report().by_run) == 1000
    assert book.ledger.report().total.calls == 1500
    book.refused("run-1499")


@pytest.mark.parametrize(
    "wrong",
    [
        {"calls_per_run": -1},
        {"tokens_per_hour": float("nan")},
        {"money_per_run": "1"},
        {"calls_per_hour": True},
        {"unpriced": "perhaps"},
        {"money_per_hour": float("inf")},
    ],
)
def test_a_budget_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Budget(**wrong)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 2000), st.integers(0, 1000)), max_size=60))
def test_the_window_forgets_exactly_what_is_old(steps: list[tuple[float, int]]) -> None:
    clock, hour, all_of_it = FakeClock(), Hour(), list[tuple[float, int]]()
    for seconds, tokens in steps:
        clock.advance(seconds)
        hour.add(clock.monotonic(), UsageCount(1, 0, Usage(tokens)))
        all_of_it.append((clock.monotonic(), tokens))
    now = clock.monotonic()
    total = hour.total(now).tokens
    assert total >= sum(tokens for when, tokens in all_of_it if now - when < HOUR)
    assert total <= sum(tokens for when, tokens in all_of_it if now - when < HOUR + 10)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["open", "settle", "fail"]), max_size=80), st.integers(0, 6))
def test_calls_never_exceed_their_limit_in_any_order(steps: list[str], limit: int) -> None:
    book, flying = Book(calls_per_hour=limit), list[int]()
    ends: dict[str, Callable[[], ModelReply | ModelFailure]] = {"settle": reply, "fail": lambda: FAILED}
    for step in steps:
        if step == "open":
            admitted = book.ledger.admit(asking())
            flying += [admitted] if isinstance(admitted, int) else []
        elif flying:
            book.ledger.settle(flying.pop(0), ends[step]())
        assert book.ledger.report().total.calls + len(flying) <= limit
