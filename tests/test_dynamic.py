"""DynamicSupervisor and simple_one_for_one on processes: children that come and go."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pykka
import pytest

from supervision import Backoff, ChildSpec, DynamicSupervisor, Ref, RequestError, StartError, Supervisor, monitor
from supervision.process.application import application
from supervision.testing import capture_events, wait_until
from tests.conformance.real_actors import Player, Recorder

CHILD = [("supervision", "child", what) for what in ("started", "down")]


@pytest.fixture(autouse=True)
def trees() -> Iterator[None]:
    yield
    for tree in list(application().trees):
        tree.kill()


@pytest.fixture
def dynamic() -> Callable[..., Any]:
    return DynamicSupervisor.start


def recorder(*args: Any, **fields: Any) -> ChildSpec:
    return ChildSpec(id="r", start=(Recorder, args), **fields)


def kill(ref: Ref) -> None:
    """Kill an actor and wait until that is known."""
    pinned = ref.pinned()
    pid = pinned.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not pinned.is_alive())


def test_a_ref_follows_restarts_or_does_not(dynamic: Callable[..., Any]) -> None:
    """start_child returns the ref of one incarnation; `following()` leads to the next ones."""
    ref = dynamic().start_child(recorder("x"))
    following = ref.following()
    kill(ref)
    assert following.ask("arguments") == ["x"]
    with pytest.raises(pykka.ActorDeadError):
        ref.ask("arguments")


def test_a_class_and_short_forms_are_taken(dynamic: Callable[..., Any]) -> None:
    tree = dynamic()
    assert tree.start_child(Recorder).ask("arguments") == []
    assert tree.start_child((Recorder, ("x", 1))).ask("arguments") == ["x", 1]
    assert tree.start_child(Recorder, restart="temporary").ask("arguments") == []
    assert tuple(tree.count_children()) == (3, 3, 0, 3)


def test_children_are_told_of_in_events(dynamic: Callable[..., Any]) -> None:
    """Each start and each end of a dynamic child is an event, in order."""
    with capture_events(CHILD) as captured:
        tree = dynamic()
        ref = tree.start_child(recorder())
        kill(ref)
        captured.wait_for(lambda event: event.metadata["incarnation"] == 2)
        tree.stop()
        captured.wait_for(lambda event: event.name[2] == "down" and event.metadata["incarnation"] == 2)
    told = [(event.name[2], event.metadata["incarnation"]) for event in captured.events]
    assert told == [("started", 1), ("down", 1), ("started", 2), ("down", 2)]


def test_terminate_child_takes_refs_of_its_own_children(dynamic: Callable[..., Any]) -> None:
    """One that follows restarts too; a stranger's is not found."""
    tree, other = dynamic(), dynamic()
    ref = tree.start_child(recorder())
    with pytest.raises(RequestError) as caught:
        other.terminate_child(ref)
    assert caught.value.reason == "not_found"
    tree.terminate_child(ref.following())
    assert not ref.is_alive()
    assert tree.which_children() == []


def test_a_child_that_waits_for_its_restart_is_found_by_both_refs(dynamic: Callable[..., Any]) -> None:
    """While it waits out its backoff, terminate_child ends that."""
    for which in (Ref.pinned, Ref.following):
        tree = dynamic()
        ref = tree.start_child(recorder(backoff=Backoff(initial=60.0, maximum=60.0)))
        target = which(ref)
        kill(ref)
        wait_until(lambda tree=tree: tree.count_children().active == 0)  # type: ignore[misc]
        assert [row.child for row in tree.which_children()] == ["restarting"]
        tree.terminate_child(target)
        assert tree.which_children() == []


def test_temporary_and_transient_children(dynamic: Callable[..., Any]) -> None:
    """A temporary one is never restarted; a transient one that ends normally is forgotten."""
    tree = dynamic()
    temporary = tree.start_child(ChildSpec(id="t", start=(Player, ("t",)), restart="temporary"))
    transient = tree.start_child(ChildSpec(id="n", start=(Player, ("n",)), restart="transient"))
    kill(temporary)
    transient.tell("normal")
    wait_until(lambda: tuple(tree.count_children()) == (0, 0, 0, 0))


def test_an_own_budget_ends_one_child_and_not_the_others(dynamic: Callable[..., Any]) -> None:
    """A child that uses up its own restarts is forgotten; the supervisor and its siblings go on."""
    tree = dynamic(intensity=0)
    sibling = tree.start_child(recorder(own_budget=(5, 60)))
    ref = tree.start_child(recorder(own_budget=(1, 60))).following()
    kill(ref)
    assert ref.ask("arguments") == []
    kill(ref)
    wait_until(lambda: tree.count_children().specs == 1)
    assert tree.is_alive()
    assert sibling.ask("arguments") == []


def test_giving_up_ends_all_children(dynamic: Callable[..., Any]) -> None:
    tree = dynamic(intensity=0)
    refs = [tree.start_child(recorder()) for _ in range(4)]
    kill(refs[0])
    assert str(tree.wait(10.0)) == "shutdown"
    assert tree.gave_up
    assert not any(ref.is_alive() for ref in refs)


def test_children_stop_side_by_side(dynamic: Callable[..., Any]) -> None:
    """Five that need 0.3 s each are stopped in little more than that."""
    tree = dynamic()
    for number in range(5):
        tree.start_child(ChildSpec(id="p", start=(Player, (str(number), True, ["slow", 300]))))
    begun = time.monotonic()
    tree.stop()
    assert 0.3 <= time.monotonic() - begun < 0.9


