"""The end: always reached, in order, within its deadlines; the deaf are killed and leave their stacks."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import time
from typing import Any

import pytest

from supervision import ChildSpec, Supervisor
from supervision.decisions import at_once
from supervision.process import application, incarnation
from supervision.testing import capture_events, wait_until
from tests.actors.helpers import in_threads
from tests.faults.actors import Deaf, Polite, Subject
from tests.faults.helpers import Program, alive, answering_pid, own_runtime

STACKS = ("supervision", "child", "stacks")
DOWN = ("supervision", "child", "down")
STARTED = ("supervision", "child", "started")


def _busy(tree: Any, message: tuple[object, ...]) -> int:
    """Have the child `a` begin something it never ends; return its pid once it is at it."""
    pid = answering_pid(tree["a"])
    tree["a"].tell(message)
    return pid


@pytest.mark.parametrize("message", [("busy_in_c",), ("busy_in_a_pattern",), ("deaf_sleep",)], ids=str)
def test_a_deaf_child_is_killed_at_its_deadline_with_its_stacks_in_the_report(message: tuple[str]) -> None:
    tree = Supervisor.start([ChildSpec(id="a", start=(Subject, (), {}), shutdown=0.3)])
    pid = _busy(tree, message)
    with capture_events([STACKS, ("supervision", "supervisor", "shutdown_error")]) as captured:
        began = time.monotonic()
        assert tree.stop(timeout=10)
        took = time.monotonic() - began
        told = captured.wait_for(lambda event: event.name == STACKS)
        report = captured.wait_for(lambda event: event.name[-1] == "shutdown_error")
    assert 0.3 <= took < 1.3
    assert not alive(pid)
    assert told.metadata["pid"] == pid
    assert f"do_{message[0]}" in told.metadata["stacks"]  # type: ignore[operator]
    assert "on_receive" in told.metadata["stacks"]  # type: ignore[operator]
    assert report.metadata["reason"] == "killed"
    assert f"do_{message[0]}" in report.metadata["offender"]["text"]  # type: ignore[index]


def test_a_stopped_child_is_killed_at_its_deadline_without_stacks() -> None:
    tree = Supervisor.start([ChildSpec(id="a", start=(Subject, (), {}), shutdown=0.2)])
    pid = answering_pid(tree["a"])
    os.kill(pid, signal.SIGSTOP)
    with capture_events([STACKS]) as captured:
        assert tree.stop(timeout=10)
    assert not alive(pid)
    assert captured.events == []


def test_without_the_deadline_a_deaf_child_would_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incarnation.Incarnation, "kill_deaf", lambda self: None)
    tree = Supervisor.start([ChildSpec(id="a", start=(Subject, (), {}), shutdown=0.1)])
    pid = _busy(tree, ("deaf_sleep",))
    future = tree.stop(block=False)
    assert not future.wait(0.5)
    os.kill(pid, signal.SIGKILL)
    assert future.get(timeout=10)


def test_polite_slow_and_deaf_children_end_in_reverse_order_each_in_its_time() -> None:
    children = [ChildSpec(id=f"polite{n}", start=(Polite, (), {})) for n in range(3)]
    children += [ChildSpec(id=f"slow{n}", start=(Polite, (0.15,), {})) for n in range(3)]
    children += [ChildSpec(id=f"deaf{n}", start=(Deaf, (), {}), shutdown=0.2) for n in range(3)]
    tree = Supervisor.start(children)
    with capture_events([DOWN]) as captured:
        began = time.monotonic()
        assert tree.stop(timeout=20)
        took = time.monotonic() - began
        wait_until(lambda: len(captured.events) == 9)
    assert [event.metadata["id"] for event in captured.events] == [spec.id for spec in reversed(children)]
    kinds = {event.metadata["id"]: event.metadata["reason"].kind for event in captured.events}  # type: ignore[attr-defined]
    assert {kinds[f"deaf{n}"] for n in range(3)} == {"killed"}
    assert {kinds[f"{which}{n}"] for n in range(3) for which in ("polite", "slow")} == {"shutdown"}
    assert took < 3 * 0.15 + 3 * 0.25 + 1.0


def test_nothing_is_started_once_the_stop_has_begun() -> None:
    """Children are killed at random while the tree stops: none comes back."""
    for _ in range(5):
        tree = Supervisor.start([ChildSpec(id=n, start=(Polite, (0.01,), {})) for n in range(6)], intensity=1000)
        pids = [answering_pid(tree[n]) for n in range(6)]
        with capture_events([STARTED]) as captured:
            future = tree.stop(block=False)
            application.application()._ask_loop(lambda: None)  # from here on the stop has begun
            for pid in pids[::2]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            assert future.get(timeout=20)
        # The first starts are told by a thread of its own, maybe only now.
        assert [event for event in captured.events if event.metadata["pid"] not in pids] == []
        assert not any(map(alive, pids))


def _kill_one_of_a_tree_that_stops() -> tuple[Any, Any]:
    """Kill the first child while the last is being stopped; return the tree and the future of its stop."""
    tree = Supervisor.start([ChildSpec(id="a", start=(Subject, (), {})), ChildSpec(id="z", start=(Polite, (0.5,), {}))])
    pid = answering_pid(tree["a"])
    future = tree.stop(block=False)
    application.application()._ask_loop(lambda: None)  # from here on the stop has begun
    os.kill(pid, signal.SIGKILL)
    return tree, future


def test_a_child_killed_while_another_is_being_stopped_is_not_started_again() -> None:
    with capture_events([STARTED, DOWN]) as captured:
        _, future = _kill_one_of_a_tree_that_stops()
        assert future.get(timeout=20)
        wait_until(lambda: len(captured.named(DOWN)) == 2)
    assert [event.metadata["id"] for event in captured.named(STARTED)] == ["a", "z"]


def test_were_a_stop_no_reason_to_wait_it_would_be_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(at_once, "_is_plain", lambda state, child: True)
    with capture_events([STARTED]) as captured:
        tree, _ = _kill_one_of_a_tree_that_stops()
        captured.wait_for(lambda event: event.metadata["incarnation"] == 2)
        assert tree.kill()


def test_killing_a_tree_ends_every_child_at_once() -> None:
    tree = Supervisor.start([ChildSpec(id=n, start=(Deaf, (), {}), shutdown="infinity") for n in range(5)])
    pids = [tree[n].pid for n in range(5)]
    began = time.monotonic()
    assert tree.kill()
    assert time.monotonic() - began < 2
    assert not any(map(alive, pids))


def test_shutdown_of_the_runtime_ends_everything_and_a_later_start_begins_anew() -> None:
    with own_runtime() as app:
        refs = [Subject.start() for _ in range(3)]
        tree = Supervisor.start([ChildSpec(id="a", start=(Subject, (), {}))])
        pids = [ref.pid for ref in refs] + [tree["a"].pid] + list(app.own_pids())
        from supervision.process.application import shutdown

        began = time.monotonic()
        shutdown()
        assert time.monotonic() - began < 2
        assert not any(map(alive, pids))
        assert Subject.start().stop()


def test_the_end_of_the_program_stops_its_actors_in_order_and_says_nothing() -> None:
    source = """
