"""The server: its private directory, who may connect, and who dies with whom."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from beamlens.errors import ConfigurationError
from beamlens.sandbox import Limits, Sandbox, SandboxServer, SandboxStartError
from beamlens.sandbox import server as server_module
from beamlens.sandbox.directory import PREFIX, clean_up, why_not_private
from supervision.testing import wait_until
from tests.beamlens.sandbox.hosts import Host
from tests.beamlens.sandbox.processes import children_of, cpu_ticks, is_running

_ENDLESS = "while true do pcall(string.rep, 'x', 1) end"
_PATIENT = Limits(wall_seconds=50.0, instructions=1 << 50)


@pytest.fixture
def own() -> Iterator[SandboxServer]:
    with SandboxServer.start() as started:
        yield started


def _pid(server: SandboxServer) -> int:
    assert server.pid is not None
    return server.pid


# -- its life --------------------------------------------------------------------------------------


def test_it_starts_and_stops_and_leaves_nothing() -> None:
    server = SandboxServer.start()
    folder, pid = Path(server.address).parent, _pid(server)
    assert server.is_alive()
    assert why_not_private(folder) is None
    assert Sandbox(server.address).evaluate("return 1").value == 1
    server.stop()
    server.stop()
    assert not server.is_alive()
    assert not is_running(pid)
    assert not folder.exists()
    found = Sandbox(server.address).evaluate("return 1")
    assert found.error is not None
    assert found.error.kind == "unavailable"


def test_it_is_used_from_another_process(own: SandboxServer) -> None:
    with Host(f"print(Sandbox({own.address!r}).evaluate('return 6 * 7').value)") as host:
        assert host.word() == "42"


def test_several_threads_use_it_at_a_time(own: SandboxServer) -> None:
    sandbox = Sandbox(own.address, Limits(wall_seconds=30.0))
    values: list[object] = []

    def work(number: int) -> None:
        values.extend(sandbox.evaluate(f"return f({number})", {"f": lambda x: x}).value for _ in range(5))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(map(str, values)) == sorted(str(number) for number in range(8) for _ in range(5))


def test_stopping_it_ends_what_runs(own: SandboxServer) -> None:
    threading.Timer(0.3, own.stop).start()
    found = Sandbox(own.address, _PATIENT).evaluate(_ENDLESS)
    assert found.error is not None
    assert found.error.kind == "killed"
    wait_until(lambda: not own.is_alive())


def test_killing_it_in_the_middle_ends_what_runs_at_once(own: SandboxServer) -> None:
    sandbox = Sandbox(own.address, _PATIENT)
    with sandbox.session() as session:
        session.start()
        child = session.pid
        assert child is not None
        threading.Timer(0.3, lambda: os.kill(_pid(own), signal.SIGKILL)).start()
        begun = time.monotonic()
        found = session.evaluate(_ENDLESS)
        assert found.error is not None
        assert found.error.kind == "killed"
        assert time.monotonic() - begun < 10
        wait_until(lambda: not is_running(child))
        following = session.evaluate("return 1")
        assert following.error is not None
        assert following.error.kind == "unavailable"
    assert not own.is_alive()


def test_a_server_that_stands_still_is_unavailable_in_time(own: SandboxServer) -> None:
    os.kill(_pid(own), signal.SIGSTOP)
    try:
        begun = time.monotonic()
        found = Sandbox(own.address).evaluate("return 1")
        assert found.error is not None
        assert found.error.kind == "unavailable"
        assert time.monotonic() - begun < 20
    finally:
        os.kill(_pid(own), signal.SIGCONT)
    assert Sandbox(own.address).evaluate("return 1").value == 1


def test_there_are_not_more_children_than_may_be() -> None:
    with SandboxServer.start(most_children=2) as server:
        sandbox = Sandbox(server.address)
        with sandbox.session() as first, sandbox.session() as second:
            first.start()
            second.start()
            third = sandbox.evaluate("return 1")
            assert third.error is not None
            assert third.error.kind == "unavailable"
            assert "2 sandboxes run already" in third.error.text
        wait_until(lambda: children_of(_pid(server)) == [])
        assert sandbox.evaluate("return 1").value == 1


def test_a_child_gets_only_so_old_and_its_session_another() -> None:
    with SandboxServer.start(child_seconds=0.5) as server, Sandbox(server.address).session() as session:
        session.start()
        child = session.pid
        assert child is not None
        wait_until(lambda: not is_running(child))
        assert session.evaluate("return 1").value == 1
        assert session.pid != child


# -- who dies with whom ----------------------------------------------------------------------------


def _endless(address: str, wall_seconds: float) -> str:
    return f"""
