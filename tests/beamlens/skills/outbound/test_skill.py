"""The skill within this process: its contract, its wrappers, and how times are judged."""

from __future__ import annotations

import asyncio
import http.client
import sys
import threading
import types
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from beamlens.skills.calls import record as record_module
from beamlens.skills.calls.libraries import LIBRARIES, Library, _aiohttp, _redis
from beamlens.skills.calls.patches import Patches
from beamlens.skills.calls.record import CallRecord, record
from beamlens.skills.outbound import Outbound
from beamlens.testing import SkillHarness
from supervision.testing import wait_until
from tests.beamlens.skills.outbound.server import service

_FILE = "tests/beamlens/skills/outbound/test_skill.py"


def _methods() -> dict[Library, Any]:
    return {each: owner.__dict__[each.method] for each in LIBRARIES if (owner := each.found()) is not None}


def test_the_contract_after_some_calls() -> None:
    with service() as port, SkillHarness(Outbound) as skill, httpx.Client() as client:
        for _ in range(5):
            client.get(f"http://user:pa55@127.0.0.1:{port}/wait/0.001?q=s3cr3t")
        client.get(f"http://127.0.0.1:{port}/status/500")
        [row] = skill.call("outbound_hosts")
        assert (row["name"], row["count"], row["server_errors"]) == (f"127.0.0.1:{port}", 6, 1)
        assert row["at"].startswith(f"{_FILE}:")
        assert row["p50_ms"] >= 1.0
        assert row["without_timeout"] == 0
        assert "pa55" not in str(skill.snapshot())
        skill.assert_good()


def test_methods_are_wrapped_while_it_runs_and_put_back() -> None:
    before = _methods()
    assert len(before) >= 4
    with SkillHarness(Outbound):
        during = _methods()
        assert all(during[each] is not before[each] for each in before)
    assert _methods() == before
    assert record.hosts == {}


def test_a_wrapper_that_somebody_put_around_ours_stays_and_ours_only_passes_on() -> None:
    mine, original = Patches(), http.client.HTTPConnection.getresponse
    mine.begin()
    ours: Any = http.client.HTTPConnection.getresponse

    def theirs(connection: Any, *args: Any) -> Any:
        return ours(connection, *args)

    http.client.HTTPConnection.getresponse = theirs  # type: ignore[method-assign,assignment]
    try:
        mine.end()
        now: Any = http.client.HTTPConnection.getresponse
        assert now is theirs
        with service() as port:
            assert _got(port) == 200
        assert record.hosts == {}
    finally:
        http.client.HTTPConnection.getresponse = original  # type: ignore[method-assign]


def _got(port: int, timeout: float | None = 5.0) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", "/wait/0")
        return connection.getresponse().status
    finally:
        connection.close()


def test_missing_timeouts_are_counted() -> None:
    with service() as port, SkillHarness(Outbound) as skill, httpx.Client(timeout=None) as client:
        _got(port)
        _got(port, timeout=None)
        client.get(f"http://127.0.0.1:{port}/wait/0")
        [row] = skill.call("outbound_hosts")
        assert (row["count"], row["without_timeout"]) == (3, 2)


