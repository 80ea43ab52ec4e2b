"""Descriptors: none leaks into a child, none stays after it, and their shortage passes."""

from __future__ import annotations

import gc
import os
import re
import signal
import subprocess
from typing import Any

import pytest

from supervision import ChildSpec
from supervision.process import child_process
from supervision.testing import wait_until
from tests.faults.actors import Subject
from tests.faults.helpers import Program, answering_pid, own_descriptors, own_runtime, spare_pids, tree_of

_EXPECTED = re.compile(r"socket:\[\d+\]|pipe:\[\d+\]|/memfd:supervision-stacks \(deleted\)|/proc/\d+/fd")


def test_a_child_has_its_streams_socket_lifeline_and_stacks_and_nothing_else() -> None:
    read, write = os.pipe()
    os.set_inheritable(read, True)
    file = os.open("/dev/zero", os.O_RDONLY)
    os.set_inheritable(file, True)
    try:
        with own_runtime(), tree_of(*(ChildSpec(id=n, start=(Subject, (), {})) for n in range(10))) as tree:
            for n in range(10):
                found = tree[n].ask(("descriptors",), timeout=10)
                others = {fd: target for fd, target in found.items() if fd > 2}
                assert all(_EXPECTED.fullmatch(target) for target in others.values()), others
                kinds = sorted(re.sub(r"\W.*", "", target.lstrip("/")) for target in others.values())
                assert [kind for kind in kinds if kind != "proc"] == ["memfd", "pipe", "pipe", "pipe", "socket"]
    finally:
        for fd in (read, write, file):
            os.close(fd)


def test_without_the_closing_at_exec_it_would_have_more(monkeypatch: pytest.MonkeyPatch) -> None:
    execute: Any = subprocess.Popen

    def execute_with_all(*args: Any, pass_fds: tuple[int, ...], **options: Any) -> Any:
        for fd in pass_fds:
            os.set_inheritable(fd, True)
        return execute(*args, close_fds=False, **options)

    file = os.open("/dev/zero", os.O_RDONLY)
    os.set_inheritable(file, True)
    try:
        with own_runtime(spares=0):
            with monkeypatch.context() as patch:
                patch.setattr(subprocess, "Popen", execute_with_all)
                ref = Subject.start()
            assert "/dev/zero" in ref.ask(("descriptors",), timeout=10).values()
    finally:
        os.close(file)


def test_a_sibling_does_not_hold_a_dead_childs_socket() -> None:
    """Each of ten sockets has one holder in the application and one child."""
    with own_runtime(spares=0):
        sockets = _sockets_of_ten()
    assert all(len(found) == 1 for found in sockets)
    assert len(set.union(*sockets)) == 10


def test_did_the_fork_server_keep_them_siblings_would_hold_them() -> None:
    with own_runtime(spares=0, preload=("tests.faults.sabotage.no_check", "tests.faults.sabotage.keeps_sockets")):
        assert max(len(found) for found in _sockets_of_ten()) > 1


def _sockets_of_ten() -> list[set[str]]:
    with tree_of(*(ChildSpec(id=n, start=(Subject, (), {})) for n in range(10))) as tree:
        return [
            {target for target in tree[n].ask(("descriptors",), timeout=10).values() if target.startswith("socket")}
            for n in range(10)
        ]


def _restart(tree: Any, times: int) -> None:
    pid = 0
    for _ in range(times):
        pid = answering_pid(tree["a"], other_than=pid)
        os.kill(pid, signal.SIGKILL)
    answering_pid(tree["a"], other_than=pid)


def test_three_hundred_restarts_without_the_garbage_collector_leave_exactly_the_descriptors_there_were() -> None:
    with own_runtime(spares=2), tree_of(ChildSpec(id="a", start=(Subject, (), {}))) as tree:
        _restart(tree, 5)
        wait_until(lambda: len(spare_pids()) == 2)
        gc.disable()
        try:
            before = len(own_descriptors())
            _restart(tree, 300)
            wait_until(lambda: len(spare_pids()) == 2 and len(own_descriptors()) == before)
        finally:
            gc.enable()


