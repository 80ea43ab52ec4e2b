"""Each kind of leak is made on purpose and must be found: the guard's negative controls."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from supervision import telemetry
from supervision.leak_guard import LeakError, LeakGuard, Resource, kill, resources
from supervision.process import application
from supervision.testing import wait_until

ROOT = Path(__file__).parent.parent
SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@contextmanager
def a_process() -> Iterator[str]:
    with subprocess.Popen(SLEEP) as process:
        try:
            yield f"{process.pid} ("
        finally:
            process.kill()


@contextmanager
def a_dead_process() -> Iterator[str]:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        yield f"child of {os.getpid()}, dead but not waited for"


@contextmanager
def a_descriptor() -> Iterator[str]:
    read, write = os.pipe()
    try:
        yield f"{read} -> pipe:"
    finally:
        os.close(read)
        os.close(write)


@contextmanager
def a_thread() -> Iterator[str]:
    end = threading.Event()
    thread = threading.Thread(target=end.wait, name="left-behind", daemon=True)
    thread.start()
    try:
        yield "left-behind"
    finally:
        end.set()
        thread.join()


@contextmanager
def shared_memory() -> Iterator[str]:
    path = Path("/dev/shm") / f"leak-guard-{secrets.token_hex(4)}"
    path.write_bytes(b"x")
    try:
        yield str(path)
    finally:
        path.unlink()


@contextmanager
def a_socket_file() -> Iterator[str]:
    path = Path(tempfile.gettempdir()) / f"leak-guard-{secrets.token_hex(4)}"
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))
    try:
        yield str(path)
    finally:
        path.unlink()


@contextmanager
def a_handler() -> Iterator[str]:
    telemetry.attach("left", ("test", "left"), lambda *_: None)
    try:
        yield "'left' on ('test', 'left')"
    finally:
        telemetry.detach("left")


@pytest.fixture(scope="module", autouse=True)
def nothing_runs() -> None:
    """End what earlier tests left to the runtime, which comes and goes by itself."""
    application.shutdown()


LEAKS = [
    ("process", a_process),
    ("process", a_dead_process),
    ("descriptor", a_descriptor),
    ("thread", a_thread),
    ("shared memory", shared_memory),
    ("socket file", a_socket_file),
    ("telemetry handler", a_handler),
]


@pytest.mark.parametrize(("kind", "leak"), LEAKS)
def test_what_is_left_behind_is_named(kind: str, leak: Callable[[], AbstractContextManager[str]]) -> None:
    guard = LeakGuard(timeout=0.02)
    guard.begin()
    with leak() as name:
        assert any(found.kind == kind and name in found.text for found in guard.settled())
        with pytest.raises(LeakError) as caught:
            guard.check()
    assert f"{kind} " in str(caught.value)
    assert name in str(caught.value)
    guard.check()


@pytest.mark.parametrize(("kind", "leak"), LEAKS)
def test_what_was_there_before_or_is_allowed_may_stay(
    kind: str, leak: Callable[[], AbstractContextManager[str]]
) -> None:
    allowing = LeakGuard(allow=lambda resource: resource.kind in (kind, "descriptor"), timeout=0.02)
    allowing.begin()
    with leak():
        allowing.check()
        with LeakGuard(timeout=0.02):
            pass


def test_what_goes_within_the_time_is_no_leak() -> None:
    end = threading.Event()
    timer = threading.Timer(0.05, end.set)
    with LeakGuard(timeout=10):
        threading.Thread(target=end.wait).start()
        timer.start()
    assert end.is_set()


def test_a_descriptor_whose_number_is_given_to_another_file_is_a_leak() -> None:
    first = os.open(os.devnull, os.O_RDONLY)
    guard = LeakGuard(timeout=0.02)
    guard.begin()
    os.close(first)
    second = os.open("/dev/zero", os.O_RDONLY)
    try:
        assert first == second
        assert [leak.text for leak in guard.settled()] == [f"{second} -> /dev/zero"]
    finally:
        os.close(second)


def test_a_grandchild_whose_parent_is_gone_is_found_and_killed() -> None:
    guard = LeakGuard(timeout=0.02)
    guard.begin()
    start_one = "import subprocess, sys; print(subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL).pid)"
    started = subprocess.run([sys.executable, "-c", start_one, *SLEEP], stdout=subprocess.PIPE, check=True, timeout=30)
    pid = int(started.stdout)

    def is_there() -> bool:
        return any(found.kind == "process" and found.text.startswith(f"{pid} (") for found in guard.leaks())

    assert is_there()
    with pytest.raises(LeakError, match=rf"process {pid} \("):
        guard.check()
    wait_until(lambda: not is_running(pid))


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def test_a_process_of_somebody_else_is_none_of_ours() -> None:
    ours = {found.key for found in resources() if found.kind == "process"}
    assert not any(isinstance(key, tuple) and key[0] in (1, os.getpid(), os.getppid()) for key in ours)


def test_an_exception_of_the_block_is_not_covered_by_what_it_left_behind() -> None:
    kept: list[int] = []

    def leak_and_fail() -> None:
        with LeakGuard(timeout=0.02):
            kept.append(os.open(os.devnull, os.O_RDONLY))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        leak_and_fail()
    os.close(kept[0])


def test_a_leaking_test_fails_in_a_session_with_our_conftest(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "import tests.conftest\ntests.conftest._guard._timeout = 0.02\nfrom tests.conftest import leak_guard\n"
    )
    (tmp_path / "test_it.py").write_text(
        "import os, subprocess, sys\n"
        f"def test_leaks(): subprocess.Popen({SLEEP!r}); os.pipe()\n"
        "def test_is_clean(): os.close(os.dup(0))\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-c",
        os.devnull,
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert "2 passed, 1 error" in done.stdout, done.stdout + done.stderr
    assert "left behind:" in done.stdout
    assert "-> pipe:" in done.stdout
    assert "time.sleep(60)" in done.stdout
    assert done.returncode == 1


def test_killing_spares_a_process_that_got_the_number_of_another() -> None:
    with subprocess.Popen(SLEEP) as process:
        kill([Resource("process", (process.pid, 0), "an older one with this number")])
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.05)
        process.kill()
    assert process.returncode == -signal.SIGKILL


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's file")
def test_shared_memory_of_another_user_is_none_of_ours() -> None:
    guard = LeakGuard(timeout=0.1)
    guard.begin()
    with shared_memory() as path:
        os.chown(path, 65534, 65534)
        assert guard.leaks() == []
        os.chown(path, 0, 0)
        assert [leak.kind for leak in guard.leaks()] == ["shared memory"]
