"""What programs of the incidents are put into: limits that hold, for them alone, and nothing of it stays."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.cases import surroundings
from benchmarks.cases.surroundings import NotPossible, Surroundings, made
from benchmarks.cases.table import Case
from benchmarks.incidents import _play
from benchmarks.options import Options

_PROGRAM = """
import json, os, sys
from benchmarks.cases.surroundings import NotPossible, directory_given, enter
given = json.loads(sys.argv[1])
try:
    enter(given)
except NotPossible as error:
    print(json.dumps({"not_possible": str(error)}))
    sys.exit()
said = {"uid": os.getuid(), "cgroup": open("/proc/self/cgroup").read()}
if "disk" in given:
    try:
        (directory_given() / "large").write_bytes(b"x" * 6 * 2**20)
    except OSError as error:
        said["error"] = error.errno
    said["mb"] = round(os.statvfs(directory_given()).f_blocks * os.statvfs(directory_given()).f_frsize / 2**20)
print(json.dumps(said))
"""


def _inside(given: dict[str, Any]) -> dict[str, Any]:
    command = [sys.executable, "-c", _PROGRAM, json.dumps(given)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    told: dict[str, Any] = json.loads(done.stdout)
    if "not_possible" in told:
        pytest.skip(told["not_possible"])
    return told


def test_a_program_without_needs_is_left_as_it_is() -> None:
    with made(Surroundings()) as given:
        assert given == {"groups": []}
        assert _inside(given)["cgroup"] == Path("/proc/self/cgroup").read_text()


def test_a_file_system_of_its_own_is_as_small_as_that_and_nobody_else_sees_it() -> None:
    with made(Surroundings(disk_mb=4)) as given:
        directory = Path(given["disk"]["directory"])
        told = _inside(given)
        assert (told["mb"], told["error"]) == (4, 28), "no space is left"
        assert list(directory.iterdir()) == []
        assert str(directory) not in Path("/proc/self/mounts").read_text()
    assert not directory.exists()


def test_limits_are_those_of_groups_that_are_gone_afterwards() -> None:
    try:
        with made(Surroundings(cores=0.5, memory_mb=300)) as given:
            groups = [Path(group) for group in given["groups"]]
            assert all(group.name in _inside(given)["cgroup"] for group in groups)
            told = "".join(file.read_text() for group in groups for file in sorted(group.iterdir()) if _limits(file))
            assert "50000" in told
            assert str(300 * 2**20) in told
    except NotPossible as error:
        pytest.skip(str(error))
    assert not any(group.exists() for group in groups)


def _limits(file: Path) -> bool:
    return file.name in ("cpu.cfs_quota_us", "cpu.max", "memory.limit_in_bytes", "memory.max")


def test_a_case_whose_surroundings_cannot_be_had_is_told_as_not_possible_and_not_as_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surroundings, "_ROOT", tmp_path / "nothing")
    case = Case(
        "system", "machines:signatures_held_back", ("cpu_limit",), ("cores",), surroundings=Surroundings(cores=0.5)
    )
    incident = _play(case, Options(smoke=True))
    assert (incident.possible, incident.found) == (False, False)
    assert "no control group with a limit of cpu may be made here" in incident.failed
