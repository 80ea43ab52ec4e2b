"""Real processes that elect one of them: they are seen as one system, whatever becomes of the elected one."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from beamlens.control.client import ask, programs
from supervision.testing import wait_until
from tests.beamlens.nodes.groups import group
from tests.beamlens.nodes.worker import SECRET

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def names(told: list[dict[str, Any]]) -> list[int]:
    return sorted(node["pid"] for node in told)


def test_one_is_elected_and_all_are_seen(tmp_path: Path) -> None:
    with group(tmp_path) as shop:
        elected = shop.wait_for(3)
        assert len(shop.joined) == 2
        told = elected.ask("nodes")
        assert names(told) == sorted(worker.pid for worker in shop.workers)
        assert [node["pid"] for node in told if node["elected"]] == [elected.pid]
        assert all(worker.ask("nodes") == told for worker in shop.joined), "each of them knows, by asking the elected"
        assert "operators" in elected.ask("children")
        assert all(sorted(worker.ask("children")) == ["journal", "member", "probe"] for worker in shop.joined)
        (program,) = programs(shop.folder)
        assert program.pid == elected.pid
        assert names(ask(program.path, "ps")["nodes"]) == names(told)
        shown = shop.command("ps")
        assert [node["name"] in shown for node in told] == [True] * 3
        assert shown.count("joined") == 2


def test_a_snapshot_is_by_node_and_in_sum_and_has_no_secret(tmp_path: Path) -> None:
    script = [["take_snapshot", {}], ["execute", {"code": LUA}], ["done", {}]]
    with group(tmp_path, provider="scripted", provider_options={"script": script}) as shop:
        elected = shop.wait_for(3)
        shop.joined[1].ask("set", 5)
        outcome = elected.ask("operator", "toy")
        (snapshot,) = outcome["snapshots"]
        data = snapshot["data"]
        assert data["node_count"] == 3
        assert data["sum"] == {"depth": 7, "inner.count": 6}, "a share is not added up, nor what is missing"
        assert [node["pid"] for node in data["nodes"]] == [node["pid"] for node in elected.ask("nodes")]
        assert [node["snapshot"]["pid"] for node in data["nodes"]] == [node["pid"] for node in data["nodes"]]
        assert data["silent"] == data["failed"] == []
        assert SECRET not in str(outcome)
        assert "hunter2" not in str(outcome)


LUA = """
local found = {}
for _, node in ipairs(nodes()) do
  use_node(node.name)
  found[node.name] = toy_pid()
