"""Real web servers with three workers each: one system, one tree, whatever becomes of the workers."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from supervision.testing import wait_until
from tests.beamlens.nodes.servers import Served, gunicorn, uvicorn

pytestmark = pytest.mark.timeout(240)

GUNICORN = [("sync", False), ("sync", True), ("gthread", True), ("asgi", False)]


def named(nodes: list[dict[str, Any]], pid: int) -> str:
    return str(next(node["name"] for node in nodes if node["pid"] == pid))


def find_the_sick_one(server: Served) -> None:
    """Make one worker leak threads; it is found, among three, by name."""
    nodes = server.wait_for(3)
    sick = named(nodes, server.get("/sick")["pid"])

    def found() -> list[str]:
        outcome = server.get("/run")
        return [each["observation"] for each in outcome["notifications"] if "thread" in each["anomaly_type"]]

    with server.load():
        told = wait_until(found, 150)
    assert told is not None
    assert told[0].startswith(f"On node {sick} (1 of 3): "), told
    assert "served.py" in told[0] or "orders-client" in told[0]
    for other in nodes:
        assert other["name"] == sick or other["name"] not in "".join(told), "only that one is sick"


def count_requests(server: Served) -> None:
    """Send requests; whichever worker answers them, they are counted by node and in sum."""
    server.wait_for(3)
    before = server.get("/http")["sum"]["requests"]
    for _ in range(40):
        server.get("/pid")
    found = server.get("/http")
    by_node = [node["snapshot"]["requests"] for node in found["nodes"]]
    assert len(by_node) == 3
    assert found["sum"]["requests"] == sum(by_node) >= before + 40


def live_through_a_death(server: Served) -> None:
    """Kill the elected worker: another takes its place, the server's new worker joins, questions are answered."""
    with server.load():
        first = next(node["pid"] for node in server.wait_for(3) if node["elected"])
        os.kill(first, signal.SIGKILL)
        nodes = server.wait_for(3, without=first)
        assert next(node["pid"] for node in nodes if node["elected"]) != first
        assert server.get("/run")["ending"] == "done"


def end_without_a_trace(server: Served) -> None:
    """End the server: no process, no socket and no lock file is left."""
    server.wait_for(3)
    family = server.family()
    assert len(family) > 3, "the workers, and the processes of the trees"
    server.stop()
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not alive, server.log.read_text()[-3000:]
    assert os.listdir(server.folder) == []


@pytest.mark.parametrize(("kind", "preload"), GUNICORN)
def test_gunicorn(tmp_path: Path, kind: str, preload: bool) -> None:
    with gunicorn(tmp_path, kind, preload=preload) as server:
        nodes = server.wait_for(3)
        if kind != "asgi":
            assert {node["name"].split("-")[0] for node in nodes} == {"web"}, "the names that the hook gave"
        count_requests(server)
        live_through_a_death(server)
        end_without_a_trace(server)


def test_gunicorn_finds_the_sick_one(tmp_path: Path) -> None:
    with gunicorn(tmp_path, "gthread", preload=False) as server:
        find_the_sick_one(server)
        end_without_a_trace(server)


def test_uvicorn(tmp_path: Path) -> None:
    with uvicorn(tmp_path) as server:
        count_requests(server)
        live_through_a_death(server)
        find_the_sick_one(server)
        end_without_a_trace(server)


def test_a_reload_of_gunicorn_brings_new_nodes(tmp_path: Path) -> None:
    with gunicorn(tmp_path, "sync", preload=False) as server:
        before = {node["pid"] for node in server.wait_for(3)}
        server.process.send_signal(signal.SIGHUP)
        began = time.monotonic()
        wait_until(lambda: len(told := {node["pid"] for node in server.nodes()}) == 3 and not told & before, 90)
        assert server.get("/run")["ending"] == "done", time.monotonic() - began
        end_without_a_trace(server)
