"""What was used is counted, readable, and outlives the gateway."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from beamlens.llm.budget import Budget
from beamlens.llm.gateway import SetBudget
from beamlens.llm.model import ModelFailure
from beamlens.llm.prices import Price
from beamlens.llm.usage import Past, UsageCount, UsageQuery, UsageReport, UsageTally
from supervision import Supervisor
from supervision.testing import wait_until
from tests.beamlens.llm.gateway.conftest import Starter
from tests.beamlens.llm.gateway.gateways import SECONDS, FakeGateway, asking


def ask(gateway: Any, text: str = "hello", **more: Any) -> Any:
    return gateway.ask(asking(text, **more), timeout=SECONDS)


def report_of(gateway: Any) -> UsageReport:
    report = gateway.ask(UsageQuery(), timeout=SECONDS)
    assert isinstance(report, UsageReport)
    return report


def test_it_is_counted_by_caller_and_run(gateway: Any) -> None:
    ask(gateway)
    ask(gateway, caller="coordinator", run_id="run-2")
    ask(gateway, "fail", caller="coordinator", run_id="run-2")
    report = report_of(gateway)
    assert (report.total.calls, report.total.failures, report.total.tokens) == (3, 1, 220)
    assert report.by_caller["coordinator"].calls == 2
    assert report.by_run["run-1"].money == pytest.approx(150e-6)
    assert report.last_hour == report.total


def test_a_budget_ends_in_a_clear_final_failure(start: Starter) -> None:
    gateway = start(budget=Budget(calls_per_run=2))
    ask(gateway)
    ask(gateway, "fail")
    failed = ask(gateway)
    assert isinstance(failed, ModelFailure)
    assert (failed.kind, failed.retryable) == ("budget", False)
    assert "calls_per_run" in failed.text
    assert ask(gateway, run_id="run-2").text == "hello"
    assert gateway.ask(SetBudget(Budget()), timeout=SECONDS) is True
    assert ask(gateway).text == "hello"


def test_concurrent_requests_keep_to_it(start: Starter, tmp_path: Path) -> None:
    gateway = start(budget=Budget(calls_per_hour=3))
    answers = [gateway.ask(asking(f"wait gate{number}"), block=False) for number in range(8)]
    wait_until(lambda: sum(answer.done for answer in answers) == 5)
    for number in range(8):
        (tmp_path / f"gate{number}").touch()
    outcomes = [answer.get(timeout=SECONDS) for answer in answers]
    assert sum(isinstance(outcome, ModelFailure) for outcome in outcomes) == 5


def test_prices_can_be_set(start: Starter) -> None:
    gateway = start(prices={"of-unknown-price": Price(10.0, 100.0)})
    ask(gateway, "unpriced")
    ask(gateway)
    total = report_of(gateway).total
    assert total.unpriced == 0
    assert total.money == pytest.approx(2000e-6 + 150e-6)


def restarted(gateway: Any) -> None:
    pid = gateway.pid
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: gateway.pid not in (None, pid), timeout=SECONDS)


@pytest.mark.parametrize("kept", [True, False])
def test_limits_hold_over_a_crash_where_a_tally_is_kept(tmp_path: Path, kept: bool) -> None:
    """With `kept` false it is the negative control: the new gateway knows nothing."""
    arguments = ({"place": str(tmp_path)}, Budget(calls_per_run=2))
    with UsageTally() as tally:
        tree = Supervisor.start([{"id": "gateway", "start": (FakeGateway, arguments)}])
        tally.gateway = tree["gateway"] if kept else None
        try:
            crash_after_two_calls(tree["gateway"], tally, kept)
        finally:
            tree.stop()


def crash_after_two_calls(gateway: Any, tally: UsageTally, kept: bool) -> None:
    ask(gateway)
    ask(gateway)
    wait_until(lambda: tally.report().total.calls == 2)
    restarted(gateway)
    if kept:
        wait_until(lambda: report_of(gateway).total.calls == 2)
        assert ask(gateway).kind == "budget"
    else:
        assert ask(gateway).text == "hello"
    wait_until(lambda: tally.report().total.calls == (2 if kept else 3))
    assert tally.report().by_caller["operator:vm"].tokens >= 220


def test_the_past_is_taken_once(gateway: Any) -> None:
    past = Past(UsageReport(UsageCount(5)), ((1.0, UsageCount(5)),))
    assert gateway.ask(past, timeout=SECONDS) is True
    assert gateway.ask(past, timeout=SECONDS) is False
    assert report_of(gateway).total.calls == 5
    assert report_of(gateway).last_hour.calls == 5


def test_a_gateway_that_is_gone_does_not_end_the_tally(start: Starter) -> None:
    gone = start()
    gone.stop(timeout=SECONDS)
    with UsageTally(gone) as tally:
        ask(start())
        wait_until(lambda: tally.report().total.calls == 1)
        other = start()  # whose start makes the tally tell the past to the one that is gone
        ask(other)
        wait_until(lambda: tally.report().total.calls == 2)