def test_without_the_closing_of_pidfds_they_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    leaked: list[int] = []

    def forget(self: child_process.ChildProcess) -> None:
        if self._pidfd is not None:
            self._loop.unwatch(self._pidfd)
            leaked.append(self._pidfd)
        self._pidfd = None

    with own_runtime(spares=0), tree_of(ChildSpec(id="a", start=(Subject, (), {}))) as tree:
        _restart(tree, 2)
        before = len(own_descriptors())
        with monkeypatch.context() as patch:
            patch.setattr(child_process.ChildProcess, "_close_notices", forget)
            _restart(tree, 5)
            wait_until(lambda: len(leaked) >= 5)
        assert len(own_descriptors()) >= before + 5
    for fd in leaked:
        os.close(fd)


_SHORTAGE = """
import resource
from supervision import telemetry
from supervision.testing import CapturedEvents
def open_descriptors(pid="self"): return sorted(int(n) for n in os.listdir(f"/proc/{pid}/fd"))
def limit(pid, soft):
    return resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, 4096))
limit(0, 4096)
configure(spares=0, start_timeout=10)
def _room(pid, left):
    # The lowest free numbers are given first.
    free = [n for n in range(64) if n not in open_descriptors(pid)]
    return free[left]
"""


_NONE_LEFT = """
refs = [Subject.start()]
before = len(open_descriptors())
limit(0, max(open_descriptors()) + 1)
spare = []
try:
    while True: spare.append(os.dup(0))
except OSError: pass
"""


def test_no_descriptor_left_in_the_application_is_a_clear_error_and_passes() -> None:
    source = """
say([outcome_of(Subject.start) for _ in range(3)])
say(refs[0].ask(("echo", 1), timeout=5))
for fd in spare: os.close(fd)
limit(0, 4096)
refs += [Subject.start() for _ in range(10)]
say([ref.ask(("echo", 2), timeout=5) for ref in refs])
for ref in refs[1:]: ref.stop()
wait_until(lambda: len(open_descriptors()) == before)
say("exact")
"""
    with Program(_SHORTAGE + _NONE_LEFT + source) as program:
        assert program.hear() == ["StartError"] * 3
        assert program.hear() == 1
        assert program.hear() == [2] * 11
        assert program.hear() == "exact"
        assert program.end() == 0
        assert "internal error" not in program.errors()


def test_without_a_look_at_what_came_with_a_fork_its_start_would_wait() -> None:
    source = """
from supervision.process.zygote_process import ZygoteProcess
def forget(self, pid, descriptors):
    for fd in descriptors: os.close(fd)
ZygoteProcess._lose = forget
say(outcome_of(Subject.start, 1.0))
"""
    with Program(_SHORTAGE + _NONE_LEFT + source) as program:
        assert program.hear() == "hangs"


def test_no_descriptor_left_before_the_first_start_is_a_clear_error_and_passes() -> None:
    source = """
app = application.application()
limit(0, max(open_descriptors()) + 1)
spare = []
try:
    while True: spare.append(os.dup(0))
except OSError: pass
say([outcome_of(Subject.start) for _ in range(2)])
for fd in spare: os.close(fd)
limit(0, 4096)
say(Subject.start().ask(("echo", 2), timeout=5))
"""
    for launcher in ("zygote", "spawn"):
        with Program(_SHORTAGE + source, SUPERVISION_LAUNCHER=launcher) as program:
            assert program.hear() == ["StartError"] * 2
            assert program.hear() == 2


_COUNTED = """
configure(preload=tuple(sys.argv[1:]))
ref = Subject.start()
pid = zygote_pid()
wait_until(lambda: len(open_descriptors(pid)) <= 8)
downs = CapturedEvents()
telemetry.attach("downs", ("supervision", "zygote", "down"), downs.collect)
"""


def test_no_descriptor_left_in_the_zygote_is_a_clear_error_and_passes() -> None:
    source = """
for left in range(6):
    limit(pid, _room(pid, left))
    try: outcome = "works" if Subject.start().stop(timeout=5) else "?"
    except BaseException as error: outcome = type(error).__name__
    say(outcome)
    limit(pid, 4096)
say([Subject.start().ask(("echo", 2), timeout=5) for _ in range(5)])
say(ref.ask(("echo", 1), timeout=5))
say(len(downs.events))
"""
    with Program(_SHORTAGE + _COUNTED + source) as program:
        outcomes = [program.hear() for _ in range(6)]
        assert outcomes[0] == "StartError"
        assert set(outcomes) <= {"StartError", "works"}
        assert program.hear() == [2] * 5
        assert program.hear() == 1
        assert program.hear() == 0


