"""Deaths are heard from the kernel; nobody else's processes are touched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from supervision import ActorDown, ChildSpec, StartError, Supervisor
from supervision.process import application, child_process, open_asks, zygote_process
from supervision.testing import capture_events, wait_until
from tests.faults.actors import ExitsInInit, RaisesInOnStart, SlowStart, Subject
from tests.faults.helpers import Program, alive, answering_pid, own_runtime, state_of, tree_of

DOWN = ("supervision", "child", "down")


def test_exit_codes_of_foreign_subprocesses_are_right_while_children_are_killed() -> None:
    wrong: list[tuple[int, int]] = []

    def run_foreign(first: int) -> None:
        for code in range(first, first + 15):
            found = subprocess.run([sys.executable, "-S", "-E", "-c", f"raise SystemExit({code})"], check=False)
            if found.returncode != code:
                wrong.append((code, found.returncode))

    with tree_of(*(ChildSpec(id=n, start=(Subject, (), {})) for n in range(3))) as tree:
        threads = [threading.Thread(target=run_foreign, args=(first,)) for first in (1, 101)]
        for thread in threads:
            thread.start()
        pids = [answering_pid(tree[n]) for n in range(3)]
        kills = 0
        while any(thread.is_alive() for thread in threads):
            os.kill(pids[kills % 3], signal.SIGKILL)
            pids[kills % 3] = answering_pid(tree[kills % 3], other_than=pids[kills % 3])
            kills += 1
        assert kills >= 10
    assert wrong == []


def test_exit_codes_of_an_actors_own_subprocesses_are_right() -> None:
    ref = Subject.start()
    assert [ref.ask(("run", code), timeout=20) for code in (0, 1, 77)] == [0, 1, 77]
    assert ref.stop()


def test_were_sigchld_ignored_in_actors_they_would_be_lost() -> None:
    """As they inherit it, from a program that ignores it."""
    with own_runtime(spares=0, preload=("tests.faults.sabotage.ignores_children",)):
        assert Subject.start().ask(("run", 77), timeout=20) != 77


def test_were_everything_reaped_here_foreign_exit_codes_would_be_lost() -> None:
    source = """
def reap():
    while True:
        try: os.waitpid(-1, 0)
        except ChildProcessError: time.sleep(0.001)
threading.Thread(target=reap, daemon=True).start()
say([subprocess.run(["sh", "-c", "sleep 0.05; exit 7"]).returncode for _ in range(10)])
"""
    with Program(source) as program:
        assert program.hear() != [7] * 10


def test_an_application_that_reaps_everything_takes_nothing_from_us() -> None:
    """`waitpid(-1)` in a loop, as some programs do: our deaths are told right all the same."""
    source = """
running = [True]
def reap():
    while running[0]:
        try: os.waitpid(-1, os.WNOHANG)
        except ChildProcessError: pass
        time.sleep(0.001)
thread = threading.Thread(target=reap); thread.start()
tree = Supervisor.start([ChildSpec(id="a", start=(Subject, (), {}))], intensity=100)
with capture_events([("supervision", "child", "down")]) as captured:
    for code in (3, 4, 5):
        tree["a"].tell(("exit", code))
        wait_until(lambda: len(captured.events) == code - 2)
say([event.metadata["reason"].term() for event in captured.events])
running[0] = False; thread.join()
say(tree.stop())
"""
    with Program(source) as program:
        assert program.hear() == [["exit_status", 3], ["exit_status", 4], ["exit_status", 5]]
        assert program.hear() is True
        assert program.end() == 0


@pytest.mark.parametrize("launcher", ["zygote", "spawn"])
def test_an_application_that_ignores_or_blocks_sigchld_hears_of_deaths(launcher: str) -> None:
    source = """
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD, signal.SIGTERM])
tree = Supervisor.start([ChildSpec(id="a", start=(Subject, (), {}))])
ref = tree["a"]
pid = ref.pid
began = time.monotonic()
with capture_events([("supervision", "child", "down")]) as captured:
    ref.tell(("exit", 3))
    answering_pid(ref, other_than=pid)
    reason = captured.wait_for(lambda event: True).metadata["reason"]
status = ref.ask(("status",))
say([status["SigBlk"].strip("0"), ref.stop(timeout=5) and True, reason.kind])
"""
    with Program(source, SUPERVISION_LAUNCHER=launcher) as program:
        assert program.hear() == ["", True, "crash"]


def test_the_application_has_no_handler_for_sigchld_no_wakeup_descriptor_and_adopts_nobody() -> None:
    source = """
import ctypes
def look():
    reaper = ctypes.c_int(-1)
    ctypes.CDLL(None).prctl(37, ctypes.byref(reaper), 0, 0, 0)  # PR_GET_CHILD_SUBREAPER
    wakeup = signal.set_wakeup_fd(-1)
    return [str(signal.getsignal(n)) for n in range(1, 32)], wakeup, reaper.value
