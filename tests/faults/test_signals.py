"""Signals: from a terminal, from outside, in storms; none is lost and none is inherited."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from supervision import ActorDown, ChildSpec, Down, monitor
from supervision.testing import capture_events, wait_until
from tests.faults.actors import Subject
from tests.faults.helpers import Program, alive, answering_pid, own_runtime, spare_pids, tree_of

DOWN = ("supervision", "child", "down")


_BLOCKING = """
configure(preload=tuple(sys.argv[1:]))
for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGUSR1, signal.SIGQUIT):
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1])
ref = Subject.start()
status = ref.ask(("status",))
say([int(status["SigBlk"], 16), int(status["SigIgn"], 16), int(status["SigCgt"], 16)])
"""


@pytest.mark.parametrize("launcher", ["zygote", "spawn"])
def test_a_child_blocks_no_signal_and_ignores_only_what_python_ignores(launcher: str) -> None:
    source = """
os.kill(ref.pid, signal.SIGTERM)
wait_until(lambda: not ref.is_alive())
say("gone")
"""
    with Program(_BLOCKING + source, SUPERVISION_LAUNCHER=launcher) as program:
        blocked, ignored, caught = program.hear()
        assert blocked == 0
        assert not ignored & _bits(signal.SIGTERM, signal.SIGCHLD, signal.SIGINT, signal.SIGHUP)
        assert caught & _bits(signal.SIGTERM) == _bits(signal.SIGTERM)
        assert program.hear() == "gone"


def test_without_a_mask_of_its_own_it_would_block_what_the_application_blocks() -> None:
    with Program(_BLOCKING, "tests.faults.sabotage.keeps_signals") as program:
        blocked, _, _ = program.hear()
        assert blocked & _bits(signal.SIGTERM, signal.SIGUSR1) == _bits(signal.SIGTERM, signal.SIGUSR1)


def _bits(*numbers: int) -> int:
    return sum(1 << (number - 1) for number in numbers)


def test_what_an_actor_starts_ignores_no_signal_of_a_terminal() -> None:
    ref = Subject.start()
    pid = ref.ask(("popen", "sleep 60 & wait"), timeout=10)
    with open(f"/proc/{pid}/status") as file:
        ignored = int(next(line for line in file if line.startswith("SigIgn")).split()[1], 16)
    assert not ignored & _bits(signal.SIGINT, signal.SIGHUP, signal.SIGTERM)
    assert ref.stop()


def test_sigterm_right_after_a_start_ends_the_child() -> None:
    """Four hundred times: one in 250 came just before the blocking read and was lost, without a wake-up descriptor."""
    with own_runtime(spares=4):
        for _ in range(400):
            ref = Subject.start()
            os.kill(ref.pid, signal.SIGTERM)  # type: ignore[arg-type]
            wait_until(lambda ref=ref: not ref.is_alive())  # type: ignore[misc]


def test_sigterm_just_before_a_blocking_read_ends_the_child() -> None:
    ref = Subject.start()
    told: list[Down] = []
    monitor(ref, told.append)
    ref.ask(("sigterm_just_before_the_next_read", True), timeout=10)
    assert wait_until(lambda: told)[0].reason.term() == ("signal", "SIGTERM")


def test_without_the_wake_up_descriptor_it_is_heard_with_the_next_message_only() -> None:
    ref = Subject.start()
    ref.ask(("sigterm_just_before_the_next_read", False), timeout=10)
    with pytest.raises(TimeoutError):
        wait_until(lambda: not ref.is_alive(), timeout=0.5)
    with pytest.raises(ActorDown) as down:
        ref.ask(("echo", 1), timeout=10)
    assert down.value.reason.term() == ("signal", "SIGTERM")  # type: ignore[union-attr]


_INTERRUPTED = """
configure(preload=tuple(sys.argv[1:]))
ref, other, told = Subject.start(), Subject.start(), []
monitor(ref, told.append)
say(outcome_of(lambda: ref.ask(("interrupt",))))
say(wait_until(lambda: told)[0].reason.term())
say(other.ask(("echo", 1), timeout=10))
"""


def test_a_keyboard_interrupt_in_a_handler_is_told_to_the_asker_and_as_the_reason() -> None:
    with Program(_INTERRUPTED) as program:
        assert [program.hear() for _ in range(3)] == ["RemoteError", ["KeyboardInterrupt", ""], 1]
        assert program.end() == 0


def test_without_the_guard_of_handlers_nobody_learns_what_happened() -> None:
    with Program(_INTERRUPTED, "tests.faults.sabotage.unguarded_handlers") as program:
        assert [program.hear() for _ in range(3)] == ["ActorDown", ["exit_status", 1], 1]


def test_ctrl_c_does_not_reach_children() -> None:
    """They have sessions of their own, and do nothing on SIGINT if it is sent all the same."""
    with tree_of(ChildSpec(id="a", start=(Subject, (), {}))) as tree:
        pid = answering_pid(tree["a"])
        assert tree["a"].ask(("session",), timeout=10) == pid != os.getsid(0)
        for number in (signal.SIGINT, signal.SIGHUP):
            os.kill(pid, number)
        assert tree["a"].ask(("pid",), timeout=10) == pid


def test_did_actors_act_on_an_interrupt_it_would_cost_them() -> None:
    with (
        own_runtime(spares=0, preload=("tests.faults.sabotage.hears_interrupts",)),
        tree_of(ChildSpec(id="a", start=(Subject, (), {}))) as tree,
    ):
        pid = answering_pid(tree["a"])
        os.kill(pid, signal.SIGINT)
        assert answering_pid(tree["a"], other_than=pid)


def test_spares_that_get_sigterm_go_without_a_traceback() -> None:
    source = """