_FORKS_FAIL = """
os.kill(pid, signal.SIGUSR2)
say([outcome_of(Subject.start) for _ in range(2)])
say(ref.ask(("echo", 1), timeout=5))
if not downs.events: os.kill(pid, signal.SIGUSR2)
say(Subject.start().ask(("echo", 2), timeout=5))
say(len(downs.events))
"""


def test_a_fork_that_the_kernel_refuses_is_a_clear_error_and_passes() -> None:
    with Program(_SHORTAGE + _COUNTED + _FORKS_FAIL, "tests.faults.sabotage.fork_fails") as program:
        assert [program.hear() for _ in range(4)] == [["StartError"] * 2, 1, 2, 0]


@pytest.mark.parametrize("shortage", ["of descriptors", "of processes"])
def test_without_the_refusal_it_would_cost_the_fork_server(shortage: str) -> None:
    sabotage = ["tests.faults.sabotage.no_refusal", "tests.faults.sabotage.fork_fails"]
    source = "limit(pid, _room(pid, 0))\n" if shortage == "of descriptors" else "os.kill(pid, signal.SIGUSR2)\n"
    source += "outcome_of(Subject.start); wait_until(lambda: downs.events); say(zygote_pid() != pid)"
    with Program(_SHORTAGE + _COUNTED + source, *sabotage) as program:
        assert program.hear() is True


def test_a_child_of_a_supervisor_that_could_not_be_started_is_there_when_the_shortage_is_over() -> None:
    source = """
tree = Supervisor.start([ChildSpec(id=n, start=(Subject, (), {})) for n in range(3)], intensity=100000, period=1)
ref = tree[0]
pid = ref.pid
wait_until(lambda: len(open_descriptors(zygote_pid())) <= 8)
zygote = zygote_pid()
limit(zygote, 0)
with capture_events([("supervision", "supervisor", "start_error")]) as captured:
    os.kill(pid, signal.SIGKILL)
    captured.wait_for(lambda event: True)
    limit(zygote, 4096)
say(answering_pid(ref, other_than=pid) != pid)
say([tree[n].ask(("echo", n), timeout=5) for n in range(3)])
"""
    with Program(_SHORTAGE + source) as program:
        assert program.hear() is True
        assert program.hear() == [0, 1, 2]


def test_standard_output_and_error_are_inherited() -> None:
    source = """
ref = Subject.start()
ref.ask(("print", "out\\n"))
ref.ask(("print_to_stderr", "err\\n"))
ref.stop()
"""
    with Program("configure(spares=0)\n" + source) as program:
        program.process.wait(20)
        assert program.process.stdout is not None
        assert program.process.stdout.read() == b"out\n"
        assert program.errors() == "err\n"


def test_what_the_application_had_not_yet_flushed_appears_once() -> None:
    source = """
sys.stdout.write("once ")
refs = [Subject.start() for _ in range(3)]
for ref in refs: ref.stop()
"""
    with Program(source, PYTHONUNBUFFERED="") as program:
        program.process.wait(20)
        assert program.process.stdout is not None
        assert program.process.stdout.read() == b"once "


def test_were_the_application_itself_forked_it_would_appear_twice() -> None:
    source = 'sys.stdout.write("once ")\nif os.fork() == 0: sys.exit()\nos.wait()'
    with Program(source, PYTHONUNBUFFERED="") as program:
        program.process.wait(20)
        assert program.process.stdout is not None
        assert program.process.stdout.read() == b"once once "


def test_a_child_that_prints_into_a_full_pipe_stops_alone() -> None:
    source = """
children = [ChildSpec(id="a", start=(Subject, (), {}), shutdown=0.2), ChildSpec(id="b", start=(Subject, (), {}))]
tree = Supervisor.start(children, intensity=100)
tree["a"].tell(("print_to_stderr", "x" * 1_000_000))
pid = tree["b"].pid
for _ in range(5):
    os.kill(pid, signal.SIGKILL)
    pid = answering_pid(tree["b"], other_than=pid)
say(pid > 0)
say(tree.stop(timeout=10))
"""
    with Program(source) as program:
        assert program.hear() is True
        assert program.hear() is True
