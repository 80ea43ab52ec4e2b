"""Libraries by which programs really call others, each against a real server: all are found, none is registered."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
import httpx
import httpx2
import pytest
import redis
import redis.asyncio
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from beamlens.skills.outbound import Outbound
from beamlens.testing import SkillHarness
from supervision.testing import wait_until
from tests.beamlens.skills.outbound.server import service
from tests.beamlens.skills.redis_server import redis_server

_FILE = "tests/beamlens/skills/outbound/test_clients.py"


# -- clients ------------------------------------------------------------------------------------------


def by_requests(urls: list[str], timeout: float | None) -> None:
    with requests.Session() as session:
        for url in urls:
            with suppress(requests.RequestException):
                session.get(url, timeout=timeout)


def by_httpx(urls: list[str], timeout: float | None) -> None:
    with httpx.Client(timeout=timeout) as client:
        for url in urls:
            with suppress(httpx.HTTPError):
                client.get(url)


def by_httpx2(urls: list[str], timeout: float | None) -> None:
    with httpx2.Client(timeout=timeout) as client:
        for url in urls:
            with suppress(httpx2.HTTPError):
                client.get(url)


def by_async_httpx(urls: list[str], timeout: float | None) -> None:
    async def ask() -> None:
        async with httpx.AsyncClient(timeout=timeout) as client:
            for url in urls:
                with suppress(httpx.HTTPError):
                    await client.get(url)

    asyncio.run(ask())


def by_aiohttp(urls: list[str], timeout: float | None) -> None:
    async def ask() -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=timeout)) as session:
            for url in urls:
                with suppress(aiohttp.ClientError, TimeoutError):
                    async with session.get(url) as answer:
                        await answer.read()

    asyncio.run(ask())


@dataclass(frozen=True, slots=True)
class Client:
    """One way to ask, and the name under which it is seen."""

    library: str
    ask: Callable[[list[str], float | None], None]


_CLIENTS = (
    Client("urllib3", by_requests),
    Client("httpx", by_httpx),
    Client("httpx2", by_httpx2),
    Client("httpx", by_async_httpx),
    Client("aiohttp", by_aiohttp),
)
each_client = pytest.mark.parametrize("client", _CLIENTS, ids=lambda client: client.ask.__name__)


@contextmanager
def _watched() -> Iterator[tuple[SkillHarness, str]]:
    with service() as port, SkillHarness(Outbound) as skill:
        yield skill, f"127.0.0.1:{port}"
        wait_until(lambda: not [each for each in threading.enumerate() if "process_request" in each.name])


def _row(skill: SkillHarness, host: str) -> dict[str, Any]:
    rows: dict[str, dict[str, Any]] = {row["name"]: row for row in skill.call("outbound_hosts")}
    return rows[host]


# -- over HTTP ----------------------------------------------------------------------------------------


@each_client
def test_calls_are_counted_and_timed_by_host_with_the_line_that_makes_them(client: Client) -> None:
    with _watched() as (skill, host):
        client.ask([f"http://{host}/wait/0.05?token=s3cr3t"] * 6, 10.0)
        row = _row(skill, host)
        assert (row["count"], row["errors"], row["without_timeout"]) == (6, 0, 0)
        assert row["library"] == client.library
        assert 50 <= row["p50_ms"] < 2000
        assert row["at"].startswith(f"{_FILE}:")
        assert client.ask.__name__ in row["func"]
        assert "s3cr3t" not in str([skill.snapshot(), skill.call("outbound_hosts"), skill.call("outbound_errors")])


@each_client
def test_errors_of_the_other_side_and_repeated_calls_are_counted(client: Client) -> None:
    with _watched() as (skill, host):
        client.ask([f"http://{host}/status/{status}" for status in (503, 200, 404, 500, 500, 200)], 10.0)
        row = _row(skill, host)
        assert (row["count"], row["errors"], row["server_errors"], row["retries"]) == (6, 3, 3, 3)
        [failed] = skill.call("outbound_errors")
        assert {each["kind"]: each["count"] for each in failed["kinds"]} == {"status 503": 1, "status 500": 2}


@each_client
def test_calls_that_take_too_long_are_timeouts(client: Client) -> None:
    with _watched() as (skill, host):
        client.ask([f"http://{host}/wait/1.0"], 0.2)
        row = _row(skill, host)
        assert (row["count"], row["errors"], row["timeouts"]) == (1, 1, 1)
        assert 200 <= row["longest_ms"] < 900


@each_client
def test_a_missing_timeout_is_counted_and_a_call_in_flight_is_told_with_its_age(client: Client) -> None:
    with _watched() as (skill, host):
        caller = threading.Thread(target=client.ask, args=([f"http://{host}/wait/2.0"], None), name="customer")
        caller.start()
        wait_until(lambda: bool(skill.call("outbound_in_flight")), timeout=20)
        wait_until(lambda: skill.call("outbound_in_flight")[0]["age_seconds"] >= 0.5, timeout=20)
        [call] = skill.call("outbound_in_flight")
        assert (call["host"], call["library"], call["what"]) == (host, client.library, "GET")
        assert (call["has_timeout"], call["thread"]) == (False, "customer")
        assert call["at"].startswith(f"{_FILE}:")
        assert skill.snapshot()["oldest_seconds"] >= 0.5
        caller.join(30)
        assert (_row(skill, host)["without_timeout"], skill.snapshot()["in_flight"]) == (1, 0)


@each_client
def test_a_server_that_is_not_there_is_an_error(client: Client) -> None:
    with socket.socket() as taken, SkillHarness(Outbound) as skill:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        host = f"127.0.0.1:{taken.getsockname()[1]}"
        client.ask([f"http://{host}/"] * 3, 5.0)
        row = _row(skill, host)
        assert (row["count"], row["errors"], row["timeouts"], row["retries"]) == (3, 3, 0, 2)


@each_client
def test_nothing_is_seen_while_nobody_watches(client: Client) -> None:
    with service() as port:
        client.ask([f"http://127.0.0.1:{port}/wait/0"], 5.0)
    with SkillHarness(Outbound) as skill:
        assert skill.call("outbound_hosts") == []


def test_attempts_that_requests_repeats_by_itself_are_retries() -> None:
    with _watched() as (skill, host), requests.Session() as session:
        retries = Retry(total=2, status_forcelist=[503], backoff_factor=0.01)
        session.mount("http://", HTTPAdapter(max_retries=retries))
        with pytest.raises(requests.exceptions.RetryError):
            session.get(f"http://{host}/status/503", timeout=5)
        row = _row(skill, host)
        assert (row["count"], row["errors"], row["retries"]) == (3, 3, 2)


# -- Redis ----------------------------------------------------------------------------------------------


def test_commands_and_pipelines_are_seen_by_name_and_never_with_keys() -> None:
    with redis_server() as server, SkillHarness(Outbound) as skill:
        with redis.Redis(port=server.port) as client, client.pipeline() as pipeline:
            client.set("s3cr3t-key", "s3cr3t-value")
            client.get("s3cr3t-key")
            pipeline.set("s3cr3t-a", 1).incr("s3cr3t-a").execute()
        row = _row(skill, f"localhost:{server.port}")
        assert (row["count"], row["errors"], row["library"]) == (3, 0, "redis")
        assert row["without_timeout"] == 0, "redis-py has a timeout of its own since version 8"
        assert row["at"].startswith(f"{_FILE}:")
        assert "s3cr3t" not in str([skill.snapshot(), skill.call("outbound_hosts"), skill.call("outbound_in_flight")])


def test_commands_and_pipelines_of_the_asynchronous_client_are_seen() -> None:
    async def ask(path: str) -> None:
        async with redis.asyncio.Redis(unix_socket_path=path, socket_timeout=None) as client:
            await client.set("a", 1)
            async with client.pipeline() as pipeline:
                pipeline.incr("a")
                assert await pipeline.execute() == [2]

    with redis_server() as server, SkillHarness(Outbound) as skill:
        asyncio.run(ask(server.path))
        row = _row(skill, "unix socket")
        assert (row["count"], row["errors"], row["without_timeout"], row["library"]) == (2, 0, 2, "redis")


def test_a_busy_redis_is_a_timeout_and_a_command_that_waits_is_none() -> None:
    with redis_server() as server, server.client(socket_timeout=0.3, retry=None) as client:
        with SkillHarness(Outbound) as skill:
            with pytest.raises(redis.TimeoutError):
                client.execute_command("DEBUG", "SLEEP", "1")
            row = _row(skill, "unix socket")
            assert (row["count"], row["errors"], row["timeouts"]) == (1, 1, 1)
        waiting = server.client(socket_timeout=30)
        with SkillHarness(Outbound) as skill:
            caller = threading.Thread(target=waiting.blpop, args=("orders", 2))
            caller.start()
            wait_until(lambda: bool(skill.call("outbound_in_flight")), timeout=20)
            [call] = skill.call("outbound_in_flight")
            assert (call["what"], call["waits"], call["host"]) == ("BLPOP", True, "unix socket")
            assert skill.snapshot()["in_flight"] in (0, 1)
            caller.join(30)
            row = _row(skill, "unix socket")
            assert (row["count"], row["in_flight"], row["stuck"]) == (1, 0, 0)
        waiting.close()
