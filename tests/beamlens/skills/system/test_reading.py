"""What is read of the kernel's files, as the kernel documents them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from beamlens.skills.machine.cgroups import ControlGroup
from beamlens.skills.machine.files import fields_of, number_in, values_of
from beamlens.skills.machine.memory import machine_memory
from beamlens.skills.machine.pressure import pressure
from beamlens.skills.machine.processes import row_of
from beamlens.skills.machine.processor import Processor
from supervision.testing import wait_until
from tests.beamlens.skills.system.kernel import PID, Kernel, make_kernel


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    return make_kernel(tmp_path / "machine")


def _group(kernel: Kernel) -> ControlGroup:
    return ControlGroup(kernel.proc, kernel.groups, PID)


def test_the_tightest_limit_of_a_group_and_those_above_counts_and_file_pages_do_not(kernel: Kernel) -> None:
    mb = 2**20
    kernel.group(
        "app/web",
        memory__max=f"{400 * mb}",
        memory__current=f"{300 * mb}",
        memory__stat=f"anon 5\ninactive_file {100 * mb}\n",
        memory__events="low 0\nhigh 1\nmax 2\noom 1\noom_kill 3\n",
    )
    kernel.group("app", memory__max=f"{250 * mb}", memory__current=f"{240 * mb}", memory__stat="inactive_file 0\n")
    found = _group(kernel).look()
    assert found is not None
    assert (found["memory_limit_mb"], found["memory_used_mb"], found["memory_used_part"]) == (250.0, 240.0, 0.96)
    assert (found["oom_kills_total"], found["memory_limit_hits_total"], found["version"]) == (3, 3, 2)
    kernel.group("app", memory__max="max\n")
    found = _group(kernel).look()
    assert found is not None
    assert (found["memory_limit_mb"], found["memory_used_mb"], found["memory_used_part"]) == (400.0, 200.0, 0.5)


def test_without_a_limit_nothing_is_said_and_never_zero(kernel: Kernel) -> None:
    kernel.group("app/web", memory__max="max\n", memory__current="1000\n", cpu__max="max 100000\n", pids__max="max\n")
    found = _group(kernel).look()
    assert found is not None
    assert {name for name, value in found.items() if value is not None} == {"version"}


def test_the_processor_limit_and_how_often_it_held(kernel: Kernel) -> None:
    stat = "usage_usec 5000000\nnr_periods 100\nnr_throttled 40\nthrottled_usec 2500000\n"
    kernel.group("app/web", cpu__max="50000 100000\n", cpu__stat=stat, pids__max="100", pids__current="90")
    found = _group(kernel).look()
    assert found is not None
    assert (found["cpu_limit_cores"], found["cpu_seconds_total"]) == (0.5, 5.0)
    assert (found["periods_total"], found["throttled_periods_total"], found["throttled_seconds_total"]) == (
        100,
        40,
        2.5,
    )
    assert (found["tasks"], found["tasks_limit"], found["tasks_used_part"]) == (90, 100, 0.9)


def test_version_1_where_it_rules(kernel: Kernel) -> None:
    kernel.write(f"proc/{PID}/cgroup", "4:memory:/box\n2:cpu,cpuacct:/box\n0::/\n")
    kernel.write("cgroup/cgroup.controllers", "")
    kernel.group(
        "memory/box",
        memory__limit_in_bytes=f"{100 * 2**20}",
        memory__usage_in_bytes=f"{60 * 2**20}",
        memory__stat=f"total_inactive_file {10 * 2**20}\n",
        memory__failcnt="7",
        memory__oom_control="oom_kill 2\n",
    )
    kernel.group(
        "cpu/box",
        cpu__cfs_quota_us="25000\n",
        cpu__cfs_period_us="100000\n",
        cpu__stat="nr_periods 10\nnr_throttled 4\nthrottled_time 3000000000\n",
    )
    found = _group(kernel).look()
    assert found is not None
    assert (found["version"], found["memory_used_part"], found["memory_limit_hits_total"]) == (1, 0.5, 7)
    assert (found["cpu_limit_cores"], found["throttled_seconds_total"], found["oom_kills_total"]) == (0.25, 3.0, 2)
    kernel.group("memory/box", memory__limit_in_bytes=f"{2**63 - 4096}")
    kernel.group("cpu/box", cpu__cfs_quota_us="-1\n")
    found = _group(kernel).look()
    assert found is not None
    assert (found["memory_limit_mb"], found["cpu_limit_cores"]) == (None, None)


def test_no_control_groups_at_all(kernel: Kernel) -> None:
    kernel.write(f"proc/{PID}/cgroup", "")
    assert _group(kernel).look() is None


def test_processor_use_is_that_between_two_readings(kernel: Kernel) -> None:
    processor = Processor(kernel.proc)
    assert processor.look()["busy_percent"] is None
    kernel.write("proc/stat", "cpu  140 0 110 830 10 0 0 10 0 0\n")
    seen: list[dict[str, Any]] = []

    def looked() -> bool:
        seen.append(processor.look())
        return seen[-1]["busy_percent"] is not None

    wait_until(looked)
    found = seen[-1]
    assert (found["busy_percent"], found["iowait_percent"], found["steal_percent"]) == (60.0, 10.0, 10.0)


def test_memory_pressure_and_processes(kernel: Kernel, tmp_path: Path) -> None:
    memory = machine_memory(kernel.proc)
    assert (memory["available_part"], memory["swap_used_part"], memory["oom_kills_total"]) == (0.5, None, 0)
    kernel.write(
        "proc/pressure/io", "some avg10=1.50 avg60=2.00 avg300=0 total=3000000\nfull avg10=0.5 avg60=0 total=1\n"
    )
    told = pressure(kernel.proc / "pressure")
    assert told["cpu"] is None
    assert told["io"] == {
        "some_avg10": 1.5, "some_avg60": 2.0, "some_seconds_total": 3.0, "full_avg10": 0.5, "full_avg60": 0.0
    }  # fmt: skip
    row = row_of(kernel.proc, PID)
    assert row is not None
    assert (row.name, row.state, row.parent, row.threads, row.major_faults) == ("a (b) c", "S", 1, 7, 3)
    assert row_of(kernel.proc, 1) is None


@pytest.mark.parametrize("text", ["", "max\n", "-5", "1.5", "many words here", "\x00"])
def test_what_is_no_number_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "file").write_text(text)
    assert number_in(tmp_path / "file") is None
    assert "max" not in fields_of(tmp_path / "file")
    assert values_of(tmp_path / "file") == {}
    assert number_in(tmp_path / "gone") is None
