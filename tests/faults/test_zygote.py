"""The fork server: its death, its threads and descriptors, what it learns."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import Any

import pytest

from supervision import ChildSpec, Supervisor
from supervision.process import application, zygote_launcher
from supervision.testing import capture_events, wait_until
from tests.faults.actors import Subject
from tests.faults.helpers import (
    Program,
    alive,
    answering_pid,
    own_runtime,
    spare_pids,
    tree_of,
    zygote_of,
    zygote_pid,
)
from tests.faults.sabotage import slow_to_import

DOWN = ("supervision", "zygote", "down")
READY = ("supervision", "zygote", "ready")
REFUSED = ("supervision", "zygote", "refused")
GIVEN_UP = ("supervision", "zygote", "given_up")
RESTARTED = ("supervision", "child", "started")


def test_the_death_of_the_zygote_is_one_event_and_its_children_live_on() -> None:
    with own_runtime(), tree_of(*(ChildSpec(id=n, start=(Subject, (), {})) for n in range(5))) as tree:
        pids = [tree[n].pid for n in range(5)]
        first = zygote_pid()
        with capture_events([DOWN, RESTARTED]) as captured:
            os.kill(first, signal.SIGKILL)
            second = wait_until(lambda: zygote_pid() not in (first, 0) and zygote_pid())
            assert tree.start_child(ChildSpec(id="new", start=(Subject, (), {}))).ask(("echo", 1), timeout=10) == 1
            captured.wait_for(lambda event: event.name == RESTARTED)
        assert [event.metadata["pid"] for event in captured.named(DOWN)] == [first]
        assert [event for event in captured.named(RESTARTED) if event.metadata["incarnation"] != 1] == []
        assert [tree[n].ask(("pid",), timeout=10) for n in range(5)] == pids
        assert second != first


def test_were_its_death_not_heard_a_start_would_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    with own_runtime(spares=0):
        assert Subject.start().stop()
        monkeypatch.setattr(zygote_launcher.ZygoteLauncher, "zygote_gone", lambda self, zygote: None)
        first = zygote_pid()
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: not alive(first))
        assert not _begin_start().wait(0.7)


def test_a_child_that_outlived_its_zygote_is_restarted_when_it_dies() -> None:
    with own_runtime(), tree_of(ChildSpec(id="a", start=(Subject, (), {}))) as tree:
        pid = answering_pid(tree["a"])
        first = zygote_pid()
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: zygote_pid() != first)
        os.kill(pid, signal.SIGKILL)
        assert answering_pid(tree["a"], other_than=pid)


def _two_spares(other_than: tuple[int, ...] = ()) -> tuple[int, ...]:
    wait_until(lambda: len(spare_pids()) == 2 and not set(spare_pids()) & set(other_than))
    return tuple(spare_pids())


def test_spares_that_die_are_replaced() -> None:
    with own_runtime(spares=2):
        assert Subject.start().stop()
        before = _two_spares()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        after = _two_spares(other_than=before)
        assert all(map(alive, after))


def test_without_the_refill_they_would_not_be(monkeypatch: pytest.MonkeyPatch) -> None:
    with own_runtime(spares=2):
        assert Subject.start().stop()
        before = _two_spares()
        monkeypatch.setattr(zygote_launcher.ZygoteLauncher, "_refill_later", lambda self: None)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: spare_pids() == [])
        with pytest.raises(TimeoutError):
            wait_until(spare_pids, timeout=0.3)


def test_the_zygote_killed_during_starts_loses_none_of_them() -> None:
    """Killed ten times while thirty children are being started: each start ends with a living child."""
    with own_runtime(spares=0):
        for _ in range(10):
            futures = [_begin_start() for _ in range(3)]
            os.kill(zygote_pid(), signal.SIGKILL)
            refs = [future.get(timeout=20) for future in futures]
            assert len({ref.ask(("pid",), timeout=10) for ref in refs}) == 3
            for ref in refs:
                assert ref.stop(timeout=10)


def _begin_start() -> Any:
    return application.application().begin_actor(Subject, (), {})


def test_a_zygote_that_dies_whenever_it_is_started_is_given_up_for_the_portable_launcher() -> None:
    source = """