before = look()
tree = Supervisor.start([ChildSpec(id="a", start=(Subject, (), {}))])
os.kill(tree["a"].pid, signal.SIGKILL)
answering_pid(tree["a"])
say(look() == before)
say(before[2])
"""
    with Program(source) as program:
        assert program.hear() is True
        assert program.hear() == 0


@pytest.mark.parametrize(
    ("message", "term"),
    [
        (("exit", 0), "normal"),
        (("exit", 3), ("exit_status", 3)),
        (("signal", int(signal.SIGKILL)), "killed"),
        (("signal", int(signal.SIGSEGV)), ("signal", "SIGSEGV")),
        (("signal", int(signal.SIGABRT)), ("signal", "SIGABRT")),
        (("signal", int(signal.SIGTERM)), ("signal", "SIGTERM")),
        (("raise", "no"), ("ValueError", "no")),
        (("end", "enough"), ("shutdown", "enough")),
    ],
    ids=str,
)
def test_each_kind_of_end_is_told_as_what_it_was(message: tuple[object, ...], term: object) -> None:
    with tree_of(ChildSpec(id="a", start=(Subject, (), {}))) as tree, capture_events([DOWN]) as captured:
        pid = answering_pid(tree["a"])
        tree["a"].tell(message)
        down = captured.wait_for(lambda event: event.metadata["pid"] == pid)
        assert down.metadata["reason"].term() == term  # type: ignore[attr-defined]
        assert answering_pid(tree["a"], other_than=pid)


def test_no_zombie_stays_after_many_deaths() -> None:
    with tree_of(ChildSpec(id="a", start=(Subject, (), {}))) as tree:
        pids = [0]
        for _ in range(50):
            pids.append(answering_pid(tree["a"], other_than=pids[-1]))
            os.kill(pids[-1], signal.SIGKILL)
        answering_pid(tree["a"], other_than=pids[-1])
        wait_until(lambda: not any(state_of(pid) == "Z" for pid in pids[1:]))
        assert not any(map(alive, pids[1:]))


def test_without_the_word_to_the_fork_server_a_zombie_would_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zygote_process.ZygoteProcess, "_have_reaped", lambda self, child: child.tell_status(None))
    with own_runtime(spares=0), tree_of(ChildSpec(id="a", start=(Subject, (), {}))) as tree:
        pid = answering_pid(tree["a"])
        os.kill(pid, signal.SIGKILL)
        answering_pid(tree["a"], other_than=pid)
        with pytest.raises(TimeoutError):
            wait_until(lambda: state_of(pid) != "Z", timeout=0.5)


def test_deaths_are_heard_within_milliseconds() -> None:
    """The 90th percentile of a hundred kills, generous: pollers need half a second and more."""
    import time

    with tree_of(ChildSpec(id="a", start=(Subject, (), {}))) as tree, capture_events([DOWN]) as captured:
        pid, took = 0, []
        for count in range(1, 101):
            pid = answering_pid(tree["a"], other_than=pid)
            began = time.perf_counter()
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda count=count: len(captured.events) == count, interval=0.0005)  # type: ignore[misc]
            took.append(time.perf_counter() - began)
        assert sorted(took)[90] < 0.1


def test_a_grandchild_that_holds_the_standard_streams_does_not_delay_the_notice() -> None:
    with tree_of(ChildSpec(id="a", start=(Subject, (), {}))) as tree, capture_events([DOWN]) as captured:
        pid = answering_pid(tree["a"])
        grandchild = tree["a"].ask(("hold_stdout",), timeout=10)
        os.kill(pid, signal.SIGKILL)
        captured.wait_for(lambda event: event.metadata["pid"] == pid, timeout=1)
        wait_until(lambda: not alive(grandchild))


def test_a_child_whose_actor_ended_ends_also_when_a_thread_of_it_would_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The life of the process is the life of the actor: it is not alive and useless."""
    monkeypatch.setattr(child_process, "_LEAVE_SECONDS", 0.3)
    with tree_of(ChildSpec(id="a", start=(Subject, (), {}))) as tree, capture_events([DOWN]) as captured:
        pid = answering_pid(tree["a"])
        tree["a"].tell(("leave_a_thread", 60.0))
        down = captured.wait_for(lambda event: event.metadata["pid"] == pid, timeout=5)
        assert down.metadata["reason"].term() == ("ValueError", "crashed with a thread left")  # type: ignore[attr-defined]
        assert answering_pid(tree["a"], other_than=pid)


def test_without_the_watchdog_it_stays_without_an_actor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "_LEAVE_SECONDS", 3600.0)
    with tree_of(ChildSpec(id="a", start=(Subject, (), {}))) as tree, capture_events([DOWN]) as captured:
        pid = answering_pid(tree["a"])
        tree["a"].tell(("leave_a_thread", 60.0))
        with pytest.raises(TimeoutError):
            captured.wait_for(lambda event: True, timeout=0.7)
        assert alive(pid)
        os.kill(pid, signal.SIGKILL)
        assert answering_pid(tree["a"], other_than=pid)


