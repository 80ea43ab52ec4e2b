"""The skill as operators use it, and its checks on real and on made-up machines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from beamlens.errors import SkillError
from beamlens.probe.remote import LocalSkill
from beamlens.skills.system import System
from supervision.testing import wait_until
from tests.beamlens.skills.judged import Judge
from tests.beamlens.skills.sound import assert_sound
from tests.beamlens.skills.system.kernel import PID, Kernel, make_kernel

_EXAMPLES = {"system_top_processes": [[], [3, "memory"]]}


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    return make_kernel(tmp_path / "machine")


@pytest.fixture
def judge(kernel: Kernel) -> Judge:
    return _judge(System(str(kernel.proc), str(kernel.groups)), PID)


def _judge(skill: System, pid: int) -> Judge:
    skill.pid = pid
    skill.start()
    calls: dict[str, Any] = {"snapshot": skill.snapshot, **skill.callbacks()}
    return Judge(skill.checks(), lambda name, *arguments: calls[name](*arguments), tuple(skill.callbacks()))


def test_it_is_sound() -> None:
    assert_sound(System, _EXAMPLES)


def test_it_sees_what_psutil_sees() -> None:
    data = System().snapshot()
    assert data["memory"]["total_mb"] == pytest.approx(psutil.virtual_memory().total / 2**20, rel=0.01)
    assert data["process"]["threads"] >= 1
    assert data["process"]["rss_mb"] == pytest.approx(psutil.Process().memory_info().rss / 2**20, rel=0.2)
    root = next(row for row in data["disks"] if row["name"] == "/")
    assert root["total_mb"] == pytest.approx(psutil.disk_usage("/").total / 2**20, rel=0.1)


@pytest.mark.parametrize(
    "arguments", [(0,), (-1,), ("five",), (1.5,), (True,), (None,), (5, "names"), (5, 5), (5, None), (5, "")]
)
def test_wrong_arguments_are_refused_with_what_is_expected(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(SkillError, match=r"system_top_processes: .* expected"):
        System().top_processes(*arguments)


def test_it_watches_the_process_that_it_was_given_and_says_when_it_is_gone() -> None:
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    with busy, LocalSkill("system", pid=busy.pid) as skill:
        skill.start()
        wait_until(lambda: (skill.snapshot()[0]["process"]["cpu_percent"] or 0) > 10, interval=0.3)
        top = skill.call("system_top_processes", 50)["processes"]
        assert [row["pid"] for row in top if row["observed"]] == [busy.pid]
        assert all("-c" not in row["name"] for row in top)
        busy.kill()
        busy.wait(10)
        gone = skill.snapshot()[0]["process"]
        assert gone["alive"] is False
        assert gone["rss_mb"] is None


def test_a_container_near_its_memory_limit_is_named_and_one_far_from_it_is_not(judge: Judge, kernel: Kernel) -> None:
    kernel.group("app/web", memory__max="1000000000", memory__current="600000000", memory__events="max 0\noom_kill 0\n")
    assert judge.alarms(3, 0) == []
    kernel.group("app/web", memory__current="960000000")
    observation, *_ = judge.wait_for("container_memory_limit", interval=0)
    assert "915.5 MB of the 953.7 MB" in observation


def test_a_page_cache_that_fills_the_limit_is_no_finding(judge: Judge, kernel: Kernel) -> None:
    kernel.group(
        "app/web",
        memory__max="1000000000",
        memory__current="990000000",
        memory__events="max 9\noom_kill 0\n",
        memory__stat="inactive_file 700000000\n",
    )
    assert judge.alarms(4, 0) == []


def test_old_kills_are_no_finding_and_new_ones_are(judge: Judge, kernel: Kernel) -> None:
    kernel.group("app/web", memory__max="1000000000", memory__current="1000", memory__events="max 0\noom_kill 7\n")
    assert judge.alarms(4, 0.01) == []
    kernel.group("app/web", memory__events="max 0\noom_kill 8\n")
    judge.look()
    kernel.group("app/web", memory__events="max 0\noom_kill 9\n")
    assert "killed 2 processes" in judge.wait_for("out_of_memory_kill", interval=0.01, timeout=5)[0]


def test_throttling_is_judged_by_its_part_of_the_periods_since_the_last_looks(judge: Judge, kernel: Kernel) -> None:
    def stat(periods: int, throttled: int) -> None:
        text = f"usage_usec 1\nnr_periods {periods}\nnr_throttled {throttled}\nthrottled_usec 1000000\n"
        kernel.group("app/web", cpu__max="50000 100000", cpu__stat=text)

    for turn in range(4):  # it was throttled much, long ago
        stat(100_000 + turn * 100, 90_000)
        judge.look()
    assert judge.findings() == {}
    for turn in range(4):
        stat(100_400 + turn * 100, 90_000 + turn * 60)
        judge.look()
    observation, *_ = judge.texts(judge.findings()["cpu_throttled"])
    assert "0.5 cores in a part of 0.45" in observation


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 64 MB; skipped where this user may not mount one."""
    mount = tmp_path / "disk"
    mount.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(mount)], capture_output=True)
    if done.returncode:
        pytest.skip("no file system may be mounted here")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


def test_a_full_disk_is_named_by_its_mount_and_an_empty_one_is_not(small_disk: Path) -> None:
    judge = _judge(System(), os.getpid())
    assert [name for name in judge.alarms(2, 0.1) if "disk" in name] == []
    (small_disk / "log").write_bytes(b"x" * (64 * 2**20))
    observation, *_, mount = judge.wait_for("disk_full")
    assert mount == str(small_disk)
    assert "is full" in observation


def test_a_disk_that_fills_is_named_before_it_is_full(small_disk: Path) -> None:
    judge = _judge(System(), os.getpid())
    (small_disk / "log").write_bytes(b"x" * (50 * 2**20))

    def write_and_look() -> bool:
        with (small_disk / "log").open("ab") as log:
            log.write(b"x" * 48_000)
        judge.look()
        return "disk_filling" in judge.findings()

    # About 0.5 MB a second: 30 MB a minute, above the least pace that counts, and 25 s until it is full.
    wait_until(write_and_look, timeout=30, interval=0.1)
    assert str(small_disk) in judge.texts(judge.findings()["disk_filling"])[0]


def test_a_busy_but_healthy_machine_is_no_finding() -> None:
    code = "import threading\nfor _ in range(2): threading.Thread(target=lambda: [0 for _ in iter(int, 1)]).start()"
    with subprocess.Popen([sys.executable, "-c", code]) as busy:
        try:
            judge = _judge(System(), busy.pid)
            # That others take the machine's processors, as other tests may, is told as information only.
            harmless = {check.name for check in judge.checks if check.severity == "info"}
            assert set(judge.alarms(6)) - harmless == set()
        finally:
            busy.kill()


def test_no_path_argument_or_environment_of_a_process_leaves() -> None:
    secret = "sk-live-4242424242"
    with subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)", secret], env={"TOKEN": secret}
    ) as other:
        try:
            skill = System()
            skill.pid = other.pid
            said = [skill.snapshot(), *(function() for function in skill.callbacks().values())]
            assert secret not in json.dumps(said)
        finally:
            other.kill()
