"""Real control groups with real limits, where this user may make some."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from beamlens.skills.system import System
from supervision.testing import wait_until
from tests.beamlens.skills.judged import Judge

_ROOT = Path("/sys/fs/cgroup")
_BUSY = "while True: pass"
_HOLD = """
import sys
sys.stdin.readline()  # once it is in its group
held = bytearray(int(sys.argv[1]))
for at in range(0, len(held), 4096):
    held[at] = 1
print("held", flush=True)
sys.stdin.read()
"""


class Group:
    """A group of one controller, of version 1 or 2."""

    def __init__(self, controller: str) -> None:
        self.version = 1 if (_ROOT / controller / "cgroup.procs").exists() else 2
        parent = _ROOT / controller if self.version == 1 else _ROOT
        self.directory = parent / f"beamlens-test-{os.getpid()}-{controller}"
        try:
            self.directory.mkdir()
        except OSError:
            pytest.skip("no control group may be made here")

    def write(self, names: tuple[str, str], text: str) -> None:
        """Write a limit: the file's names in both versions."""
        file = self.directory / names[self.version - 1]
        if not file.exists():
            pytest.skip(f"there is no {file.name} here")
        file.write_text(text)

    def take(self, pid: int) -> None:
        """Move a process of ours into it."""
        (self.directory / "cgroup.procs").write_text(str(pid))

    def remove(self) -> None:
        """Remove it, once nobody is in it."""
        wait_until(lambda: not (self.directory / "cgroup.procs").read_text())
        self.directory.rmdir()


@pytest.fixture
def cpu() -> Iterator[Group]:
    group = Group("cpu")
    yield group
    group.remove()


@pytest.fixture
def memory() -> Iterator[Group]:
    group = Group("memory")
    yield group
    group.remove()


def _judge(pid: int) -> Judge:
    skill = System()
    skill.pid = pid
    skill.start()
    calls = {"snapshot": skill.snapshot, **skill.callbacks()}
    return Judge(skill.checks(), lambda name, *arguments: calls[name](*arguments), tuple(skill.callbacks()))


def test_a_program_that_its_processor_limit_holds_back_is_named(cpu: Group) -> None:
    with subprocess.Popen([sys.executable, "-c", _BUSY]) as program:
        try:
            cpu.write(("cpu.cfs_quota_us", "cpu.max"), "20000" if cpu.version == 1 else "20000 100000")
            cpu.take(program.pid)
            judge = _judge(program.pid)
            assert "limit of 0.2 cores" in judge.wait_for("cpu_throttled")[0]
            assert judge.look()["container"]["cpu_limit_cores"] == 0.2
        finally:
            program.kill()


def _held(group: Group, megabytes: int) -> subprocess.Popen[str]:
    """Return a program in the group that holds so much."""
    command = [sys.executable, "-c", _HOLD, str(megabytes * 2**20)]
    program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert program.stdin is not None
    assert program.stdout is not None
    group.take(program.pid)
    program.stdin.write("go\n")
    program.stdin.flush()
    assert program.stdout.readline() == "held\n"
    return program


def test_a_program_near_its_memory_limit_is_named_and_one_far_from_it_is_not(memory: Group) -> None:
    memory.write(("memory.limit_in_bytes", "memory.max"), str(400 * 2**20))
    programs = [_held(memory, 100)]
    try:
        judge = _judge(programs[0].pid)
        assert "container_memory_limit" not in judge.alarms(3)
        programs.append(_held(memory, 275))
        observation, *_ = judge.wait_for("container_memory_limit", timeout=20)
        assert "of the 400 MB" in observation
    finally:
        for program in programs:
            program.kill()
            program.communicate()