tree = Supervisor.start([ChildSpec(id=n, start=(Subject, (), {})) for n in range(3)])
for n in range(3): tree[n].ask(("at_exit", sys.argv[1], str(n)))
Subject.start().ask(("at_exit", sys.argv[1], "x"))
"""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/told"
        with Program(source, path) as program:
            assert program.end() == 0
            assert program.errors() == ""
            assert not program.left()
        with open(path) as file:
            assert file.read() == "210x"


def test_atexit_and_unflushed_output_of_a_child_run_once_when_it_stops_and_not_when_it_is_killed() -> None:
    source = """
configure(spares=0)
for ending in ("stop", "kill"):
    ref = Subject.start()
    ref.ask(("at_exit", sys.argv[1], ending))
    ref.ask(("print", ending))
    if ending == "stop": ref.stop()
    else: os.kill(ref.pid, signal.SIGKILL)
    wait_until(lambda: not ref.is_alive())
"""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/told"
        with Program(source, path, PYTHONUNBUFFERED="") as program:
            program.end()
            assert program.process.stdout is not None
            assert program.process.stdout.read() == b"stop"
        with open(path) as file:
            assert file.read() == "stop"


def test_stops_from_many_threads_end_once_and_all_return() -> None:
    tree = Supervisor.start([ChildSpec(id=n, start=(Subject, (), {})) for n in range(3)])
    answers: list[object] = []
    in_threads(8, lambda _: answers.append(tree.stop(timeout=20)))
    assert len(answers) == 8
    assert True in answers


def test_a_child_that_asks_for_its_own_stop_while_it_is_being_killed_ends_once() -> None:
    for _ in range(10):
        ref = Subject.start()
        pid = ref.pid
        future = ref.stop(block=False)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)  # type: ignore[arg-type]
        assert future.get(timeout=10) is True
        assert ref.stop() is False


_AFTERWARDS = """
tree = Supervisor.start([ChildSpec(id="a", start=(Subject, (), {}))])
a, solo = tree["a"], Subject.start()
shutdown()
calls = {
    "ask": lambda: a.ask(("echo", 1)),
    "tell": lambda: solo.tell(("echo", 1)),
    "stop": lambda: solo.stop(),
    "stop the tree": lambda: tree.stop(),
    "kill the tree": lambda: tree.kill(timeout=None),
    "wait": lambda: str(tree.wait()),
    "which_children": lambda: tree.which_children(),
    "is_alive": lambda: [a.is_alive(), solo.is_alive(), tree.is_alive()],
}
say({name: outcome_of(call, float(hear())) for name, call in calls.items()})
"""


def test_calls_after_the_shutdown_are_answered_and_none_hangs() -> None:
    with Program(_AFTERWARDS + 'say(Subject.start().ask(("echo", 2)))') as program:
        for _ in range(8):
            program.say(3)
        outcomes = program.hear()
        assert "hangs" not in outcomes.values()
        assert outcomes["ask"] == outcomes["tell"] == "ActorDown"
        assert outcomes["stop"] == outcomes["stop the tree"] == "False"
        assert outcomes["wait"] == "'shutdown'"
        assert outcomes["is_alive"] == "[False, False, False]"
        assert program.hear() == 2


def test_were_calls_left_to_a_loop_that_has_ended_they_would_hang() -> None:
    leave = """