configure(preload=("tests.faults.sabotage.dies_at_import",))
with capture_events([("supervision", "zygote", "given_up")]) as captured:
    ref = Subject.start()
    captured.wait_for(lambda event: True)
say(ref.ask(("echo", 5), timeout=20))
say(ref.ask(("modules",), timeout=20))
"""
    with Program(source) as program:
        assert program.hear() == 5
        assert "multiprocessing.spawn" in program.hear()
        assert program.end() == 0


@pytest.mark.parametrize("sabotage", ["a_thread", "a_descriptor"])
def test_a_zygote_with_a_thread_or_a_strange_descriptor_refuses_and_supervision_falls_back(sabotage: str) -> None:
    source = """
configure(preload=("tests.faults.sabotage." + sys.argv[1],), spares=0)
names = [("supervision", "zygote", "refused"), ("supervision", "zygote", "given_up")]
with capture_events(names) as captured:
    if sys.argv[1] == "a_descriptor":
        assert Subject.start().stop()
        os.kill(zygote_pid(), signal.SIGUSR2)
        wait_until(lambda: "/dev/zero" in [os.readlink(f.path) for f in os.scandir(f"/proc/{zygote_pid()}/fd")])
    ref = Subject.start()
    say(captured.named(names[0])[0].metadata["why"])
    say(ref.ask(("echo", 5), timeout=20))
    say(len(captured.named(names[1])))
"""
    with Program(source, sabotage) as program:
        why = program.hear()
        if sabotage == "a_thread":
            assert "2 threads" in why
        else:
            assert "/dev/zero" in why
        assert program.hear() == 5
        # A thread comes back with each zygote; a descriptor that came later need not.
        assert program.hear() == (sabotage == "a_thread")
        assert program.end() == 0


@pytest.mark.parametrize("sabotage", ["a_thread", "a_descriptor"])
def test_without_the_check_it_forks_all_the_same(sabotage: str) -> None:
    source = """
preload = ["tests.faults.sabotage." + sys.argv[1], "tests.faults.sabotage.no_check"]
configure(preload=tuple(preload), spares=0)
assert Subject.start().stop()
if sys.argv[1] == "a_descriptor":
    os.kill(zygote_pid(), signal.SIGUSR2)
    wait_until(lambda: "/dev/zero" in [os.readlink(f.path) for f in os.scandir(f"/proc/{zygote_pid()}/fd")])
ref = Subject.start()
say(len(os.listdir(f"/proc/{zygote_pid()}/task")))
say("/dev/zero" in ref.ask(("descriptors",)).values())
"""
    with Program(source, sabotage) as program:
        assert program.hear() == (2 if sabotage == "a_thread" else 1)
        assert program.hear() == (sabotage == "a_descriptor")


def test_a_module_that_took_long_to_import_is_in_the_next_zygote() -> None:
    with own_runtime(spares=1), capture_events([READY, ("supervision", "child", "import")]) as captured:
        assert Subject.start().stop()
        pid = zygote_pid()
        first = slow_to_import.SlowToImport.start()
        told = captured.wait_for(lambda event: event.metadata.get("module") == slow_to_import.__name__)
        assert told.measurements["duration"] > 50_000_000  # type: ignore[operator]
        wait_until(lambda: zygote_pid() != pid)
        wait_until(lambda: len(spare_pids()) == 1)
        second = slow_to_import.SlowToImport.start()
        third = slow_to_import.SlowToImport.start()
        slow = [event for event in captured.events if event.metadata.get("module") == slow_to_import.__name__]
        assert len(slow) == 1
        assert [ref.ask(("echo", 1), timeout=10) for ref in (first, second, third)] == [1, 1, 1]
        # The old one goes once its last child has gone.
        assert alive(pid)
        for ref in (first, second, third):
            assert ref.stop()
        wait_until(lambda: not alive(pid))


def test_a_module_that_starts_a_thread_is_not_learned() -> None:
    source = """