session = Sandbox({address!r}, Limits(wall_seconds={wall_seconds}, instructions=1 << 50)).session()
session.start()
print(session.pid)
session.evaluate({_ENDLESS!r})
"""


def test_a_child_in_an_endless_loop_dies_with_its_host(own: SandboxServer) -> None:
    with Host(_endless(own.address, 50.0)) as host:
        child = int(host.word())
        wait_until(lambda: cpu_ticks(child) > 5)
        host.kill()
        begun = time.monotonic()
        wait_until(lambda: not is_running(child), timeout=10)
        assert time.monotonic() - begun < 2


def test_a_stopped_child_dies_with_its_host(own: SandboxServer) -> None:
    with Host(_endless(own.address, 50.0)) as host:
        child = int(host.word())
        wait_until(lambda: cpu_ticks(child) > 5)
        os.kill(child, signal.SIGSTOP)
        host.kill()
        wait_until(lambda: not is_running(child), timeout=10)


def test_where_a_copy_of_the_host_holds_on_the_childs_own_clock_ends_it(own: SandboxServer) -> None:
    """The negative control of the lifeline, and the proof of the clock that comes behind it."""
    copied = """
copy = os.fork()
if copy == 0:
    time.sleep(60)
print(copy)
session.evaluate("""
    body = _endless(own.address, 2.0).replace("session.evaluate(", copied)
    with Host(body) as host:
        child, copy = int(host.word()), int(host.word())
        try:
            wait_until(lambda: cpu_ticks(child) > 5)
            host.kill()
            begun = time.monotonic()
            wait_until(lambda: not is_running(child), timeout=40)
            assert time.monotonic() - begun > 0.7
        finally:
            os.kill(copy, signal.SIGKILL)


@pytest.mark.parametrize("stopped", [False, True])
def test_it_dies_with_its_owner_and_removes_its_directory(stopped: bool) -> None:
    body = """
server = SandboxServer.start()
session = Sandbox(server.address).session()
session.start()
print(server.pid, session.pid, server.address)
time.sleep(60)
"""
    with Host(body) as host:
        pid, child, address = host.word().split()
        if stopped:
            os.kill(int(pid), signal.SIGSTOP)
        host.kill()
        wait_until(lambda: not is_running(int(pid)) and not is_running(int(child)), timeout=10)
        wait_until(lambda: not Path(address).parent.exists())


def test_a_forked_copy_of_its_owner_does_not_stop_it() -> None:
    body = """
server = SandboxServer.start()
if os.fork() == 0:
    server.stop()
    os._exit(0)
os.wait()
print(Sandbox(server.address).evaluate('return 42').value, server.is_alive())
server.stop()
"""
    with Host(body) as host:
        assert host.word() == "42 True"


# -- its directory ---------------------------------------------------------------------------------


def test_directories_of_dead_servers_are_removed(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o700)
    stale, young, foreign = (tmp_path / (PREFIX + name) for name in ("stale", "young", "foreign"))
    for folder in (stale, young):
        folder.mkdir(0o700)
        (folder / "lock").touch()
    long_ago = time.time() - 1000
    os.utime(stale, (long_ago, long_ago))
    foreign.symlink_to(young)
    with SandboxServer.start(directory=tmp_path) as server:
        used = Path(server.address).parent
        assert not stale.exists()
        assert young.exists()
        assert foreign.is_symlink()
        os.utime(used, (long_ago, long_ago))
        clean_up(tmp_path)
        assert used.exists()
        assert Sandbox(server.address).evaluate("return 1").value == 1
    assert not used.exists()


def test_a_path_that_is_too_long_is_told(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    with pytest.raises(ConfigurationError, match="too long"):
        SandboxServer.start(directory=folder)
    assert list(folder.iterdir()) == []


def test_a_directory_that_others_enter_is_not_trusted(own: SandboxServer) -> None:
    folder = Path(own.address).parent
    os.chmod(folder, 0o755)
    try:
        found = Sandbox(own.address).evaluate("return 1")
        assert found.error is not None
        assert found.error.kind == "unavailable"
        assert "entered by others" in found.error.text
    finally:
        os.chmod(folder, 0o700)


def test_the_socket_has_a_name_in_the_file_system(own: SandboxServer) -> None:
    assert Path(own.address).is_socket()
    lines = Path("/proc/net/unix").read_text().splitlines()
    assert any(line.endswith(own.address) for line in lines)
    assert not any("@" in line and PREFIX in line for line in lines)


_STRANGER = """
import os, socket, sys
os.setgid(65534)
os.setuid(65534)
sock = socket.socket(socket.AF_UNIX)
sock.settimeout(10)
try:
    sock.connect(sys.argv[1])
    print('got', len(sock.recv(100)))
except OSError as error:
    print(type(error).__name__)
"""


def _stranger(address: str) -> str:
    command = [sys.executable, "-S", "-c", _STRANGER, address]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=30, check=False)
    return done.stdout.strip()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_another_user_gets_no_child(own: SandboxServer) -> None:
    assert _stranger(own.address) == "PermissionError"
    folder = Path(own.address).parent
    os.chmod(folder, 0o755)
    os.chmod(own.address, 0o666)  # the doors open, for what stands behind them
    assert _stranger(own.address) == "got 0"
    os.chmod(folder, 0o700)
    assert Sandbox(own.address).evaluate("return 1").value == 1


def test_idle_connections_are_bounded_and_harmless(own: SandboxServer) -> None:
    socks = []
    try:
        for _ in range(100):
            sock = socket.socket(socket.AF_UNIX)
            socks.append(sock)
            sock.connect(own.address)
        wait_until(lambda: len(children_of(_pid(own))) >= 60)
        assert len(children_of(_pid(own))) <= 64
    finally:
        for sock in socks:
            sock.close()
    wait_until(lambda: children_of(_pid(own)) == [])
    assert Sandbox(own.address).evaluate("return 1").value == 1


def test_a_host_without_a_descriptor_is_told(own: SandboxServer) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(name) for name in os.listdir("/proc/self/fd"))
    errors = []
    try:
        for most in range(1, 4):
            holes = [os.dup(0) for _ in range(highest + 1 - len(os.listdir("/proc/self/fd")) + 2)]
            top = max(holes)
            resource.setrlimit(resource.RLIMIT_NOFILE, (top + most, hard))
            errors.append(Sandbox(own.address).evaluate("return 1").error)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for hole in holes:
                os.close(hole)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert [error.kind for error in errors if error is not None] == ["unavailable"] * 3
    assert Sandbox(own.address).evaluate("return 1").value == 1


# -- what goes wrong at its start ------------------------------------------------------------------


def test_a_start_that_fails_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(server_module, "search_path", list)
        with pytest.raises(SandboxStartError, match="No module named"):
            SandboxServer.start(directory=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/nonexistent/python")
        with pytest.raises(SandboxStartError, match="/nonexistent/python"):
            SandboxServer.start(directory=tmp_path)
    assert list(tmp_path.iterdir()) == []


def _with_patch(monkeypatch: pytest.MonkeyPatch, patch: str) -> None:
    """Have servers begin with a statement that changes them."""
    code = server_module._CODE.replace("from beamlens.sandbox.{module}", patch + "; from beamlens.sandbox.{module}")
    monkeypatch.setattr(server_module, "_CODE", code)


_NO_SECCOMP = "import beamlens.sandbox.seccomp as s; s.why_not = lambda: 'no filters here'"


def test_without_seccomp_lua_is_refused_unless_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    _with_patch(monkeypatch, _NO_SECCOMP)
    with SandboxServer.start() as server:
        found = Sandbox(server.address).evaluate("return 1")
        assert found.error is not None
        assert found.error.kind == "refused"
        assert "no filters here" in found.error.text
        assert "allow_reduced" in found.error.text
        assert Sandbox(server.address, allow_reduced=True).evaluate("return 1").value == 1


def test_a_child_that_dies_in_its_set_up_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    _with_patch(monkeypatch, "import beamlens.sandbox.child as c; c.limit_resources = lambda *_: 1 // 0")
    with SandboxServer.start() as server:
        found = Sandbox(server.address).evaluate("return 1")
        assert found.error is not None
        assert found.error.kind == "unavailable"
        assert "ZeroDivisionError" in found.error.text


def test_a_child_that_is_killed_in_its_set_up_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    _with_patch(monkeypatch, "import os; import beamlens.sandbox.child as c; c.limit_resources = lambda *_: os.abort()")
    with SandboxServer.start() as server:
        begun = time.monotonic()
        found = Sandbox(server.address).evaluate("return 1")
        assert found.error is not None
        assert found.error.kind == "unavailable"
        assert "ended" in found.error.text
        assert time.monotonic() - begun < 10
