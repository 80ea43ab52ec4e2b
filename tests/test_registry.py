"""The registry: names for actors that go when the actor does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pykka
import pytest

from supervision import (
    ActorDown,
    ChildSpec,
    MailboxFull,
    MessageError,
    Ref,
    Registry,
    RequestError,
    SpecError,
    Supervisor,
)
from supervision.testing import wait_until
from tests.conformance.real_actors import Named, named_actors


@pytest.fixture
def start() -> Iterator[Callable[..., Ref]]:
    with named_actors() as start_one:
        yield start_one


def test_an_entry_has_a_value(start: Callable[..., Ref]) -> None:
    actor = start("values")
    registry = Registry("values")
    registry.register("k", actor, {"since": 7})
    assert registry.lookup("k") == [(actor, {"since": 7})]
    assert actor.ask(["lookup", "k"]) == [(actor, {"since": 7})]


def test_nobody_is_found_under_an_unknown_key() -> None:
    registry = Registry("nobody")
    assert registry.whereis("k") is None
    assert registry.lookup("k") == []


def test_what_is_found_can_be_asked_from_everywhere(start: Callable[..., Ref]) -> None:
    """A ref from the registry works in the application and in another actor."""
    owner, other = start("found", "unique", "k"), start("found")
    found = Registry("found").whereis("k")
    assert found is not None
    assert found.ask("pid") == owner.pid
    assert other.ask(["whereis", "k"]).ask("pid") == owner.pid


def test_keys_are_compared_strictly(start: Callable[..., Ref]) -> None:
    """1, "1" and True are three keys."""
    actor, registry = start("strict"), Registry("strict")
    for key in (1, "1", True):
        registry.register(key, actor)
        assert registry.whereis(key) == actor
    registry.unregister(1, actor)
    assert registry.whereis(1) is None
    assert registry.whereis(True) == actor


def test_unregistering_frees_a_key_for_others(start: Callable[..., Ref]) -> None:
    owner, other = start("free", "unique", "k"), start("free")
    registry = Registry("free")
    registry.unregister("k", other)
    assert registry.whereis("k") == owner, "another one's entry is not touched"
    registry.unregister("k", owner)
    registry.register("k", other)
    assert registry.whereis("k") == other


def test_two_registries_share_no_keys(start: Callable[..., Ref]) -> None:
    owner = start("one", "unique", "k")
    assert Registry("one").whereis("k") == owner
    assert Registry("two").whereis("k") is None


def test_a_registry_has_one_kind_of_keys() -> None:
    Registry("kinds", "duplicate").lookup("k")
    with pytest.raises(SpecError) as caught:
        Registry("kinds").lookup("k")
    assert caught.value.reason == ("registry_exists", "kinds")
    with pytest.raises(SpecError) as caught:
        Registry("kinds", "triple")  # type: ignore[arg-type]
    assert caught.value.reason == ("invalid_keys", "triple")


def test_a_dead_actor_cannot_be_registered(start: Callable[..., Ref]) -> None:
    actor = start("dead")
    actor.stop()
    with pytest.raises(RequestError) as caught:
        Registry("dead").register("k", actor)
    reason: Any = caught.value.reason
    assert reason[0] == "noproc"
    assert Registry("dead").whereis("k") is None


def test_dispatch_tells_everybody_under_a_key(start: Callable[..., Ref]) -> None:
    actors = [start("group", "duplicate", "k") for _ in range(3)]
    registry = Registry("group", "duplicate")
    assert registry.dispatch("k", ["register", "told"]) == 3
    assert actors[0].ask(["dispatch", "k", ["register", "told"]]) == 3
    wait_until(lambda: len(registry.lookup("told")) == 6)
    assert registry.dispatch("nobody", "hello") == 0


def test_the_entries_of_a_child_are_those_of_one_incarnation() -> None:
    """What a child did not register anew at its restart is gone; a ref that follows restarts is no help."""
    tree = Supervisor.start([ChildSpec(id="a", start=(Named, ("lives",)))])
    registry = Registry("lives")
    registry.register("k", tree["a"])
    assert registry.whereis("k") == tree["a"].pinned()
    with pytest.raises(pykka.ActorDeadError):
        tree["a"].ask(["end", "kill"])
    assert tree["a"].ask("pid") == tree["a"].pid
    assert registry.whereis("k") is None
    tree.stop()


def test_whoever_hears_of_an_end_finds_the_key_free(start: Callable[..., Ref]) -> None:
    """A Down message comes after the entries have gone."""
    watcher, registry = start("down"), Registry("down")
    for _ in range(20):
        owner = start("down", "unique", "k")
        seen = len(watcher.ask("downs"))
        watcher.ask(["monitor", owner])
        owner.tell(["end", "kill"])
        wait_until(lambda seen=seen: len(watcher.ask("downs")) > seen)  # type: ignore[misc]
        assert registry.whereis("k") is None
        assert registry.lookup("k") == []


class OnThread(pykka.ThreadingActor):
    """Register itself, on a thread of the application."""

    def on_start(self) -> None:
        self.actor_ref.tell("register")

    def on_receive(self, message: object) -> object:
        if message == "register":
            Registry("of-threads").register("me")
        return message


def test_an_actor_on_a_thread_registers_itself_and_again_after_a_restart() -> None:
    tree = Supervisor.start([OnThread])
    names = Registry("of-threads")
    try:
        first = wait_until(lambda: names.whereis("me"))
        assert first is not None
        assert first.ask("here", timeout=10) == "here"
        assert first.following().ask("there", timeout=10) == "there"
        first.stop(timeout=10)
        second = wait_until(lambda: (found := names.whereis("me")) and found != first and found)
        assert second.ask("again", timeout=10) == "again"  # type: ignore[union-attr]
    finally:
        tree.stop(timeout=10)


def test_outside_of_actors_an_actor_must_be_named() -> None:
    registry = Registry("named")
    with pytest.raises(TypeError, match="say which one is meant"):
        registry.register("k")
    with pytest.raises(TypeError, match="say which one is meant"):
        registry.unregister("k")


def test_a_group_is_told_though_one_of_it_is_just_gone_and_one_does_not_read(
    start: Callable[..., Ref], monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry("told", keys="duplicate")
    members = [start("told", "duplicate") for _ in range(4)]
    for member in members:
        registry.register("k", member)
    gone, full = members[0].address, members[2].address
    tell = Ref.tell

    def tell_those_that_hear(self: Ref, message: Any) -> None:
        if self.address == gone:
            raise ActorDown
        if self.address == full:
            raise MailboxFull
        tell(self, message)

    monkeypatch.setattr(Ref, "tell", tell_those_that_hear)
    assert registry.dispatch("k", ["note"]) == 2
    with pytest.raises(MessageError):
        registry.dispatch("k", object())