from tests.faults.sabotage.slow_and_threaded import SlowAndThreaded
names = [("supervision", "zygote", "ready"), ("supervision", "child", "import")]
with capture_events(names) as captured:
    configure(spares=1)
    first = SlowAndThreaded.start()
    pid = zygote_pid()
    captured.wait_for(lambda event: event.name == names[0] and not event.metadata["sound"])
    assert zygote_pid() == pid
    for _ in range(3):
        assert SlowAndThreaded.start().ask(("threads",)) >= 2
    say(len([event for event in captured.named(names[0]) if not event.metadata["sound"]]))
"""
    with Program(source) as program:
        assert program.hear() == 1
        assert program.end() == 0


def test_the_zygote_ignores_what_a_terminal_sends() -> None:
    with own_runtime():
        assert Subject.start().stop()
        pid = zygote_pid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(pid, number)
        assert Subject.start().stop()
        assert zygote_pid() == pid


def test_did_it_hear_them_it_would_be_gone() -> None:
    with own_runtime(spares=0, preload=("tests.faults.sabotage.hears_interrupts",)):
        assert Subject.start().stop()
        pid = zygote_pid()
        os.kill(pid, signal.SIGINT)
        wait_until(lambda: zygote_pid() != pid)


def test_it_has_one_thread_no_extra_descriptor_and_no_secret_in_its_arguments() -> None:
    with own_runtime() as app:
        ref = Subject.start()
        pid = zygote_pid()
        assert len(os.listdir(f"/proc/{pid}/task")) == 1
        # The lifeline, both ends of what wakes it, the control socket, a place kept for a child's stacks.
        wait_until(lambda: _kinds_of_descriptors(pid) == ["/dev/null", "pipe", "pipe", "pipe", "socket"])
        assert zygote_of(app).pid == pid
        assert ref.stop()


def _kinds_of_descriptors(pid: int) -> list[str]:
    kinds = []
    for entry in os.scandir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            kinds.append(os.readlink(entry.path).partition(":")[0] if int(entry.name) > 2 else "")
    return sorted(filter(None, kinds))


def test_a_supervisor_restarts_while_the_zygote_is_killed_again_and_again() -> None:
    with own_runtime(spares=1):
        tree = Supervisor.start([ChildSpec(id="a", start=(Subject, (), {}))], intensity=100, period=1)
        try:
            pid = answering_pid(tree["a"])
            for _ in range(5):
                os.kill(zygote_pid(), signal.SIGKILL)
                os.kill(pid, signal.SIGKILL)
                pid = answering_pid(tree["a"], other_than=pid)
        finally:
            assert tree.stop()


def test_without_the_watch_a_start_would_wait_for_a_stopped_zygote_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zygote_launcher.ZygoteLauncher, "_watch_zygote", lambda self: None)
    with own_runtime(spares=0):
        assert Subject.start().stop()
        zygote = zygote_pid()
        os.kill(zygote, signal.SIGSTOP)
        future = _begin_start()
        assert not future.wait(0.7)
        os.kill(zygote, signal.SIGCONT)
        assert future.get(timeout=10).stop()


def test_a_zygote_that_is_stopped_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for a process gets one from another zygote; nothing waits for ever."""
    monkeypatch.setattr(zygote_launcher, "_STUCK_SECONDS", 0.3)
    with own_runtime(spares=0):
        first = Subject.start()
        (zygote,) = application.application().launcher.pids()
        os.kill(zygote, signal.SIGSTOP)
        second = Subject.start()
        assert second.ask(("echo", 1), timeout=20) == 1
        assert first.ask(("echo", 2), timeout=20) == 2
        assert first.stop()
        assert second.stop()
