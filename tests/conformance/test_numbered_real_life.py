"""Numbered scenarios whose pure tests read the simulation's inside: the same on processes, from outside."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from supervision import IGNORE, ChildSpec, RequestError, SpecError, StartError, Supervisor
from supervision.decisions import Call, CountChildren, Request, WhichChildren
from supervision.process.application import application
from supervision.testing import wait_until
from tests.conformance.real_actors import Detached, Player, Top
from tests.conformance.real_loop import wait_for_end
from tests.conformance.real_tree import RealTree, close_all
from tests.conformance.tree import child


@pytest.fixture(autouse=True)
def trees() -> Iterator[None]:
    yield
    close_all()


class Declines(Supervisor):
    def init(self) -> Any:  # type: ignore[override]
        return IGNORE


class Wrong(Supervisor):
    def init(self) -> Any:  # type: ignore[override]
        return "weird"


class Raises(Supervisor):
    def init(self) -> Any:  # type: ignore[override]
        raise RuntimeError("no flags today")


class HalfWay(Supervisor):
    def init(self) -> Any:  # type: ignore[override]
        def children() -> Any:
            yield ChildSpec(id="a", start=(Player, ("a",)))
            raise RuntimeError("no more")

        return {}, list(children())


def test_002_an_init_that_declines() -> None:
    """start tells that init declined, and no supervisor exists; below another the child is undefined."""
    with pytest.raises(StartError) as caught:
        Declines.start()
    assert caught.value.reason == "ignore"
    tree = Supervisor.start([Declines])
    assert [(row.id, row.child) for row in tree.which_children()] == [("Declines", "undefined")]
    tree.stop()
    assert application().trees == []


def test_003_a_wrong_return_of_init() -> None:
    """bad_return with the class, init, and what it returned."""
    with pytest.raises(StartError) as caught:
        Wrong.start()
    assert caught.value.reason == ("bad_return", (f"{__name__}.Wrong", "init", "weird"))


@pytest.mark.parametrize(("kind", "text"), [(Raises, "no flags today"), (HalfWay, "no more")])
def test_004_an_init_that_raises(kind: Any, text: str) -> None:
    """The error has the exception, and nothing is left; below another supervisor it is a failed start."""
    with pytest.raises(StartError, match=text) as caught:
        kind.start()
    assert caught.value.reason == ("RuntimeError", text)
    with pytest.raises(StartError) as caught:
        Supervisor.start([kind])
    assert caught.value.reason == ("shutdown", ("failed_to_start_child", kind.__name__, ("RuntimeError", text)))
    assert application().trees == []


@pytest.mark.parametrize(
    ("spec", "reason"), [({"start": (Player, ("a",))}, "missing_id"), ({"id": "a"}, "missing_start")]
)
def test_014_id_and_start_are_required(spec: Any, reason: str) -> None:
    """start_spec with what is missing."""
    with pytest.raises(SpecError) as caught:
        Top.start({}, [spec])
    assert caught.value.reason == ("start_spec", reason)


def test_021_correct_specifications_of_every_kind() -> None:
    """Modules dynamic, a worker with infinity, a supervisor with a number: all run."""
    specs = [
        ChildSpec(id=1, start=(Player, ("1",)), modules="dynamic"),
        ChildSpec(id=2, start=(Player, ("2",)), shutdown="infinity"),
        ChildSpec(id=3, start=(Supervisor, ([],)), type="supervisor", shutdown=0.5),
    ]
    tree = Supervisor.start(specs)
    assert tuple(tree.count_children()) == (3, 3, 1, 2)
    tree.stop()


def test_039_active_is_who_lives_when_the_count_is_made() -> None:
    """A count that had to wait for a slow stop counts the replacement of a child that died meanwhile."""
    tree = RealTree(child("a"), child("slow"))
    performer: Any = tree.ref._performer()
    counts: list[Any] = []
    with at_a_standstill(tree, "slow"):
        stopping = in_thread(tree.ref.terminate_child, "slow")
        wait_until(lambda: performer.state.busy)
        tree.sim._end("a", "kill")
        wait_until(lambda: performer.state.fallen)  # the death waits behind the stop, and the count behind the death
        counting = in_thread(lambda: counts.append(tree.ref.count_children()))
        wait_until(lambda: waiting(performer) == [CountChildren])
    for thread in (stopping, counting):
        thread.join()
    tree.rest()
    assert tuple(counts[0]) == (2, 1, 0, 2)
    assert tree.which() == {"slow": "undefined", "a": 2}


def test_039_a_death_behind_a_count_is_not_active() -> None:
    """The count is served before the death, and still knows that the process is gone."""
    tree = RealTree(child("a"), child("slow"))
    performer: Any = tree.ref._performer()
    counts: list[Any] = []
    rows: list[Any] = []
    with at_a_standstill(tree, "slow"):
        stopping = in_thread(tree.ref.terminate_child, "slow")
        wait_until(lambda: performer.state.busy)
        counting = in_thread(lambda: counts.append(tree.ref.count_children()))
        wait_until(lambda: waiting(performer) == [CountChildren])
        listing = in_thread(lambda: rows.extend(tree.ref.which_children()))
        wait_until(lambda: waiting(performer) == [CountChildren, WhichChildren])
        tree.sim._end("a", "kill")
        wait_until(lambda: performer.state.fallen)
    for thread in (stopping, counting, listing):
        thread.join()
    assert tuple(counts[0]) == (2, 0, 0, 2)
    assert [isinstance(row.child, str) for row in rows] == [True, False]


@contextlib.contextmanager
def at_a_standstill(tree: RealTree, path: str) -> Iterator[None]:
    """Have a child's process stand still during the block: a stop of it that has begun ends behind the block."""
    pid = tree.sim.pids[path]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def in_thread(function: Callable[..., object], *args: object) -> threading.Thread:
    """Call a function on a thread of its own; return the thread."""
    thread = threading.Thread(target=function, args=args)
    thread.start()
    return thread