from supervision.process.loop import Loop
def leave(self, function, *args):
    self._calls.append((function, args))
    self._wake()
Loop.call_soon = leave
"""
    with Program(_AFTERWARDS.replace("calls = {", leave + "calls = {")) as program:
        for _ in range(8):
            program.say(0.2)
        outcomes = program.hear()
    hanging = {name for name, outcome in outcomes.items() if outcome == "hangs"}
    assert hanging == {"stop the tree", "kill the tree", "wait", "which_children"}


def test_a_child_that_may_take_for_ever_does_not_hold_up_the_end_of_the_program_for_ever() -> None:
    """Nor does it cost another tree its orderly end."""
    source = """
logging.basicConfig()
first = Supervisor.start([ChildSpec(id="a", start=(Subject, (), {}))])
first["a"].ask(("at_exit", sys.argv[1], "in order"))
tree = Supervisor.start([ChildSpec(id="a", start=(Deaf, (), {}), shutdown="infinity")])
solo = Subject.start()
pids = [first["a"].pid, tree["a"].pid, solo.pid]
began = time.monotonic()
shutdown(timeout=1.0)
say([states(pids), 1.0 <= time.monotonic() - began < 15, str(tree.reason), str(first.reason)])
"""
    with tempfile.TemporaryDirectory() as folder, Program(source, f"{folder}/told") as program:
        assert program.hear() == ["", True, "killed", "shutdown"]
        with open(f"{folder}/told") as file:
            assert file.read() == "in order"
        assert program.end() == 0
        assert "it is killed" in program.errors()
        assert "Traceback" not in program.errors()
