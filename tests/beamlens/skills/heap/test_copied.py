"""A copy of the process: it says what it has to say, hurts nobody, and ends."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from beamlens.skills.heap import copied
from beamlens.skills.heap.copied import ForkGauge, Send, free_memory
from supervision.process import application

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a running process is copied on Linux only")


def _descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


def test_what_the_copy_sends_is_returned_in_order() -> None:
    def work(send: Send) -> None:
        for number in range(3):
            send({"number": number})

    answer = ForkGauge().run(work, 5.0)
    assert [line["number"] for line in answer.lines] == [0, 1, 2]
    assert answer.complete
    assert answer.error is None
    assert 0 < answer.pause_ms < 1000


def test_a_large_answer_comes_whole() -> None:
    answer = ForkGauge().run(lambda send: send({"text": "x" * 1_000_000}), 5.0)
    assert len(answer.lines[0]["text"]) == 1_000_000
    assert answer.complete


def test_the_copy_holds_no_descriptor_but_its_pipe() -> None:
    def work(send: Send) -> None:
        send({"open": [name for name in _descriptors() if Path(f"/proc/self/fd/{name}").exists()]})

    answer = ForkGauge().run(work, 5.0)
    # The pipe, and the one that lists the directory.
    assert len(answer.lines[0]["open"]) <= 2
    assert len(_descriptors()) > 2


def test_the_copy_runs_no_collection_gives_way_and_hears_no_signal_but_the_alarm() -> None:
    def work(send: Send) -> None:
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        send({"gc": gc.isenabled(), "nice": os.nice(0), "free": sorted(signal.valid_signals() - blocked)})

    line = ForkGauge().run(work, 5.0).lines[0]
    assert line["gc"] is False
    assert line["nice"] >= 5
    kept_open = {signal.SIGALRM, signal.SIGKILL, signal.SIGSTOP}
    assert set(line["free"]) <= kept_open
    assert signal.SIGALRM in line["free"]


def test_a_copy_that_hangs_is_ended_by_its_alarm_and_what_it_said_is_kept() -> None:
    def work(send: Send) -> None:
        send({"first": 1})
        while True:
            pass

    began = time.monotonic()
    answer = ForkGauge().run(work, 0.3)
    assert time.monotonic() - began < 5
    assert answer.lines == ({"first": 1},)
    assert not answer.complete
    assert "ended before" in str(answer.error)


def test_a_copy_that_crashes_or_raises_is_told_and_the_process_lives() -> None:
    def crash(send: Send) -> None:
        os.abort()

    def fail(send: Send) -> None:
        raise LookupError("secret-text")

    assert "ended before" in str(ForkGauge().run(crash, 5.0).error)
    failed = ForkGauge().run(fail, 5.0)
    assert failed.error == "LookupError in the copy"
    assert not failed.complete


def test_neither_descriptors_children_nor_the_signal_mask_are_left() -> None:
    application.shutdown()  # what earlier tests left running comes and goes by itself
    before, mask = _descriptors(), signal.pthread_sigmask(signal.SIG_BLOCK, ())
    for _ in range(3):
        ForkGauge().run(lambda send: None, 5.0)
    assert _descriptors() == before
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == mask
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_where_the_warning_of_a_fork_with_threads_is_an_error_the_copy_answers_and_is_reaped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[int] = []
    fork = os.fork

    def fork_and_warn() -> int:
        """Do as Python 3.14 does with `-W error`: the child is there, and its parent gets an exception."""
        pid = fork()
        if pid:
            made.append(pid)
            raise DeprecationWarning(
                "This process is multi-threaded, use of fork() may lead to deadlocks in the child."
            )
        return pid

    monkeypatch.setattr(os, "fork", fork_and_warn)
    answer = ForkGauge().run(lambda send: send({"a": 1}), 5.0)
    assert (answer.lines, answer.complete, answer.error) == (({"a": 1},), True, None)
    with pytest.raises(ChildProcessError):
        os.waitpid(made[0], os.WNOHANG)


def test_a_connection_that_is_closed_ends_at_once_though_a_copy_lives() -> None:
    read, write = os.pipe()
    began, ended = threading.Event(), []

    def work(send: Send) -> None:
        send({"lives": True})
        time.sleep(1.5)

    def ask() -> None:
        began.set()
        ended.append(ForkGauge().run(work, 5.0))

    asker = threading.Thread(target=ask)
    asker.start()
    began.wait()
    while asker.is_alive() and not _has_child():
        time.sleep(0)
    os.close(write)
    closed = time.monotonic()
    assert os.read(read, 1) == b"", "a copy that held the pipe would keep this from ending"
    assert time.monotonic() - closed < 1.0
    assert asker.is_alive(), "the copy must still have lived"
    os.close(read)
    asker.join()
    assert ended[0].complete


def _has_child() -> bool:
    return any(Path(f"/proc/self/task/{task}/children").read_text() for task in os.listdir("/proc/self/task"))


def test_a_copy_that_would_stop_the_process_too_long_is_refused() -> None:
    assert ForkGauge().refusal() is None
    refusal = ForkGauge(limit_ms=0.5).refusal()
    assert refusal is not None
    assert "would stop it for about" in refusal
    assert "0.5 ms are accepted" in refusal


def test_what_a_copy_took_is_expected_of_the_next() -> None:
    gauge = ForkGauge()
    gauge._learn(500.0)
    assert gauge.refusal() is not None
    for _ in range(40):
        gauge._learn(1.0)
    assert gauge.refusal() is None


def test_it_is_refused_where_it_is_not_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert "safe on Linux only" in str(ForkGauge().refusal())
    monkeypatch.undo()
    monkeypatch.setattr("sysconfig.get_config_var", lambda name: 1)
    assert "free-threaded" in str(ForkGauge().refusal())


def test_free_memory_is_bounded_by_the_container(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("400000\n")
    monkeypatch.setattr(copied, "_CGROUP", tmp_path)
    assert free_memory() == 600_000
    (tmp_path / "memory.max").write_text("max\n")
    assert (free_memory() or 0) > 600_000