def waiting(performer: Any) -> list[type[Call]]:
    """Return what is asked in requests that wait until the supervisor is idle, in order."""
    return [type(event.call) for event in performer.state.deferred if isinstance(event, Request)]


@pytest.mark.slow
def test_066_restarts_far_apart_do_not_count_together() -> None:
    """1 in 1 s: four crashes with a little more than a second between them are fine, the fifth at once is not."""
    tree = RealTree(child("a"), intensity=1, period=1)
    for _ in range(3):
        tree.exit("a")
        tree.do("sleep", 1100)
    tree.exit("a")
    assert tree.alive
    tree.exit("a")
    assert tree.given_up


def test_084_a_retry_of_former_times_is_void() -> None:
    """A child that was terminated and started by request while it was retried has one process, not two."""
    tree = RealTree(child("h", "ok", "hold"), intensity=1_000_000)
    tree.exit("h")
    tree.terminate("h")
    tree.do("release", "h")
    assert tree.restart("h") == ["ok", ["pid", "h", 2]]
    tree.rest()
    assert tree.started() == []
    assert tree.which() == {"h": 2}


def test_088_children_that_end_by_themselves_during_the_stop() -> None:
    """Their reasons stay as they were; the supervisor ends with shutdown."""
    tree = RealTree(*map(child, "abcde"))
    performer: Any = tree.ref._performer()
    with at_a_standstill(tree, "e"):
        ended = tree.ref.stop(block=False)
        wait_until(lambda: performer.state.busy)
        for path, reason in [("a", "normal"), ("b", "crash"), ("c", ["shutdown", "x"])]:
            tree.sim._end(path, reason)
        wait_until(lambda: len(performer.state.fallen) == 3)
    assert ended.get(timeout=10)
    tree.rest()
    assert tree.state == ["dead", "shutdown"]
    reasons = [["a", "normal"], ["b", "crash"], ["c", ["shutdown", "x"]], ["e", "shutdown"], ["d", "shutdown"]]
    assert tree.exits() == reasons
    assert [report[1:] for report in tree.rep] == [["c", ["shutdown", "x"]], ["b", "crash"], ["a", "normal"]]


