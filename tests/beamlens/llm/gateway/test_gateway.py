"""The gateway answers with values, many at once, each within its deadline."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from beamlens import telemetry
from beamlens.llm.gateway import Cancel, Gateway
from beamlens.llm.model import ModelFailure, ModelReply
from beamlens.llm.usage import UsageQuery
from supervision.testing import capture_events, wait_until
from tests.beamlens.llm.gateway.conftest import Starter
from tests.beamlens.llm.gateway.gateways import SECONDS, asking

USAGE, STARTED = ("beamlens", "llm", "usage"), ("beamlens", "gateway", "started")


def ask(gateway: Any, text: str = "hello", **more: Any) -> Any:
    return gateway.ask(asking(text, **more), timeout=SECONDS)


def test_it_answers(gateway: Any) -> None:
    reply = ask(gateway, "hello you")
    assert isinstance(reply, ModelReply)
    assert reply.text == "hello you"


def test_a_failure_is_a_value(gateway: Any) -> None:
    failed = ask(gateway, "fail")
    assert isinstance(failed, ModelFailure)
    assert (failed.kind, failed.retryable, failed.retry_after) == ("overloaded", True, 3.0)


def test_a_defect_of_a_provider_is_a_failure_too(gateway: Any) -> None:
    failed = ask(gateway, "break")
    assert failed.kind == "malformed"
    assert "ZeroDivisionError" in failed.text
    assert ask(gateway).text == "hello"


def test_requests_run_side_by_side_and_the_mailbox_goes_on(gateway: Any, tmp_path: Path) -> None:
    slow = [gateway.ask(asking(f"wait gate{number}"), block=False) for number in range(5)]
    wait_until(lambda: len(list(tmp_path.glob("*.waiting"))) == 5)
    assert ask(gateway).text == "hello"
    assert gateway.ask(UsageQuery(), timeout=SECONDS).in_flight == 5
    for number in (3, 0, 4, 1, 2):
        (tmp_path / f"gate{number}").touch()
        assert slow[number].get(timeout=SECONDS).text == f"hello gate{number}"


def test_no_more_at_once_than_allowed(start: Starter, tmp_path: Path) -> None:
    gateway = start(concurrent=2)
    answers = [gateway.ask(asking("wait gate"), block=False) for _ in range(6)]
    wait_until(lambda: gateway.ask(UsageQuery(), timeout=SECONDS).in_flight == 2)
    (tmp_path / "gate").touch()
    assert [answer.get(timeout=SECONDS).text for answer in answers] == ["hello gate"] * 6
    assert ask(gateway, "tell").text.split()[0] == "2"


def test_callers_take_turns(start: Starter, tmp_path: Path) -> None:
    gateway = start(concurrent=1)
    first = gateway.ask(asking("wait gate", caller="first"), block=False)
    wait_until((tmp_path / "gate.waiting").exists)
    many = [gateway.ask(asking(caller="greedy"), block=False) for _ in range(8)]
    modest = gateway.ask(asking(caller="modest"), block=False)
    gateway.ask(UsageQuery(), timeout=SECONDS)  # all have arrived
    (tmp_path / "gate").touch()
    for answer in [first, *many, modest]:
        answer.get(timeout=SECONDS)
    order = ask(gateway, "tell").text.split()[1:]
    assert order.index("modest") <= 2
    assert order.count("greedy") == 8


def test_a_deadline_is_kept_and_says_what_was_waited_for(start: Starter, tmp_path: Path) -> None:
    gateway = start(concurrent=1)
    late = gateway.ask(asking("wait gate", timeout=1.0), block=False)
    wait_until((tmp_path / "gate.waiting").exists)
    queued = gateway.ask(asking(timeout=0.2), block=False).get(timeout=SECONDS)
    assert (queued.kind, queued.retryable) == ("timeout", True)
    assert "its turn" in queued.text
    failed = late.get(timeout=SECONDS)
    assert failed.kind == "timeout"
    assert "the provider" in failed.text
    wait_until((tmp_path / "gate.cancelled").exists)
    assert ask(gateway).text == "hello"


def test_cancelling_ends_a_request(gateway: Any, tmp_path: Path) -> None:
    answer = gateway.ask(asking("wait gate", id="r1"), block=False)
    wait_until((tmp_path / "gate.waiting").exists)
    gateway.tell(Cancel("another"))
    gateway.tell(Cancel("r1"))
    assert answer.get(timeout=SECONDS).kind == "cancelled"
    wait_until((tmp_path / "gate.cancelled").exists)
    gateway.tell(Cancel("r1"))
    assert ask(gateway, id="r1").text == "hello"


def test_a_provider_that_does_not_let_go_holds_nobody(gateway: Any, tmp_path: Path) -> None:
    failed = gateway.ask(asking("cling gate", timeout=0.3), timeout=SECONDS)
    assert failed.kind == "timeout"
    assert ask(gateway).text == "hello"
    (tmp_path / "gate").touch()


def test_cancelling_one_that_waits_for_its_turn(start: Starter, tmp_path: Path) -> None:
    gateway = start(concurrent=1)
    first = gateway.ask(asking("wait gate"), block=False)
    wait_until((tmp_path / "gate.waiting").exists)
    second = gateway.ask(asking("hello", id="second"), block=False)
    third = gateway.ask(asking("hello third"), block=False)
    gateway.tell(Cancel("second"))
    assert second.get(timeout=SECONDS).kind == "cancelled"
    (tmp_path / "gate").touch()
    assert first.get(timeout=SECONDS).text == "hello gate"
    assert third.get(timeout=SECONDS).text == "hello third"
    assert gateway.ask(UsageQuery(), timeout=SECONDS).total.calls == 2


def test_it_takes_requests_while_a_library_loads(start: Starter, tmp_path: Path) -> None:
    gateway = start({"slow_to_load": "loaded"})
    impatient = ask(gateway, timeout=0.2)
    assert impatient.kind == "timeout"
    assert "library" in impatient.text
    patient = gateway.ask(asking(), block=False)
    assert gateway.ask(UsageQuery(), timeout=SECONDS).total.calls == 0
    (tmp_path / "loaded").touch()
    assert patient.get(timeout=SECONDS).text == "hello"


@pytest.mark.parametrize("way", ["refuses", "breaks"])
def test_models_that_cannot_be_made(start: Starter, way: str) -> None:
    gateway = start({way: True})
    failed = ask(gateway)
    assert (failed.kind, failed.retryable) == ("configuration", False)
    assert "not installed" in failed.text or "no such library" in failed.text


def test_a_client_by_name(gateway: Any) -> None:
    assert ask(gateway, client="other").text == "hello"
    failed = ask(gateway, client="nobody")
    assert failed.kind == "configuration"
    assert "main, other" in failed.text


@pytest.mark.parametrize("timeout", [0.0, -1.0, float("nan"), float("inf"), 1e9])
def test_a_timeout_that_cannot_be(gateway: Any, timeout: float) -> None:
    failed = ask(gateway, timeout=timeout)
    assert (failed.kind, failed.retryable) == ("invalid_request", False)
    assert "timeout" in failed.text


def test_an_id_that_is_in_use(gateway: Any, tmp_path: Path) -> None:
    first = gateway.ask(asking("wait gate", id="same"), block=False)
    wait_until((tmp_path / "gate.waiting").exists)
    assert ask(gateway, id="same").kind == "invalid_request"
    (tmp_path / "gate").touch()
    assert first.get(timeout=SECONDS).text == "hello gate"


def test_what_it_does_not_know_does_not_end_it(gateway: Any) -> None:
    assert gateway.ask({"what": 1}, timeout=SECONDS).kind == "invalid_request"
    gateway.tell("nonsense")
    assert ask(gateway).text == "hello"


def test_stopping_answers_what_is_open_and_closes_the_clients(start: Starter, tmp_path: Path) -> None:
    gateway = start()
    answer = gateway.ask(asking("wait gate"), block=False)
    wait_until((tmp_path / "gate.waiting").exists)
    begun = time.monotonic()
    gateway.stop(timeout=SECONDS)
    assert time.monotonic() - begun < 10
    failed = answer.get(timeout=SECONDS)
    assert (failed.kind, failed.retryable) == ("gateway_down", True)
    assert (tmp_path / "closed").exists()


def test_its_events(start: Starter) -> None:
    with capture_events([USAGE, STARTED]) as events:
        gateway = start()
        ask(gateway, "hello", client="other")
        ask(gateway, "fail")
        ask(gateway, "unpriced")
        events.wait_for(lambda event: event.metadata.get("model") == "of-unknown-price")
    started, first, second, third = events.events
    assert started.metadata["clients"] == ["main", "other"]
    assert (first.metadata["trace_id"], first.metadata["caller"]) == ("run-1", "operator:vm")
    assert first.measurements["input_tokens"] == 100
    assert first.measurements["cost_usd"] == pytest.approx(150e-6)
    assert second.metadata["failure"] == "overloaded"
    assert third.measurements["cost_usd"] is None
    for event in events.events:
        assert telemetry.check(event.name, event.measurements, event.metadata) == []


def test_importing_it_loads_no_event_loop_and_no_library() -> None:
    import subprocess
    import sys

    code = (
        "import beamlens.llm.gateway, sys; print([n for n in ('asyncio', 'anthropic', 'httpx2') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "[]"
    assert Gateway.__doc__
