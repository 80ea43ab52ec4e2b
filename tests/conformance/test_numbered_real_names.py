"""Numbered scenarios 22, 32, 36 and 136 to 141 on processes: names, the registry, calls and casts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pykka
import pytest

from supervision import AskCycle, ChildSpec, Ref, Registry, RequestError, StartError, Supervisor, send_after
from supervision.exits import NOPROC
from supervision.testing import wait_until
from tests.conformance.real_actors import Named, Player, named_actors


@pytest.fixture
def start() -> Iterator[Callable[..., Ref]]:
    """Start named actors, and stop them in the end."""
    with named_actors() as start_one:
        yield start_one


def test_022_a_supervisor_name_that_is_taken() -> None:
    """Starting a second supervisor under a name: already_started with the first; afterwards it is free."""
    first = Supervisor.start([], name="only one")
    with pytest.raises(StartError) as caught:
        Supervisor.start([], name="only one")
    assert caught.value.reason == ("already_started", first)
    first.stop()
    Supervisor.start([], name="only one").stop()


REQUESTS: dict[str, Callable[[Any], Any]] = {
    "start_child": lambda tree: tree.start_child(ChildSpec(id="a", start=(Player, ("a",)))),
    "terminate_child": lambda tree: tree.terminate_child("a"),
    "restart_child": lambda tree: tree.restart_child("a"),
    "delete_child": lambda tree: tree.delete_child("a"),
    "which_children": lambda tree: tree.which_children(),
    "count_children": lambda tree: tree.count_children(),
    "get_childspec": lambda tree: tree.get_childspec("a"),
}


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("end", ["stop", "kill"])
def test_032_a_supervisor_that_is_not_there(name: str, end: str) -> None:
    """Any request to a supervisor that has ended: the caller gets noproc."""
    tree = Supervisor.start([])
    getattr(tree, end)()
    with pytest.raises(RequestError) as caught:
        REQUESTS[name](tree)
    assert caught.value.reason == "noproc"


def test_036_an_actor_name_that_is_taken_outside(start: Callable[..., Ref]) -> None:
    """start_child of an actor whose name is taken: who has it; the child is not listed, nothing is left."""
    registry = Registry("036")
    owner = start("036", "unique", "k")

    def start_another() -> Ref:
        another = start("036")
        try:
            registry.register("k", another)
        except RequestError:
            another.stop()
            raise
        return another

    tree = Supervisor.start([])
    with pytest.raises(StartError) as caught:
        tree.start_child(ChildSpec(id="a", start=(start_another, ())))
    assert caught.value.reason == ("already_registered", owner)
    assert tree.which_children() == []
    tree.stop()


def test_036_an_actor_that_takes_its_name_itself(start: Callable[..., Ref]) -> None:
    """The same with a class: the error says whose the name is; as an automatic restart it counts."""
    start("036b", "unique", "k")
    tree = Supervisor.start([])
    with pytest.raises(StartError, match="'k' is registered already"):
        tree.start_child(ChildSpec(id="a", start=(Named, ("036b", "unique", "k"))))
    assert tree.which_children() == []
    tree.stop()


def test_136_a_unique_key_has_one_owner(start: Callable[..., Ref]) -> None:
    """The second registration of a key names the owner, for the owner itself too."""
    owner, other = start("136", "unique", "k"), start("136")
    for ref in (other, owner):
        with pytest.raises(RequestError) as caught:
            ref.ask(["register", "k"])
        assert caught.value.reason == ("already_registered", owner)
    assert Registry("136").whereis("k") == owner
    assert other.ask(["whereis", "k"]) == owner


def test_137_a_duplicate_key_has_several_entries(start: Callable[..., Ref]) -> None:
    """One process registers a key twice; unregister removes both, and those of nobody else."""
    one, two = start("137", "duplicate", "k"), start("137", "duplicate", "k")
    one.ask(["register", "k"])
    registry = Registry("137", "duplicate")
    assert [ref for ref, _ in registry.lookup("k")] == [one, two, one]
    one.ask(["unregister", "k"])
    assert [ref for ref, _ in registry.lookup("k")] == [two]


@pytest.mark.parametrize("reason", ["crash", "normal"])
def test_138_the_entries_of_a_dead_process_go(start: Callable[..., Ref], reason: str) -> None:
    """A registered process ends: the key is free for the next one who hears of it."""
    owner, other = start("138", "unique", "k"), start("138")
    owner.tell(["end", reason])
    wait_until(lambda: not owner.is_alive())
    other.ask(["register", "k"])
    assert Registry("138").whereis("k") == other


def test_138_a_replacement_takes_the_name_of_its_predecessor() -> None:
    """Killed again and again, a child registers the same name at each start and never finds it taken."""
    tree = Supervisor.start(
        [ChildSpec(id="a", start=(Named, ("138b", "unique", "k")))], intensity=100, period=60, spares=4
    )
    registry = Registry("138b")
    for _ in range(30):
        before = tree["a"].pid
        with pytest.raises(pykka.ActorDeadError):
            tree["a"].ask(["end", "kill"])
        assert wait_until(lambda before=before: tree["a"].pid not in (None, before))  # type: ignore[misc]
        assert tree["a"].ask("pid") != before
        found = registry.whereis("k")
        assert found is not None
        assert found.pid == tree["a"].pid
    assert tree.is_alive()
    tree.stop()


def test_139_a_duplicate_key_names_nobody(start: Callable[..., Ref]) -> None:
    """A duplicate registry asked who has a key, in the application and in an actor: an error."""
    actor = start("139", "duplicate", "k")
    with pytest.raises(RequestError) as caught:
        Registry("139", "duplicate").whereis("k")
    assert caught.value.reason == ("not_unique", "139")
    with pytest.raises(RequestError):
        actor.ask(["whereis", "k"])


def test_140_calls_that_cannot_be_answered(start: Callable[..., Ref]) -> None:
    """To oneself: a cycle; to nobody: it is gone; to a server that needs longer than 1 ms: a timeout."""
    actor = start("140")
    with pytest.raises(AskCycle):
        actor.ask("ask yourself")
    with pytest.raises(pykka.Timeout):
        actor.ask(["sleep", 0.2], timeout=0.001)
    assert actor.ask("pid") == actor.pid, "the late answer is nobody else's"
    actor.stop()
    with pytest.raises(pykka.ActorDeadError):
        actor.ask("pid")


def test_140_who_was_nobody_at_the_time_of_a_monitor_is_noproc(start: Callable[..., Ref]) -> None:
    """The Down for an actor that is gone already has reason noproc."""
    actor, watcher = start("140"), start("140")
    actor.stop()
    watcher.ask(["monitor", actor])
    assert wait_until(lambda: watcher.ask("downs")) == [NOPROC]


def test_141_casts_to_nobody(start: Callable[..., Ref]) -> None:
    """A timed message to nobody is dropped. `tell` is Pykka's, and raises at once where OTP says ok."""
    actor = start("141")
    actor.stop()
    send_after(actor, 0.0, "hello")
    with pytest.raises(pykka.ActorDeadError):
        actor.tell("hello")
