"""Asking a thread for its stack by a signal, thousands of times, while other threads are busy: the program lives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from beamlens.skills.eventloop.dumps import ask_thread, caught, read_stack, rests
from supervision.testing import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

_BUSY = """
import faulthandler, signal, sys, threading, time
from pathlib import Path
from beamlens.skills.eventloop.dumps import SignalDumps

def deep(number, held=1):
    return held if number == 0 else deep(number - 1, [held])

def churn(pause=0.0):
    while True:
        deep(40)
        sum(each for each in range(50))
        [(lambda given: given)(each) for each in range(20)]
        time.sleep(pause)

def rest():
    time.sleep(3600)

dumps = SignalDumps(signal.SIGUSR2, Path(sys.argv[1]))
if sys.argv[2] == "all threads":
    faulthandler.register(signal.SIGUSR2, file=dumps._file, all_threads=True, chain=False)
for _ in range(4):
    threading.Thread(target=churn, daemon=True).start()
print(threading.main_thread().native_id, flush=True)
rest() if sys.argv[2] == "rests" else churn()
"""
_ASKED = 3000


@contextmanager
def _busy(path: Path, kind: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    program = subprocess.Popen([sys.executable, "-c", _BUSY, str(path), kind], stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    try:
        yield program, int(program.stdout.readline())
    finally:
        program.kill()
        program.communicate()


def _ended_by_asking(program: subprocess.Popen[str], thread: int, path: Path, times: int) -> bool:
    """Ask so often, each time once the answer is there; return whether the program has ended meanwhile."""
    for _ in range(times):
        if caught(program.pid, signal.SIGUSR2):
            ask_thread(program.pid, thread, signal.SIGUSR2)
        wait_until(lambda: path.stat().st_size > 0 or program.poll() is not None, timeout=20, interval=0.001)
        if program.poll() is not None:
            return True
        os.truncate(path, 0)
    return False


def test_a_thread_that_rests_is_asked_thousands_of_times_while_others_are_busy(tmp_path: Path) -> None:
    path = tmp_path / "stacks"
    with _busy(path, "rests") as (program, thread):
        assert not _ended_by_asking(program, thread, path, _ASKED)
        ask_thread(program.pid, thread, signal.SIGUSR2)
        wait_until(lambda: path.read_text().endswith("in <module>\n"), timeout=20)
        assert [frame.function for frame in read_stack(path.read_text())] == ["rest", "<module>"]
        assert program.poll() is None


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="measured on 3.11")
def test_asked_for_all_threads_it_would_have_ended(tmp_path: Path) -> None:
    path = tmp_path / "stacks"
    with _busy(path, "all threads") as (program, thread):
        assert _ended_by_asking(program, thread, path, 20_000), "the defence is not needed any more"
        assert program.poll() in (-signal.SIGSEGV, -signal.SIGBUS, -signal.SIGABRT)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="measured on 3.13")
def test_asked_while_it_runs_python_code_it_would_have_ended(tmp_path: Path) -> None:
    path = tmp_path / "stacks"
    with _busy(path, "runs") as (program, thread):
        assert _ended_by_asking(program, thread, path, 20_000), "the defence is not needed any more"


@pytest.mark.parametrize(("kind", "expected"), [("rests", True), ("runs", False)])
def test_only_a_thread_that_waits_in_a_call_rests(tmp_path: Path, kind: str, expected: bool) -> None:
    with _busy(tmp_path / "stacks", kind) as (program, thread):
        wait_until(lambda: rests(program.pid, thread) is not None, timeout=20)
        before = rests(program.pid, thread)
        wait_until(lambda: (before == rests(program.pid, thread)) is expected, timeout=20)
        if expected:
            assert all(rests(program.pid, thread) == before for _ in range(100))


def test_a_thread_that_is_not_there_is_not_asked() -> None:
    assert not ask_thread(os.getpid(), 0, signal.SIGUSR2)
    assert not ask_thread(2**22 + 1, 2**22 + 1, signal.SIGUSR2)