configure(spares=2)
assert Subject.start().stop()
for pid in wait_until(lambda: len(spare_pids()) == 2 and spare_pids()):
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: states([pid]) == "")
say(Subject.start().ask(("echo", 1)))
"""
    with Program(source) as program:
        assert program.hear() == 1
        assert program.end() == 0
        assert program.errors() == ""


def test_sigterm_to_all_processes_at_once_loses_no_child() -> None:
    with own_runtime(spares=1), tree_of(*(ChildSpec(id=n, start=(Subject, (), {})) for n in range(5))) as tree:
        pids = [answering_pid(tree[n]) for n in range(5)]
        wait_until(lambda: len(spare_pids()) == 1)
        for pid in pids + spare_pids():
            os.kill(pid, signal.SIGTERM)
        after = [answering_pid(tree[n], other_than=pids[n]) for n in range(5)]
        assert len(set(after) - set(pids)) == 5


_TWICE = """
configure(preload=tuple(sys.argv[2:]), spares=0)
ref = SlowToEnd.start(sys.argv[1])
told = []
monitor(ref, told.append)
pid = ref.pid
os.kill(pid, signal.SIGTERM)
wait_until(lambda: os.path.exists(sys.argv[1] + ".begun"))
os.kill(pid, signal.SIGTERM)
wait_until(lambda: told)
say([str(told[0].reason), os.path.exists(sys.argv[1] + ".done")])
"""


def test_a_second_sigterm_does_not_tear_the_end_that_the_first_began(tmp_path: Path) -> None:
    with Program(_TWICE, tmp_path / "end") as program:
        assert program.hear() == ["('signal', 'SIGTERM')", True]


def test_without_the_deafness_after_the_first_it_would(tmp_path: Path) -> None:
    with Program(_TWICE, tmp_path / "end", "tests.faults.sabotage.torn_end") as program:
        assert program.hear() == ["('signal', 'SIGTERM')", False]


_GROUP = """
configure(preload=tuple(sys.argv[1:]), spares=0)
if sys.argv[1:]:
    popen = subprocess.Popen
    subprocess.Popen = lambda *args, start_new_session, **options: popen(*args, **options)
os.setpgid(0, 0)
tree = Supervisor.start([ChildSpec(id=n, start=(Subject, (), {})) for n in range(3)], intensity=1000)
pids = [tree[n].pid for n in range(3)]
names = [("supervision", "child", "down"), ("supervision", "child", "started")]
def send():
    hear()
    wait_until(lambda: callable(signal.getsignal(signal.SIGTERM)))  # `run` has begun
    os.killpg(0, signal.SIGTERM)
with capture_events(names) as captured:
    threading.Thread(target=send).start()
    say("ready")
    code = run(tree)
    wait_until(lambda: len(captured.named(names[0])) >= 3)
downs = [str(event.metadata["reason"]) for event in captured.named(names[0])]
say([code, downs, len([event for event in captured.named(names[1]) if event.metadata["pid"] not in pids])])
"""


def test_one_sigterm_to_the_group_is_heard_by_the_application_alone_which_stops_all_in_order() -> None:
    with Program(_GROUP) as program:
        assert program.hear() == "ready"
        program.say()
        assert program.hear() == [0, ["shutdown"] * 3, 0]
        assert program.end() == 0


def test_without_sessions_of_their_own_the_children_would_hear_it_too() -> None:
    with Program(_GROUP, "tests.faults.sabotage.no_session") as program:
        assert program.hear() == "ready"
        program.say()
        _, downs, _ = program.hear()
        assert "('signal', 'SIGTERM')" in downs


_COALESCED = """
configure(spares=0, preload=("tests.faults.sabotage.no_pidfd", *sys.argv[1:]))
import tests.faults.sabotage.no_pidfd
refs = [Subject.start() for _ in range(5)]
told = []
for ref in refs: monitor(ref, told.append)
zygote, pids = zygote_pid(), [ref.pid for ref in refs]
os.kill(zygote, signal.SIGSTOP)
wait_until(lambda: states([zygote]) == "T")
for pid in pids: os.kill(pid, signal.SIGKILL)
wait_until(lambda: states(pids) == "ZZZZZ")
os.kill(zygote, signal.SIGCONT)
try: wait_until(lambda: len(told) == 5, timeout=float(hear()))
except TimeoutError: pass
say(len(told))
"""


def test_five_deaths_behind_one_sigchld_are_all_heard() -> None:
    """Where there is no pidfd: signals of a kind that wait are one."""
    with Program(_COALESCED) as program:
        program.say(20)
        assert program.hear() == 5


def test_were_a_signal_taken_for_a_death_most_would_be_lost() -> None:
    with Program(_COALESCED, "tests.faults.sabotage.reaps_one") as program:
        program.say(0.7)
        assert program.hear() < 5


def test_nothing_but_the_main_thread_is_disturbed_by_our_threads() -> None:
    """Our threads are daemons with names, so that they can be told from the program's own."""
    with tree_of(ChildSpec(id="a", start=(Subject, (), {}))) as tree:
        answering_pid(tree["a"])
        ours = [thread for thread in threading.enumerate() if thread.name.startswith("supervision")]
        assert ours
        assert all(thread.daemon for thread in ours)
        assert alive(tree["a"].pid)


def test_a_stopped_child_is_no_dead_child() -> None:
    with tree_of(ChildSpec(id="a", start=(Subject, (), {}))) as tree, capture_events([DOWN]) as captured:
        pid = answering_pid(tree["a"])
        os.kill(pid, signal.SIGSTOP)
        future = tree["a"].ask(("pid",), block=False)
        os.kill(pid, signal.SIGCONT)
        assert future.get(timeout=10) == pid
        assert captured.events == []
