"""What waits in real sockets: connections that nobody accepts, bytes that nobody reads."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from beamlens.errors import SkillError
from beamlens.skills.ports import Ports
from supervision.testing import wait_until
from tests.beamlens.skills.judged import Judge


@pytest.fixture
def ports() -> Iterator[Ports]:
    skill = Ports()
    skill.pid = os.getpid()
    skill.start()
    yield skill
    skill.stop()


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield listening


def _connected(server: socket.socket, count: int) -> list[socket.socket]:
    return [socket.create_connection(server.getsockname(), timeout=10) for _ in range(count)]


def _judge(skill: Ports) -> Judge:
    calls: dict[str, Any] = {"snapshot": skill.snapshot, **skill.callbacks()}
    return Judge(skill.checks(), lambda name, *arguments: calls[name](*arguments), tuple(skill.callbacks()))


def test_connections_that_nobody_accepts_are_a_finding_and_accepted_ones_are_none(
    ports: Ports, server: socket.socket
) -> None:
    key, judge = f"socket tcp listening on :{server.getsockname()[1]}", _judge(ports)
    clients = _connected(server, 30)
    accepted = []
    try:
        observation, *_, named = judge.wait_for("accept_backlog", interval=0.5)
        assert named == key
        assert observation == f"30 connections wait at {key} and nobody accepts them"
        accepted = [server.accept()[0] for _ in clients]
        wait_until(lambda: not [row for row in ports.queues()["backlogs"] if row["key"] == key])
        judge.look()
        assert "accept_backlog" not in judge.findings()
    finally:
        for each in [*clients, *accepted]:
            each.close()


def test_a_few_that_wait_for_a_moment_are_no_finding(ports: Ports, server: socket.socket) -> None:
    clients = _connected(server, 5)
    try:
        assert "accept_backlog" not in _judge(ports).alarms(4, 0.3)
    finally:
        for each in clients:
            each.close()


def test_bytes_that_nobody_reads_are_told_by_group(ports: Ports, server: socket.socket) -> None:
    (client,) = _connected(server, 1)
    accepted = server.accept()[0]
    try:
        client.sendall(b"x" * 8192)
        key = f"socket tcp accepted on :{server.getsockname()[1]}"
        row = wait_until(lambda: next((row for row in ports.queues(50)["queues"] if row["key"] == key), None))
        assert row is not None
        assert row["unread_kb"] == 8.0
    finally:
        client.close()
        accepted.close()


@pytest.mark.parametrize("limit", [0, -1, "ten", 1.5, None, True])
def test_wrong_limits_are_refused(ports: Ports, limit: Any) -> None:
    with pytest.raises(SkillError, match=r"ports_queues: limit is .* 1 to 50"):
        ports.queues(limit)
