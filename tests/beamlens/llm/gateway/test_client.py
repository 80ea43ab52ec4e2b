"""Callers always get an answer or a `ModelError`, in time, whatever becomes of the gateway."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from beamlens.agent.retry import RetryPolicy, with_retry
from beamlens.errors import ModelError
from beamlens.llm.client import ModelClient
from beamlens.llm.model import ModelFailure, ModelReply
from beamlens.llm.usage import UsageQuery
from supervision import ActorDown, Supervisor
from supervision.testing import wait_until
from tests.beamlens.llm.gateway.conftest import Starter
from tests.beamlens.llm.gateway.gateways import SECONDS, FakeGateway, Operator, asking


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Any]:
    """A real supervisor with a gateway under it."""
    child = {"id": "gateway", "start": (FakeGateway, ({"place": str(tmp_path)},))}
    tree = Supervisor.start([child])
    yield tree
    tree.stop()


def failure(client: ModelClient, text: str, cancel: threading.Event | None = None, **more: Any) -> ModelFailure:
    with pytest.raises(ModelError) as raised:
        client.complete(asking(text, **more), cancel)
    return raised.value.failure


class Asking:
    """Ask in a thread of its own."""

    def __init__(self, call: Any) -> None:
        self.answer: ModelReply | None = None
        self.failure: ModelFailure | None = None
        self._call = call
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.answer = self._call()
        except ModelError as error:
            self.failure = error.failure

    def wait(self) -> None:
        self.thread.join(SECONDS)
        assert not self.thread.is_alive(), "the caller hangs"


def test_it_signs_requests_and_returns_answers(gateway: Any) -> None:
    client = ModelClient(gateway, "operator:gc", "run-7")
    assert client.complete(asking("hello you", caller="", run_id="")).text == "hello you"
    client.for_run("run-8").complete(asking(caller="", run_id=""))
    report = gateway.ask(UsageQuery(), timeout=SECONDS)
    assert report.by_caller["operator:gc"].calls == 2
    assert set(report.by_run) == {"run-7", "run-8"}


def test_it_asks_its_client_where_the_request_names_none(gateway: Any) -> None:
    assert failure(ModelClient(gateway, client="nobody"), "hello").kind == "configuration"
    assert ModelClient(gateway, client="nobody").complete(asking(client="other")).text == "hello"


def test_failures_are_raised(gateway: Any) -> None:
    failed = failure(ModelClient(gateway), "fail")
    assert (failed.kind, failed.retry_after) == ("overloaded", 3.0)


def test_cancelling_ends_it_soon_and_ends_the_request(gateway: Any, tmp_path: Path) -> None:
    cancel = threading.Event()
    asked = Asking(lambda: ModelClient(gateway).complete(asking("wait gate"), cancel))
    wait_until((tmp_path / "gate.waiting").exists)
    begun = time.monotonic()
    cancel.set()
    asked.wait()
    assert time.monotonic() - begun < 5
    assert asked.failure is not None
    assert (asked.failure.kind, asked.failure.retryable) == ("cancelled", False)
    wait_until((tmp_path / "gate.cancelled").exists)
    assert gateway.ask(UsageQuery(), timeout=SECONDS).in_flight == 0


def test_what_is_cancelled_already_is_not_sent(gateway: Any) -> None:
    cancel = threading.Event()
    cancel.set()
    assert failure(ModelClient(gateway), "hello", cancel).kind == "cancelled"
    assert gateway.ask(UsageQuery(), timeout=SECONDS).total.calls == 0


def test_a_gateway_that_is_gone(start: Starter) -> None:
    gateway = start()
    gateway.stop(timeout=SECONDS)
    failed = failure(ModelClient(gateway), "hello")
    assert (failed.kind, failed.retryable) == ("gateway_down", True)


def test_a_gateway_that_hangs_does_not_hang_its_callers(gateway: Any, tmp_path: Path) -> None:
    begun = time.monotonic()
    failed = failure(ModelClient(gateway, margin=0.3), "block gate", timeout=0.3)
    assert (failed.kind, failed.retryable) == ("timeout", True)
    assert 0.5 < time.monotonic() - begun < 10
    (tmp_path / "gate").touch()


def test_a_request_that_cannot_travel(gateway: Any) -> None:
    failed = failure(ModelClient(gateway), "hello", facts={"live": object()})
    assert (failed.kind, failed.retryable) == ("invalid_request", False)
    assert failure(ModelClient(gateway), "x" * 9_000_000).kind == "invalid_request"


def test_killing_the_gateway_in_the_middle_costs_one_retry(tree: Any, tmp_path: Path) -> None:
    gateway, told = tree["gateway"], list[tuple[str, int, bool]]()
    client = ModelClient(gateway, "operator:vm", "run-1")

    def call() -> ModelReply:
        return with_retry(
            lambda: client.complete(asking("wait gate")),
            RetryPolicy(waits=(0.01,)),
            on_failure=lambda failed, count, again: told.append((failed.kind, count, again)),
        )

    first_pid = gateway.pid
    asked = Asking(call)
    wait_until((tmp_path / "gate.waiting").exists)
    (tmp_path / "gate.waiting").unlink()
    os.kill(first_pid, signal.SIGKILL)
    wait_until((tmp_path / "gate.waiting").exists, timeout=SECONDS)  # asked again, of the next gateway
    (tmp_path / "gate").touch()
    asked.wait()
    assert asked.answer is not None
    assert asked.answer.text == "hello gate"
    assert told == [("gateway_down", 1, True)]
    assert gateway.pid != first_pid


def test_without_retry_the_call_is_lost(tree: Any, tmp_path: Path) -> None:
    """Negative control."""
    asked = Asking(lambda: ModelClient(tree["gateway"]).complete(asking("wait gate")))
    wait_until((tmp_path / "gate.waiting").exists)
    os.kill(tree["gateway"].pid, signal.SIGKILL)
    asked.wait()
    assert asked.failure is not None
    assert asked.failure.kind == "gateway_down"


def test_many_callers_lose_one_attempt_each(tree: Any, tmp_path: Path) -> None:
    client, told = ModelClient(tree["gateway"]), list[int]()

    def call(number: int) -> ModelReply:
        policy = RetryPolicy(waits=(0.01,))
        return with_retry(
            lambda: client.complete(asking(f"wait gate{number}")), policy, on_failure=lambda *_: told.append(number)
        )

    asked = [Asking(lambda number=number: call(number)) for number in range(10)]
    wait_until(lambda: len(list(tmp_path.glob("*.waiting"))) == 10)
    os.kill(tree["gateway"].pid, signal.SIGKILL)
    for number in range(10):
        (tmp_path / f"gate{number}").touch()
    for each in asked:
        each.wait()
    assert all(each.answer is not None for each in asked)
    assert sorted(told) == list(range(10))


def test_an_operator_asks_from_its_own_process(gateway: Any) -> None:
    operator = Operator.start(gateway)
    try:
        assert operator.ask(asking("hello from afar", timeout=10.0), timeout=SECONDS).text == "hello from afar"
    finally:
        operator.stop(timeout=SECONDS)


def die_while_asking(gateway: Any, tmp_path: Path, *, owning: bool) -> None:
    operator = Operator.start(gateway, owning=owning)
    assert operator.ask(asking(), timeout=SECONDS).text == "hello"
    answer = operator.ask(asking("wait gate"), block=False)
    wait_until((tmp_path / "gate.waiting").exists)
    assert operator.pid is not None
    os.kill(operator.pid, signal.SIGKILL)
    with pytest.raises(ActorDown):
        answer.get(timeout=SECONDS)


def test_requests_of_an_actor_that_died_are_given_up(gateway: Any, tmp_path: Path) -> None:
    die_while_asking(gateway, tmp_path, owning=True)
    wait_until((tmp_path / "gate.cancelled").exists, timeout=SECONDS)
    wait_until(lambda: gateway.ask(UsageQuery(), timeout=SECONDS).in_flight == 0)
    assert ModelClient(gateway).complete(asking()).text == "hello"


def test_those_of_others_go_on(gateway: Any, tmp_path: Path) -> None:
    other = Asking(lambda: ModelClient(gateway).complete(asking("wait other")))
    wait_until((tmp_path / "other.waiting").exists)
    die_while_asking(gateway, tmp_path, owning=True)
    wait_until((tmp_path / "gate.cancelled").exists, timeout=SECONDS)
    (tmp_path / "other").touch()
    other.wait()
    assert other.answer is not None


def test_without_an_owner_they_run_on(gateway: Any, tmp_path: Path) -> None:
    """Negative control."""
    die_while_asking(gateway, tmp_path, owning=False)
    assert gateway.ask(UsageQuery(), timeout=SECONDS).in_flight == 1
    assert not (tmp_path / "gate.cancelled").exists()
    (tmp_path / "gate").touch()
    wait_until(lambda: gateway.ask(UsageQuery(), timeout=SECONDS).in_flight == 0)