def test_a_library_that_is_loaded_later_is_seen_too(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = types.ModuleType("redis.client")

    class Redis:
        def execute_command(self, *args: str) -> str:
            return "PONG"

        connection_pool = types.SimpleNamespace(connection_kwargs={"host": "cache", "port": 6379})

    module.Redis = Redis
    for name in ("redis.client", "redis.asyncio.client"):  # other tests have loaded the real one
        monkeypatch.delitem(sys.modules, name, raising=False)
    mine = Patches()
    mine.begin()
    try:
        assert "redis" not in mine.names()
        monkeypatch.setitem(sys.modules, "redis.client", module)
        mine.refresh()
        assert module.Redis().execute_command("GET", "a-key-that-is-secret") == "PONG"
        [row] = record.rows(5)
        assert row["name"] == "cache:6379"
        assert row["without_timeout"] == 1
        assert "secret" not in str(row)
    finally:
        mine.end()


def test_a_description_that_fails_does_not_harm_the_call() -> None:
    with SkillHarness(Outbound) as skill:
        with pytest.raises(AttributeError):
            http.client.HTTPConnection.getresponse(object())  # type: ignore[arg-type]
        assert skill.call("outbound_hosts")[0]["name"] == "(unknown)"


def test_what_is_cancelled_is_no_failure() -> None:
    async def main(port: int) -> None:
        async with httpx.AsyncClient() as client:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.get(f"http://127.0.0.1:{port}/wait/0.5"), 0.1)

    with service() as port, SkillHarness(Outbound) as skill:
        asyncio.run(main(port))
        [row] = skill.call("outbound_hosts")
        assert (row["count"], row["errors"]) == (1, 0)
        wait_until(lambda: not [each for each in threading.enumerate() if "process_request" in each.name])


def test_addresses_of_other_libraries_are_read_without_their_secrets() -> None:
    session = types.SimpleNamespace(_timeout=None, _base_url=None)
    found = _aiohttp(session, ("GET", "https://u:p@api.example.org/a?b=c"), {"timeout": 5})
    assert (found.host, found.what, found.has_timeout) == ("api.example.org:443", "GET", True)
    assert _aiohttp(session, ("GET", "/a"), {"timeout": None}).has_timeout is False
    pool = types.SimpleNamespace(connection_kwargs={"path": "/run/redis.sock", "socket_timeout": 1})
    waiting = _redis(types.SimpleNamespace(connection_pool=pool), ("BLPOP", "key", 0), {})
    assert (waiting.what, waiting.has_timeout, waiting.waits) == ("BLPOP", True, True)


# -- numbers ------------------------------------------------------------------------------------------


class _Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    found = _Clock()
    monkeypatch.setattr(record_module, "time", found)
    return found


def _caller(calls: CallRecord, clock: _Clock) -> Callable[..., None]:
    def call(seconds: float, host: str = "api:443", error: Exception | None = None) -> None:
        number = calls.begin(host, "httpx", "GET", False)
        clock.now += seconds
        calls.end(number, error)

    return call


def test_a_host_is_compared_with_itself_earlier(clock: _Clock) -> None:
    calls = CallRecord()
    call = _caller(calls, clock)
    for _ in range(900):
        call(0.1)
    assert calls.rows(1)[0]["slower_ratio"] == pytest.approx(1.0)
    for _ in range(60):
        call(0.6)
    assert calls.rows(1)[0]["slower_ratio"] == pytest.approx(6.0)


def test_only_what_takes_three_times_as_long_as_ever_is_stuck(clock: _Clock) -> None:
    calls = CallRecord()
    _caller(calls, clock)(8.0)
    calls.begin("api:443", "httpx", "GET", False)
    for waited, stuck in ((20.0, 0), (5.0, 1)):
        clock.now += waited
        assert calls.rows(1)[0]["stuck_without_timeout"] == stuck


def test_a_call_right_after_a_failure_of_the_same_worker_is_a_retry(clock: _Clock) -> None:
    calls = CallRecord()
    call = _caller(calls, clock)
    for error in (TimeoutError(), ConnectionError(), None, None):
        call(0.1, error=error)
    clock.now += 100
    call(0.1)
    [row] = calls.rows(1)
    assert (row["count"], row["errors"], row["timeouts"], row["retries"]) == (5, 2, 1, 2)
    assert calls.failures(5)[0]["kinds"] == [
        {"kind": "TimeoutError", "count": 1},
        {"kind": "ConnectionError", "count": 1},
    ]


def test_there_is_a_bound_on_hosts(clock: _Clock) -> None:
    calls = CallRecord()
    for number in range(300):
        _caller(calls, clock)(0.01, host=f"h{number}")
    assert len(calls.hosts) <= 201
    assert sum(row["count"] for row in calls.rows(500)) == 300