end
use_node()
return {by_node = found, own = toy_pid()}
"""


@pytest.mark.parametrize("gone", ["killed", "stopped"])
def test_another_is_elected_when_the_first_is_gone(tmp_path: Path, gone: str) -> None:
    with group(tmp_path) as shop:
        first = shop.wait_for(3)
        if gone == "killed":
            first.kill()
        else:
            assert first.stop() == 0
        began = time.monotonic()
        second = shop.wait_for(2)
        assert time.monotonic() - began < 10, "about a second on a machine of its own"
        assert second is not first
        second.ask("set", 50)
        (found,) = shop.joined[0].ask("run")["notifications"]
        assert "(1 of 2): depth 50" in found["observation"]


def test_a_run_goes_on_when_the_elected_dies_in_the_middle(tmp_path: Path) -> None:
    with group(tmp_path) as shop:
        first = shop.wait_for(3)
        asker, other = shop.joined
        other.ask("set", 77)
        for worker in shop.workers:
            worker.ask("hold", 1.0)  # each look takes a second: the run lasts
        asker.begin("run")
        wait_until(lambda: first.ask("status")["running"], 20)
        first.kill()
        outcome = asker.end()
        assert outcome["ending"] == "done"
        assert "(1 of 2): depth 77" in outcome["notifications"][0]["observation"]


def test_one_that_hangs_does_not_delay_the_others_and_is_named(tmp_path: Path) -> None:
    with group(tmp_path, operators=["toy", "vm"]) as shop:
        elected = shop.wait_for(3)
        hung = shop.joined[0]
        os.kill(hung.pid, signal.SIGSTOP)
        try:
            wait_until(lambda: _silent(elected.ask("operator", "vm")) == [hung.pid], 30)
            looks = elected.ask("operator", "toy")["snapshots"]
            assert _silent({"snapshots": looks}) == [hung.pid]
            assert all(len(look["data"]["nodes"]) == 2 for look in looks)
            wait_until(lambda: _told_of(elected, hung.pid), 30)
        finally:
            os.kill(hung.pid, signal.SIGCONT)
        wait_until(lambda: _silent(elected.ask("operator", "toy")) == [], 30)


def test_one_whose_interpreter_is_blocked_is_silent_meanwhile(tmp_path: Path) -> None:
    with group(tmp_path) as shop:
        elected = shop.wait_for(3)
        blocked = shop.joined[0]
        blocked.ask("block", 6)
        wait_until(lambda: _silent(elected.ask("operator", "toy")) == [blocked.pid], 30)
        last = elected.ask("operator", "toy")
        assert last["ending"] == "done"
        wait_until(lambda: _silent(elected.ask("operator", "toy")) == [], 30)
        assert len(elected.ask("nodes")) == 3, "it stayed a member"


def _silent(completion: dict[str, Any]) -> list[int]:
    return [node["pid"] for node in completion["snapshots"][-1]["data"]["silent"]]


def _told_of(elected: Any, pid: int) -> bool:
    told = elected.ask("operator", "vm")["notifications"]
    return any(each["anomaly_type"] == "node_silent" and f"pid {pid}" in each["observation"] for each in told)


def test_what_asks_the_system_looks_at_all_of_them(tmp_path: Path) -> None:
    with group(tmp_path, operators=["ports", "system"]) as shop:
        elected = shop.wait_for(3)
        ports = elected.ask("operator", "ports")["snapshots"][-1]["data"]
        assert names(ports["nodes"]) == names(elected.ask("nodes"))
        assert ports["sum"]["open"] == sum(node["snapshot"]["open"] for node in ports["nodes"])
        assert "nodes" not in elected.ask("operator", "system")["snapshots"][-1]["data"], "there is one machine"


def test_the_others_may_ask_and_cancel(tmp_path: Path) -> None:
    with group(tmp_path, count=2) as shop:
        shop.wait_for(2)
        asker = shop.joined[0]
        assert asker.ask("message", "toy", "what do you see?")["operator"] == "toy"
        assert [status["operator"] for status in asker.ask("operators")] == ["toy"]
        assert asker.ask("operator", "toy")["ending"] == "done"
        assert asker.ask("cancel") == 0
        assert asker.ask("usage") == ["operator:toy"]
        with pytest.raises(AssertionError, match="UnknownOperator: there is no operator 'nope'; there are: toy"):
            asker.ask("message", "nope", "?")


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    with group(tmp_path) as shop:
        shop.wait_for(3)
        assert {name for name in shop.left() if not name.endswith(".sock")} == {"shop.group", "shop.lock"}
        assert [worker.stop() for worker in shop.workers] == [0, 0, 0]
        assert shop.left() == []


def test_two_groups_do_not_mix(tmp_path: Path) -> None:
    with group(tmp_path, count=1) as shop, group(tmp_path, count=1, group="mail") as mail:
        assert len(shop.wait_for(1).ask("nodes")) == len(mail.wait_for(1).ask("nodes")) == 1


def test_what_the_others_statistics_say_starts_the_coordinator(tmp_path: Path) -> None:
    with group(tmp_path, count=2, operators=["toy", "anomaly"]) as shop:
        elected = shop.wait_for(2)
        (other,) = shop.joined
        name = elected.ask("nodes")[1]["name"]
        other.ask("escalate")

        def started() -> list[Any]:
            return [told for told in elected.ask("heard") if told[0] == "anomaly.detector.auto_trigger_started"]

        found = wait_until(started, 20)
        assert found is not None
        assert f"toy.depth on node {name}: 99 (usual: 1)" in found[0][1]["anomaly_summary"]


def test_what_happens_is_told(tmp_path: Path) -> None:
    with group(tmp_path, count=2) as shop:
        first = shop.wait_for(2)
        (other,) = shop.joined
        assert sorted(told[0] for told in first.ask("heard")) == ["node.elected", "node.joined"]
        first.kill()
        shop.wait_for(1)
        assert [told[0] for told in other.ask("heard")] == ["node.lost", "node.elected"]


def test_deaths_at_random_moments(tmp_path: Path) -> None:
    chance = random.Random(7)
    with group(tmp_path, count=4) as shop:
        for _ in range(6):
            victim = chance.choice(shop.living)
            time.sleep(chance.random() * 0.3)  # the moment is what is varied
            victim.kill()
            shop.add().end()
        elected = shop.wait_for(4, 60)
        assert elected.ask("operator", "toy")["ending"] == "done"
        for worker in shop.living:
            assert worker.stop() == 0
        assert [name for name in shop.left() if not name.endswith(".sock")] == []


def soon() -> None:
    """Look often whether the files are there, in a worker."""
    from beamlens.nodes import member

    vars(member)["_RENEWAL"] = 0.3


@pytest.mark.parametrize("lost", [["shop.lock"], ["shop.group"], ["shop.lock", "shop.group"]])
def test_files_that_somebody_removes(tmp_path: Path, lost: list[str]) -> None:
    with group(tmp_path, setup=f"{__name__}:soon") as shop:
        shop.wait_for(3)
        for name in lost:
            (shop.folder / name).unlink()
        assert shop.add(setup=f"{__name__}:soon").end()
        elected = shop.wait_for(4, 40)
        assert elected.ask("operator", "toy")["ending"] == "done"
        assert len(programs(shop.folder)) == 1
        assert [worker.stop() for worker in shop.workers] == [0] * 4
        assert shop.left() == []


def no_lock() -> None:
    """Take the lock away, in a worker: what the lock is good for."""
    import fcntl

    fcntl.flock = lambda *_: None


def test_without_the_lock_there_are_several_elected(tmp_path: Path) -> None:
    with group(tmp_path, setup=f"{__name__}:no_lock") as shop:
        assert [worker.ask("place") for worker in shop.workers] == ["elected"] * 3


def test_a_name_that_is_taken_gets_the_process_id(tmp_path: Path) -> None:
    with group(tmp_path, node="web") as shop:
        told = shop.wait_for(3).ask("nodes")
        assert told[0]["name"] == "web"
        assert sorted(node["name"] for node in told[1:]) == sorted(f"web:{node['pid']}" for node in told[1:])
