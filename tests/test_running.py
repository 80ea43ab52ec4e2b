"""`run`: a program that is its tree, and Ctrl-C, SIGTERM, the tree's own end."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervision.testing import wait_until

ROOT = Path(__file__).parent.parent


class Program:
    """Be the program on a terminal of its own, as a user starts it."""

    def __init__(self, how: str) -> None:
        self.terminal, end = pty.openpty()
        self.text = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.program_that_runs_a_tree", how],
            cwd=ROOT,
            stdin=end,
            stdout=end,
            stderr=end,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(end)

    def read_until(self, wanted: str, seconds: float = 20.0) -> str:
        """Read until a text is there, or with "" until the program has closed its terminal."""
        deadline = time.monotonic() + seconds
        while not wanted or wanted not in self.text:
            ready, _, _ = select.select([self.terminal], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"waited for {wanted!r}; there is {self.text!r}"
            try:
                data = os.read(self.terminal, 65536)
            except OSError:
                data = b""
            if not data:
                break
            self.text += data.decode().replace("\r\n", "\n")
        assert wanted in self.text, self.text
        return self.text

    def wait_until_it_runs(self) -> None:
        """Wait until signals are taken: Python itself does nothing about SIGTERM."""
        self.read_until("ready")
        status = Path(f"/proc/{self.process.pid}/status")
        bit = 1 << (signal.SIGTERM - 1)
        wait_until(lambda: int(status.read_text().partition("SigCgt:\t")[2].split()[0], 16) & bit)

    def ctrl_c(self) -> None:
        """Press the keys: the terminal sends SIGINT to its foreground group."""
        os.write(self.terminal, b"\x03")

    def end(self) -> int:
        """Read to the end and return the exit code."""
        self.read_until("")
        return self.process.wait(20)

    @property
    def said(self) -> list[str]:
        """The lines without process ids and the echo of keys."""
        lines = [re.sub(r" \d+$", "", line.replace("^C", "")) for line in self.text.splitlines()]
        return [line for line in lines if line]

    @property
    def pids(self) -> list[int]:
        return [int(pid) for pid in re.findall(r"start \w+ (\d+)", self.text)]

    def close(self) -> None:
        os.close(self.terminal)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def start() -> Iterator[type[Program]]:
    programs: list[Program] = []

    class Started(Program):
        def __init__(self, how: str) -> None:
            super().__init__(how)
            programs.append(self)

    yield Started
    for program in programs:
        program.close()


STARTED = ["start one", "start two", "start three", "ready"]
STOPPED = ["stop three", "stop two", "stop one"]


def check_nothing_is_left(program: Program) -> None:
    wait_until(lambda: not [pid for pid in program.pids if Path(f"/proc/{pid}").exists()])
    assert "Traceback" not in program.text


def test_ctrl_c_stops_the_children_in_reverse_order(start: type[Program]) -> None:
    """Exit code 130, the handlers are put back, and no traceback is seen."""
    program = start("runs")
    program.wait_until_it_runs()
    program.ctrl_c()
    assert program.end() == 130
    assert program.said == [*STARTED, *STOPPED, "code 130, same handlers, shutdown"]
    check_nothing_is_left(program)


def test_a_second_ctrl_c_kills_what_takes_too_long(start: type[Program]) -> None:
    """The slow child is not waited for, the others are not asked."""
    program = start("slow")
    program.wait_until_it_runs()
    program.ctrl_c()
    program.read_until("stop slow")
    begun = time.monotonic()
    program.ctrl_c()
    assert program.end() == 130
    assert time.monotonic() - begun < 5
    started = ["start one", "start two", "start slow", "ready"]
    assert program.said == [*started, "stop slow", "code 130, same handlers, killed"]
    check_nothing_is_left(program)


def test_sigterm_stops_in_order_and_is_no_failure(start: type[Program]) -> None:
    program = start("runs")
    program.wait_until_it_runs()
    program.process.send_signal(signal.SIGTERM)
    assert program.end() == 0
    assert program.said == [*STARTED, *STOPPED, "code 0, same handlers, shutdown"]
    check_nothing_is_left(program)


def test_a_second_sigterm_kills(start: type[Program]) -> None:
    program = start("slow")
    program.wait_until_it_runs()
    program.process.send_signal(signal.SIGTERM)
    program.read_until("stop slow")
    program.process.send_signal(signal.SIGTERM)
    assert program.end() == 0
    assert program.said[-1] == "code 0, same handlers, killed"
    check_nothing_is_left(program)


def test_signals_in_quick_succession_are_all_seen(start: type[Program]) -> None:
    """Two before the first was acted on: the tree is killed all the same, and nothing hangs."""
    program = start("slow")
    program.wait_until_it_runs()
    program.process.send_signal(signal.SIGINT)
    program.process.send_signal(signal.SIGTERM)
    assert program.end() == 130
    check_nothing_is_left(program)


def test_a_tree_that_gives_up_is_a_failure(start: type[Program]) -> None:
    program = start("fails")
    assert program.end() == 1
    assert program.said[-1] == "code 1, same handlers, shutdown"
    check_nothing_is_left(program)


def test_a_tree_that_ends_well_is_none(start: type[Program]) -> None:
    """Its significant child ended normally."""
    program = start("ends")
    assert program.end() == 0
    assert sorted(program.said) == sorted(["start one", "ready", "stop one", "code 0, same handlers, shutdown"])
    check_nothing_is_left(program)


def test_a_tree_that_has_ended_already(start: type[Program]) -> None:
    program = start("gone")
    assert program.end() == 0
    assert program.said[-1] == "code 0, same handlers, shutdown"
