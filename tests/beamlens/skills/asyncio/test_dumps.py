"""Asking a thread for its stack by a signal, thousands of times, while other threads are busy: the program lives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from beamlens.skills.eventloop.dumps import ask_thread, caught, read_stack
from supervision.testing import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

_BUSY = """
import faulthandler, signal, sys, threading, time
from pathlib import Path
from beamlens.skills.eventloop.dumps import SignalDumps

def deep(number, held=1):
    return held if number == 0 else deep(number - 1, [held])

def churn():
    while True:
        deep(30)
        sum(each for each in range(50))
        [(lambda given: given)(each) for each in range(20)]
        time.sleep(0)

dumps = SignalDumps(signal.SIGUSR2, Path(sys.argv[1]))
if sys.argv[2] == "all":
    faulthandler.register(signal.SIGUSR2, file=dumps._file, all_threads=True, chain=False)
for _ in range(4):
    threading.Thread(target=churn, daemon=True).start()
print(threading.main_thread().native_id, flush=True)

def rank():
    while True:
        deep(40)
        sum(each for each in range(30))

rank()
"""
_ASKED = 3000


@contextmanager
def _busy(path: Path, threads: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    program = subprocess.Popen([sys.executable, "-c", _BUSY, str(path), threads], stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    try:
        yield program, int(program.stdout.readline())
    finally:
        program.kill()
        program.communicate()


def test_a_busy_program_is_asked_thousands_of_times_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "stacks"
    with _busy(path, "one") as (program, thread):
        for number in range(_ASKED):
            assert ask_thread(program.pid, thread, signal.SIGUSR2)
            if number % 10 == 0:
                wait_until(lambda: path.stat().st_size > 0, timeout=20)
                os.truncate(path, 0)
        assert ask_thread(program.pid, thread, signal.SIGUSR2)
        wait_until(lambda: "<module>" in path.read_text(), timeout=20)
        assert [frame.function for frame in read_stack(path.read_text())][-2:] == ["rank", "<module>"]
        assert program.poll() is None


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="measured on 3.11")
def test_asked_for_all_threads_it_would_have_ended(tmp_path: Path) -> None:
    path = tmp_path / "stacks"
    until = time.monotonic() + 60
    with _busy(path, "all") as (program, _):
        while program.poll() is None and time.monotonic() < until:
            if caught(program.pid, signal.SIGUSR2):
                program.send_signal(signal.SIGUSR2)
            wait_until(lambda: path.stat().st_size > 0 or program.poll() is not None, timeout=20)
            os.truncate(path, 0)
        assert program.poll() in (-signal.SIGSEGV, -signal.SIGBUS, -signal.SIGABRT), (
            "the defence is not needed any more"
        )


def test_a_thread_that_is_not_there_is_not_asked() -> None:
    assert not ask_thread(os.getpid(), 0, signal.SIGUSR2)
    assert not ask_thread(2**22 + 1, 2**22 + 1, signal.SIGUSR2)
