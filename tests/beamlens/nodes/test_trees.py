"""A member of a group as a part of a user's own tree, and what a handle of it refuses."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import pykka
import pytest

from beamlens.errors import BeamlensError, ConfigurationError, UnknownOperator
from beamlens.lens import Lens
from beamlens.nodes.seat import Seat
from beamlens.probe.messages import NodeInfo
from beamlens.supervisor import Beamlens
from supervision import Supervisor
from supervision.testing import wait_until
from tests.beamlens.e2e.trees import Toy, hearing
from tests.beamlens.nodes.groups import group

GIVEN: dict[str, Any] = {
    "operators": [Toy],
    "provider": "rules",
    "transcripts": False,
    "control": False,
    "pace": 0.05,
    "group": "shop",
    "node": "web-1",
}


@pytest.fixture(autouse=True)
def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tmp_path.chmod(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "beamlens"


def test_a_child_of_a_users_supervisor(private: Path) -> None:
    with hearing() as ear:
        root = Supervisor.start([(Beamlens, GIVEN)])
        lens: Lens = root["Beamlens"]
        assert lens.run("look", timeout=30).ok, "it waits until there is somebody to ask"
        assert lens.nodes() == [NodeInfo("web-1", os.getpid(), True)]
        assert sorted(os.listdir(private)) == ["shop.group", "shop.lock"]
        root.stop()
        assert os.listdir(private) == []
        assert [event.name for event in ear.named("node.elected", "node.lost")] == ["node.elected"]


def test_the_part_that_elects_may_die_and_the_rest_works_on(private: Path) -> None:
    lens = Beamlens.start(**GIVEN)
    operator = lens.here().operator("toy").status().pid
    lens["member"].ask("anything", timeout=5)
    lens.terminate_child("member")
    assert os.listdir(private) == []
    lens.restart_child("member")
    wait_until(lambda: (private / "shop.group").exists())
    assert lens.operator("toy").run("look", timeout=30).ok
    assert lens.here().operator("toy").status().pid == operator, "it went on meanwhile"
    lens.stop()


def test_from_an_event_loop(private: Path) -> None:
    lens = Beamlens.start(**GIVEN)

    async def ask() -> None:
        assert (await lens.arun("look")).ok
        assert (await lens.operator("toy").arun("look")).ok
        assert (await lens.operator("toy").amessage("what do you see?"))["operator"] == "toy"
        assert [status.operator for status in await lens.alist_operators()] == ["toy"]
        task = asyncio.create_task(lens.arun("look"))
        await asyncio.to_thread(wait_until, lambda: lens.status().running)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(wait_until, lambda: not lens.status().running)

    asyncio.run(ask())
    lens.stop()


def test_time_limits_of_a_question(private: Path) -> None:
    lens = Beamlens.start(**{**GIVEN, "pace": 1.0})
    with pytest.raises(pykka.Timeout):
        lens.run("look", timeout=0.05)
    with pytest.raises(pykka.Timeout):
        lens.operator("toy").run("look", timeout=0.05)
    ended: list[BaseException] = []

    def ask_for_more() -> None:
        try:
            lens.run("look")
        except BeamlensError as error:
            ended.append(error)

    asking = threading.Thread(target=ask_for_more)
    asking.start()
    wait_until(lambda: lens.status().running)
    lens.stop()
    asking.join(10)
    assert not asking.is_alive(), "who stops the tree lets nobody wait for it"


def test_what_a_group_does_not_do(private: Path) -> None:
    lens = Beamlens.start(**GIVEN)
    with pytest.raises(ConfigurationError, match="the operators of a group are the same in all its processes"):
        lens.add_operator("gc")
    with pytest.raises(ConfigurationError):
        lens.remove_operator("toy")
    with pytest.raises(UnknownOperator, match="there is no operator 'gc'; there are: toy"):
        lens.operator("gc")
    assert lens.operator_names() == ["toy"]
    lens.stop()


def test_nodes_of_a_tree_that_is_in_no_group() -> None:
    given = {name: value for name, value in GIVEN.items() if name not in ("group", "node")}
    lens = Beamlens.start(**given)
    (node,) = lens.nodes()
    assert (node.pid, node.elected) == (os.getpid(), True)
    assert lens.group is None
    assert "nodes" not in lens.operator("toy").run("look", timeout=30).snapshots[0].data
    lens.stop()


def test_where_the_group_cannot_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "beamlens").symlink_to(tmp_path / "elsewhere")
    seat = Seat("shop", NodeInfo("web-1", 1), {})
    monkeypatch.setattr("beamlens.nodes.seat._PATIENCE", 0.3)
    monkeypatch.setattr(Seat.wait_for_place, "__defaults__", (0.3,))
    with pytest.raises(BeamlensError, match="no process of the group 'shop' is elected; try again"):
        seat.ask("run", None, 5.0)
    lens = Beamlens.start(**GIVEN)
    try:
        assert lens.group is not None
        assert lens.group.place == "seeking"
        with pytest.raises(BeamlensError, match="no process of the group"):
            lens.run("look")
    finally:
        lens.stop()


def test_a_sick_one_is_found_and_named_from_any_of_them(tmp_path: Path) -> None:
    with group(tmp_path) as shop:
        shop.wait_for(3)
        for sick in (shop.elected, shop.joined[0]):
            sick.ask("set", 99)
            for asker in shop.workers:
                outcome = asker.ask("run")
                (found,) = outcome["notifications"]
                name = next(node["name"] for node in asker.ask("nodes") if node["pid"] == sick.pid)
                # The drill ran in the sick process, whichever that is.
                assert found["observation"] == f"On node {name} (1 of 3): depth 99, drilled {sick.pid}"
                assert name in found["entities"]
                assert name in outcome["answer"]
            sick.ask("set", 1)