def test_089_a_child_that_cut_its_connection_does_not_hang_terminate_child() -> None:
    """A child that closed every descriptor it had and goes on is stopped all the same."""
    tree = Supervisor.start([ChildSpec(id="a", start=(Detached, ()), restart="temporary", shutdown=0.5)])
    pid = tree["a"].pid
    tree["a"].tell("detach")
    with contextlib.suppress(RequestError):  # not_found: its end was heard first
        tree.terminate_child("a")
    wait_for_end(pid)
    wait_until(lambda: tree.which_children() == [])
    assert tree.stop(timeout=10)


def test_091_an_unknown_message_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """What is no event is told in the log, and the supervisor goes on."""
    tree = RealTree(child("a"))
    with caplog.at_level(logging.DEBUG, "supervision"):
        application().loop.call_soon(tree.ref._performer().feed, "hello")
        tree.rest()
    assert any("ignored 'hello'" in record.getMessage() for record in caplog.records)
    assert tree.which() == {"a": 1}


def test_093_only_the_parent_can_stop_a_supervisor() -> None:
    """The end of a process that is no child, whatever its reason, is nothing to the supervisor."""
    tree = RealTree(child("a"))
    stranger = Player.start("stranger")
    stranger.tell("shutdown")
    wait_until(lambda: not stranger.is_alive())
    tree.rest()
    assert (tree.alive, tree.ev, tree.rep) == (True, [], [])


@pytest.mark.slow
@pytest.mark.parametrize("by_class", [False, True])
def test_110_instances_stop_in_parallel(by_class: bool) -> None:
    """All are asked at once; three stuck ones are killed together at the common limit."""
    tree = RealTree(
        child("tpl", dynamic=True, shutdown=600, trap=True),
        strategy="simple_one_for_one",
        by_class=by_class,
    )
    for name in "xy":
        tree.add(name)
    for name in "123":
        tree.add(name, on_shutdown="ignore")
    begun = time.monotonic()
    tree.stop()
    assert 0.6 <= time.monotonic() - begun < 1.7  # one after the other they would take 1.8
    assert sorted(tree.exits()) == [*([name, "killed"] for name in "123"), ["x", "shutdown"], ["y", "shutdown"]]
    assert tree.rep == [["shutdown_error", "tpl", "killed", 3]]


def test_115_a_thousand_instances_of_a_supervisor() -> None:
    """They are counted as supervisors, and all stop."""
    template = ChildSpec(id="tpl", start=(Supervisor, ([],)), type="supervisor")
    tree = Supervisor.start([template], strategy="simple_one_for_one")
    for _ in range(1000):
        tree.start_child(())
    assert tuple(tree.count_children()) == (1, 1000, 1000, 0)
    assert tree.stop(timeout=30)


@pytest.mark.parametrize("by_class", [False, True])
def test_117_the_reports_of_a_crash(by_class: bool) -> None:
    """One child_terminated with the reason and the old process, one progress with the new one."""
    tree = RealTree(child("a"), by_class=by_class)
    former = tree.sim.pids["a"]
    assert tree.sim.progress == [("a", former)]
    del tree.sim.progress[:]
    tree.exit("a")
    assert tree.rep == [["child_terminated", "a", "crash"]]
    assert tree.sim.reported_pids == [former]
    assert tree.sim.progress == [("a", tree.sim.pids["a"])]
    assert tree.sim.pids["a"] != former


@pytest.mark.parametrize("by_class", [False, True])
def test_117_instances_make_no_progress_reports(by_class: bool) -> None:
    """Only children with ids do."""
    tree = RealTree(child("tpl", dynamic=True), strategy="simple_one_for_one", by_class=by_class)
    tree.add("x")
    tree.exit("x")
    assert tree.started() == ["x"]
    assert tree.sim.progress == []