def test_fifty_threads_start_children_at_once(dynamic: Callable[..., Any]) -> None:
    tree = dynamic(max_children=20)
    started: list[Any] = []
    refused: list[Any] = []

    def start() -> None:
        try:
            started.append(tree.start_child(recorder()))
        except RequestError as error:
            refused.append(error.reason)

    threads = [threading.Thread(target=start) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len({ref.pid for ref in started}), refused) == (20, ["max_children"] * 30)


def test_an_instance_of_simple_one_for_one_adds_arguments_to_the_template() -> None:
    tree = Supervisor.start([ChildSpec(id="tpl", start=(Recorder, ("t",)))], strategy="simple_one_for_one")
    one, two = tree.start_child(("x",)), tree.start_child([])
    assert [one.ask("arguments"), two.ask("arguments")] == [["t", "x"], ["t"]]
    kill(one)
    assert one.following().ask("arguments") == ["t", "x"]
    with pytest.raises(RequestError) as caught:
        tree.start_child("x")
    assert caught.value.reason == ("invalid_args", "x")
    tree.stop()


def test_a_dynamic_supervisor_can_be_nested() -> None:
    """It is killed and stopped with the tree above it."""
    tree = Supervisor.start([ChildSpec(id="pool", start=(DynamicSupervisor, (), {"max_children": 1}))])
    ref = tree["pool"].start_child(recorder("x"))
    assert ref.ask("arguments") == ["x"]
    with pytest.raises(RequestError):
        tree["pool"].start_child(recorder())
    tree.stop()
    assert not ref.is_alive()


def test_a_tree_is_killed_while_a_start_function_runs(dynamic: Callable[..., Any]) -> None:
    """The kill does not wait for it; what it starts all the same is ended."""
    begun, go_on = threading.Event(), threading.Event()
    late: list[Any] = []

    def start() -> Any:
        begun.set()
        go_on.wait(10)
        late.append(Player.start("late"))
        return late[0]

    tree = dynamic()
    failures: list[Any] = []

    def ask() -> None:
        try:
            tree.start_child(ChildSpec(id="a", start=(start, ())))
        except (RequestError, StartError) as error:
            failures.append(error.reason)

    asking = threading.Thread(target=ask)
    asking.start()
    assert begun.wait(10)
    assert tree.kill(timeout=5.0)
    asking.join(10)
    assert failures == ["noproc"]
    go_on.set()
    wait_until(lambda: late and not late[0].is_alive())


class Quiet(pykka.ThreadingActor):
    """Be a child on a thread."""


def test_a_tree_of_threads_is_killed_once() -> None:
    """Its children end at once; requests afterwards are refused and nothing ends twice."""
    tree = Supervisor.start([Quiet, (Supervisor, {"children": [Quiet]})])
    with capture_events([("supervision", "supervisor", "stopped")]) as captured:
        assert tree.kill()
        with pytest.raises(RequestError):
            tree.which_children()
        captured.wait_for(lambda event: event.metadata["supervisor"] == tree.name)
    assert str(tree.reason) == "killed"
    assert [event.metadata["supervisor"] for event in captured.events].count(tree.name) == 1


def test_a_tree_is_killed_while_it_waits_for_processes() -> None:
    """Sixty children asked for at once; the kill does not wait for those that have no process yet."""
    failures: list[Any] = []

    def start() -> None:
        try:
            Supervisor.start([ChildSpec(id=number, start=(Recorder, ())) for number in range(60)], name="sixty")
        except StartError as error:
            failures.append(error)

    starting = threading.Thread(target=start)
    starting.start()
    tree = wait_until(lambda: next((tree for tree in application().trees if tree.name == "sixty"), None))
    assert tree is not None
    assert tree.kill(timeout=5.0)
    starting.join(10)
    assert len(failures) == 1


@pytest.mark.parametrize("by_function", [False, True])
def test_a_monitor_set_during_a_restart_hears_of_the_next_end(by_function: bool) -> None:
    """Of the end of the incarnation to come, whichever number it will have."""
    tree = Supervisor.start(
        [
            ChildSpec(
                id="a",
                start=(_start_player if by_function else Player, ("a",)),
                backoff=Backoff(initial=0.2, maximum=0.2),
            )
        ]
    )
    downs: list[Any] = []
    ref = tree["a"]
    kill(ref)
    wait_until(lambda: ref.pid is None)
    monitor(ref, downs.append)
    assert ref.ask("path") == "a"
    assert downs == []
    kill(ref)
    wait_until(lambda: downs)
    tree.stop()


def _start_player(path: str) -> Ref:
    return Player.start(path)


@pytest.mark.parametrize("end", ["terminate", "stop"])
def test_a_monitor_set_during_a_restart_hears_that_there_is_no_next_one(end: str) -> None:
    """The child is terminated, or its supervisor stopped, while it waits for its restart."""
    tree = Supervisor.start([ChildSpec(id="a", start=(Player, ("a",)), backoff=Backoff(initial=60.0, maximum=60.0))])
    downs: list[Any] = []
    ref = tree["a"]
    kill(ref)
    wait_until(lambda: ref.pid is None)
    monitor(ref, downs.append)
    tree.terminate_child("a") if end == "terminate" else tree.stop()
    wait_until(lambda: downs)
    tree.stop()


def test_a_pinned_ref_does_not_follow_a_child_that_a_function_starts() -> None:
    """Each call of the function is an incarnation of its own."""
    tree = Supervisor.start([ChildSpec(id="a", start=(_start_player, ("a",)))])
    pinned = tree["a"].pinned()
    kill(pinned)
    assert tree["a"].ask("path") == "a"
    assert not pinned.is_alive()
    with pytest.raises(pykka.ActorDeadError):
        pinned.ask("path")
    tree.stop()