def test_a_child_that_exits_before_it_is_ready_is_a_failed_start() -> None:
    with pytest.raises(StartError) as failure:
        ExitsInInit.start()
    assert failure.value.reason == ("exited_before_ready", ("exit_status", 7))


def test_an_error_in_on_start_is_a_failed_start_with_the_remote_text() -> None:
    with pytest.raises(StartError, match="the database is away") as failure:
        Supervisor.start([Subject, RaisesInOnStart])
    assert "actors.py" in str(failure.value)


def test_a_child_that_is_killed_while_it_starts_is_a_failed_start() -> None:
    app = application.application()
    future = app.begin_actor(SlowStart, (30.0,), {})
    pid = wait_until(lambda: [i.pid for i in list(app._incarnations) if i.pid and i.channel is not None])[0]
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(StartError, match="killed"):
        future.get(timeout=10)


def test_start_timeout_ends_an_init_that_hangs() -> None:
    from tests.faults.actors import HangsInInit

    with own_runtime(start_timeout=0.3):
        with pytest.raises(StartError) as failure:
            HangsInInit.start()
        assert failure.value.reason == ("start_timeout", 0.3)
        assert Subject.start().stop()


def test_without_start_timeout_it_hangs() -> None:
    source = """
threading.Thread(target=HangsInInit.start, daemon=True).start()
threading.Thread(target=lambda: (HangsInInit.start(), say("up")), daemon=True).start()
wait_until(lambda: len(application.application().actors()) == 2)
say("still starting")
hear()
"""
    with Program(source) as program:
        assert program.hear() == "still starting"


def test_without_pidfds_deaths_are_heard_all_the_same() -> None:
    """As on an old kernel or in a strict sandbox: the parent's word is the notice then."""
    source = """
configure(preload=("tests.faults.sabotage.no_pidfd",))
import tests.faults.sabotage.no_pidfd
tree = Supervisor.start([ChildSpec(id="a", start=(Subject, (), {}))], intensity=100)
with capture_events([("supervision", "child", "down")]) as captured:
    pid = 0
    for message in (("exit", 3), ("signal", 9), ("raise", "no")):
        pid = answering_pid(tree["a"], other_than=pid)
        tree["a"].tell(message)
        answering_pid(tree["a"], other_than=pid)
    wait_until(lambda: len(captured.events) == 3)
    say([event.metadata["reason"].term() for event in captured.events])
say(tree.stop())
"""
    with Program(source) as program:
        assert program.hear() == [["exit_status", 3], "killed", ["ValueError", "no"]]
        assert program.hear() is True
    with Program(source, SUPERVISION_LAUNCHER="spawn") as program:
        assert program.hear() == [["exit_status", 3], "killed", ["ValueError", "no"]]
        assert program.hear() is True


def test_a_dead_child_is_signalled_no_more_whoever_has_its_number_now() -> None:
    process = dead_process()
    assert signalled_by(process) == []


def test_did_it_not_know_that_it_is_dead_it_would_signal_whoever_has_its_number_now() -> None:
    process = dead_process()
    process._dead = False
    try:
        assert signalled_by(process) == [process.pid, process.pid]
    finally:
        process._dead = True
        process._killed.cancel()  # type: ignore[union-attr]


def dead_process() -> child_process.ChildProcess:
    """Return a process that has ended, been reaped and been let go."""
    ref = Subject.start()
    app = application.application()
    process: child_process.ChildProcess = app._ask_loop(lambda: next(iter(app._incarnations))._process)
    assert ref.stop()
    wait_until(lambda: process._reaped and process._pidfd is None)
    return process


def signalled_by(process: child_process.ChildProcess) -> list[int]:
    """Return the numbers to which it sends a signal when it is told to twice; none is really sent."""
    sent: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "kill", lambda pid, number: sent.append(pid))
        patch.setattr(signal, "pidfd_send_signal", lambda fd, number: sent.append(fd))
        process.kill()
        process.signal(signal.SIGTERM)
    return sent


def test_an_ask_that_is_open_at_the_death_fails_at_once() -> None:
    ref = Subject.start()
    future = ref.ask(("sleep", 60.0), block=False)
    os.kill(ref.pid, signal.SIGKILL)  # type: ignore[arg-type]
    with pytest.raises(ActorDown) as down:
        future.get(timeout=2)
    assert down.value.reason.kind == "killed"  # type: ignore[union-attr]


def test_were_open_asks_not_failed_who_asked_would_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    ref = Subject.start()
    future = ref.ask(("sleep", 60.0), block=False)
    monkeypatch.setattr(open_asks.OpenAsks, "fail_all", lambda self, down: None)
    os.kill(ref.pid, signal.SIGKILL)  # type: ignore[arg-type]
    wait_until(lambda: not ref.is_alive())
    assert not future.wait(0.5)
