"""The same programs as Pykka's threads and as processes: what is true of one is true of the other."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pykka
import pytest
from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr

from supervision.testing import wait_until
from tests.actors.programs import PROCESSES, THREADS, Kind

SECONDS = 10.0


@pytest.fixture(params=[THREADS, PROCESSES], ids=["threads", "processes"])
def kind(request: pytest.FixtureRequest) -> Iterator[Kind]:
    yield request.param
    pykka.ActorRegistry.stop_all()


@pytest.fixture
def notebook(kind: Kind) -> Any:
    return kind.notebook.start()


@pytest.fixture
def actor(kind: Kind, notebook: Any) -> Any:
    return kind.program.start(notebook, 1)


def heard(notebook: Any) -> list[Any]:
    return notebook.ask("all", timeout=SECONDS)  # type: ignore[no-any-return]


# ---- asks and tells


@pytest.mark.parametrize(
    "message",
    [None, True, 1, -(2**63), 1.5, "text", "ü\0", b"bytes", [1, [2]], (1, (2,)), {"a": 1, 2: [3]}, {"k": (1, 2)}],
    ids=repr,
)
def test_an_ask_is_answered_with_an_equal_value(actor: Any, message: Any) -> None:
    answer = actor.ask(message, timeout=SECONDS)
    assert answer == message
    assert type(answer) is type(message)


def test_an_ask_that_does_not_block_gives_a_future(actor: Any) -> None:
    futures = [actor.ask(number, block=False) for number in range(50)]
    assert [future.get(timeout=SECONDS) for future in futures] == list(range(50))
    assert futures[7].get() == 7  # as often as one likes


def test_tells_and_asks_of_one_sender_are_handled_in_order(actor: Any, notebook: Any) -> None:
    for number in range(200):
        notebook.tell(number)
    assert heard(notebook) == ["on_start", *range(200)]


def test_tell_returns_nothing_and_raises_on_a_dead_actor(actor: Any) -> None:
    assert actor.tell("x") is None
    assert actor.stop()
    with pytest.raises(pykka.ActorDeadError):
        actor.tell("y")


def test_an_ask_of_a_dead_actor_raises_or_gives_a_future_that_does(actor: Any) -> None:
    assert actor.stop()
    with pytest.raises(pykka.ActorDeadError):
        actor.ask("x", timeout=SECONDS)
    future = actor.ask("x", block=False)
    with pytest.raises(pykka.ActorDeadError):
        future.get(timeout=SECONDS)


def test_an_ask_times_out_and_the_actor_goes_on(actor: Any, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with pytest.raises(pykka.Timeout):
        actor.ask({"wait for": str(gate)}, timeout=0.02)
    gate.touch()
    assert actor.ask("after", timeout=SECONDS) == "after"


def test_an_exception_in_an_ask_goes_to_the_asker_and_the_actor_lives(actor: Any, notebook: Any) -> None:
    with pytest.raises(ValueError, match="raised in on_receive"):
        actor.ask("raise", timeout=SECONDS)
    assert actor.is_alive()
    assert actor.ask("still here", timeout=SECONDS) == "still here"
    assert heard(notebook) == ["on_start"]


def test_an_exception_in_a_tell_calls_on_failure_and_ends_the_actor(actor: Any, notebook: Any) -> None:
    actor.tell("raise")
    wait_until(lambda: not actor.is_alive())
    wait_until(lambda: len(heard(notebook)) > 1)
    assert heard(notebook) == ["on_start", ["on_failure", "ValueError", "raised in on_receive", True]]
    assert actor.actor_urn not in [ref.actor_urn for ref in pykka.ActorRegistry.get_all()]


def test_an_exception_in_a_deferred_call_ends_the_actor_and_one_in_a_call_does_not(actor: Any, notebook: Any) -> None:
    proxy = actor.proxy()
    with pytest.raises(KeyError, match="in a call"):
        proxy.fail("in a call").get(timeout=SECONDS)
    proxy.fail("not looked at")
    assert proxy.get().get(timeout=SECONDS) == 101
    proxy.fail.defer("deferred")
    wait_until(lambda: not actor.is_alive())
    wait_until(lambda: len(heard(notebook)) > 1)
    assert heard(notebook)[1:] == [["on_failure", "KeyError", "'deferred'", True]]


def test_without_on_receive_a_message_is_answered_with_none_and_logged(
    kind: Kind, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    silent = kind.silent.start()
    assert silent.ask({"unexpected": 1}, timeout=SECONDS) is None
    wait_until(lambda: "Unexpected message received by" in caplog.text)
    record = next(record for record in caplog.records if "Unexpected" in record.getMessage())
    assert record.levelno == logging.WARNING
    assert record.name == "pykka"
    assert record.getMessage().endswith(": {'unexpected': 1}")
    assert silent.is_alive()


# ---- starting and stopping


def test_hooks_run_in_order_around_the_messages(actor: Any, notebook: Any) -> None:
    actor.tell({"log": 1})
    actor.tell({"log": 2})
    assert actor.stop()
    wait_until(lambda: len(heard(notebook)) > 3)
    assert heard(notebook) == ["on_start", 1, 2, "on_stop"]


def test_stop_tells_whether_the_actor_was_alive(actor: Any) -> None:
    assert actor.is_alive()
    assert actor.stop() is True
    assert not actor.is_alive()
    assert actor.stop() is False
    assert actor.stop(block=False).get(timeout=SECONDS) is False


def test_stop_without_blocking_gives_a_future(actor: Any) -> None:
    assert actor.stop(block=False).get(timeout=SECONDS) is True
    wait_until(lambda: not actor.is_alive())


def test_stop_can_time_out_while_the_actor_is_busy_and_is_not_forgotten(actor: Any, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    actor.tell({"wait for": str(gate)})
    with pytest.raises(pykka.Timeout):
        actor.stop(timeout=0.02)
    gate.touch()
    wait_until(lambda: not actor.is_alive())


def test_what_came_before_the_stop_is_handled_and_what_came_after_is_refused(
    actor: Any, notebook: Any, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    actor.tell({"wait for": str(gate)})
    before = [actor.ask(number, block=False) for number in range(5)]
    stopped = actor.stop(block=False)
    after = []
    for number in range(5):
        after.append(actor.ask(number, block=False))
    gate.touch()
    assert [future.get(timeout=SECONDS) for future in before] == list(range(5))
    assert stopped.get(timeout=SECONDS) is True
    for future in after:
        with pytest.raises(pykka.ActorDeadError):
            future.get(timeout=SECONDS)


def test_an_actor_that_stops_itself_answers_first(actor: Any, notebook: Any) -> None:
    assert actor.proxy().stop_self().get(timeout=SECONDS) == "last answer"
    wait_until(lambda: not actor.is_alive())
    wait_until(lambda: heard(notebook) == ["on_start", "on_stop"])


def test_the_registry_knows_the_living(kind: Kind, actor: Any, notebook: Any) -> None:
    registry = pykka.ActorRegistry
    assert registry.get_by_urn(actor.actor_urn).ask(1, timeout=SECONDS) == 1
    assert [ref.actor_urn for ref in registry.get_by_class(kind.program)] == [actor.actor_urn]
    assert [ref.actor_urn for ref in registry.get_by_class_name(kind.program.__name__)] == [actor.actor_urn]
    registry.broadcast({"log": "to all"}, target_class=kind.program)
    wait_until(lambda: heard(notebook) == ["on_start", "to all"])
    actor.stop()
    assert registry.get_by_urn(actor.actor_urn) is None


def test_stop_all_stops_all_and_the_last_started_first(kind: Kind) -> None:
    notebook = kind.notebook.start()
    actors = [kind.program.start(notebook) for _ in range(3)]
    stopped = pykka.ActorRegistry.stop_all()
    assert stopped == [True] * 4
    assert not any(actor.is_alive() for actor in [notebook, *actors])
    assert pykka.ActorRegistry.get_all() == []


def test_an_actor_starts_another_and_hands_out_its_ref(actor: Any, notebook: Any) -> None:
    another = actor.ask("start another", timeout=SECONDS)
    assert another.actor_urn != actor.actor_urn
    assert another.is_alive()
    assert another.proxy().get().get(timeout=SECONDS) == 1100
    assert actor.stop()
    assert another.is_alive()
    assert another.stop() is True
    wait_until(lambda: heard(notebook) == ["on_start", "on_start", "on_stop", "on_stop"])


def test_refs_travel_in_messages_and_are_equal_to_themselves(kind: Kind, actor: Any, notebook: Any) -> None:
    asked = kind.program.start(notebook, 7)
    assert actor.ask(["ask", asked, "hello"], timeout=SECONDS) == "hello"
    back = actor.ask({"ref": asked}, timeout=SECONDS)["ref"]
    assert back.actor_urn == asked.actor_urn
    assert str(back) == str(asked)
    assert actor.ask("me", timeout=SECONDS).actor_urn == actor.actor_urn
    assert actor.proxy().call_other(asked, 5).get(timeout=SECONDS) == 112


def test_an_error_of_an_actor_asked_by_an_actor_comes_through(kind: Kind, actor: Any) -> None:
    asked = kind.program.start()
    with pytest.raises(ValueError, match="raised in on_receive"):
        actor.ask(["ask", asked, "raise"], timeout=SECONDS)
    asked.stop()
    with pytest.raises(pykka.ActorDeadError):
        actor.ask(["ask", asked, "x"], timeout=SECONDS)
    assert actor.is_alive()


def test_many_threads_ask_one_actor(actor: Any) -> None:
    got: list[Any] = []

    def ask(number: int) -> None:
        got.extend(actor.ask([number, turn], timeout=SECONDS) == [number, turn] for turn in range(50))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [True] * 200


# ---- proxies


def test_a_proxy_calls_methods_with_arguments(actor: Any) -> None:
    proxy = actor.proxy()
    assert proxy.add(5).get(timeout=SECONDS) == 106
    assert proxy.add(5, twice=True).get(timeout=SECONDS) == 116
    assert proxy.numbers(*range(10)).get(timeout=SECONDS) == list(range(10))


def test_a_proxy_reads_and_sets_attributes(actor: Any) -> None:
    proxy = actor.proxy()
    assert proxy.value.get(timeout=SECONDS) == 101
    assert proxy.colour.get(timeout=SECONDS) == "red"
    proxy.value = 5
    proxy.colour = "blue"
    assert proxy.get().get(timeout=SECONDS) == 5
    assert proxy.colour.get(timeout=SECONDS) == "blue"
    proxy.brand_new = [1, 2]
    assert proxy.brand_new.get(timeout=SECONDS) == [1, 2]


def test_a_proxy_sees_attributes_that_came_later(actor: Any) -> None:
    proxy = actor.proxy()
    with pytest.raises(AttributeError):
        proxy.later  # noqa: B018
    proxy.grow().get(timeout=SECONDS)
    assert proxy.later.get(timeout=SECONDS) == "grown"


@pytest.mark.parametrize("name", ["nothing", "_private", "_in_future"])
def test_a_proxy_has_no_private_and_no_unknown_attributes(actor: Any, name: str) -> None:
    with pytest.raises(AttributeError, match=name):
        getattr(actor.proxy(), name)


def test_a_proxy_traverses_what_is_marked(actor: Any) -> None:
    proxy = actor.proxy()
    assert proxy.playback.volume.get(timeout=SECONDS) == 3
    assert proxy.playback.louder(2).get(timeout=SECONDS) == 5
    proxy.playback.volume = 10
    assert proxy.playback.louder().get(timeout=SECONDS) == 11
    assert proxy.playback.deep.level.get(timeout=SECONDS) == "two"
    assert proxy.playback.deep.echo({"a": 1}).get(timeout=SECONDS) == {"a": 1}
    assert proxy.playback_of_class.louder().get(timeout=SECONDS) == 4
    with pytest.raises(LookupError, match="no such track"):
        proxy.playback.broken().get(timeout=SECONDS)


def test_what_is_not_marked_is_not_traversed(actor: Any) -> None:
    with pytest.raises(AttributeError):
        actor.proxy().hidden.secret  # noqa: B018


def test_a_callable_attribute_can_be_called(actor: Any) -> None:
    assert actor.proxy().function([1, 2, 3]).get(timeout=SECONDS) == 3


def test_a_deferred_call_is_a_tell(actor: Any) -> None:
    proxy = actor.proxy()
    assert proxy.add.defer(5) is None
    assert proxy.get().get(timeout=SECONDS) == 106


def test_a_proxy_says_what_it_has(actor: Any) -> None:
    names = dir(actor.proxy())
    assert {"add", "get", "value", "colour", "playback", "function", "on_receive", "stop"} <= set(names)
    assert "_private" not in names


def test_two_proxies_of_one_actor_are_equal(kind: Kind, actor: Any) -> None:
    assert actor.proxy() == actor.proxy()
    assert actor.proxy() != kind.program.start().proxy()
    assert len({actor.proxy(), actor.proxy()}) == 1


def test_a_proxy_of_a_dead_actor_is_refused(actor: Any) -> None:
    proxy = actor.proxy()
    actor.stop()
    with pytest.raises(pykka.ActorDeadError):
        actor.proxy()
    with pytest.raises(pykka.ActorDeadError):
        proxy.get().get(timeout=SECONDS)
    with pytest.raises(pykka.ActorDeadError):
        proxy.value = 3


def test_messages_of_proxies_can_be_made_by_hand(actor: Any) -> None:
    assert actor.ask(ProxyCall(attr_path=("add",), args=(5,), kwargs={"twice": True}), timeout=SECONDS) == 111
    actor.ask(ProxySetAttr(attr_path=("playback", "volume"), value=9), timeout=SECONDS)
    assert actor.ask(ProxyGetAttr(attr_path=("playback", "volume")), timeout=SECONDS) == 9
    actor.tell(ProxyCall(attr_path=("add",), args=(1,), kwargs={}))
    assert actor.ask(ProxyGetAttr(attr_path=("value",)), timeout=SECONDS) == 112
    with pytest.raises(AttributeError):
        actor.ask(ProxyGetAttr(attr_path=("nothing",)), timeout=SECONDS)


def test_a_proxy_to_itself_defers_work_and_others_come_between(actor: Any, notebook: Any) -> None:
    proxy = actor.proxy()
    proxy.count_down(3)
    proxy.count_down_deferred(2)
    wait_until(lambda: len(heard(notebook)) == 8)
    told = heard(notebook)[1:]
    assert sorted(told) == [0, 0, 1, 1, 2, 2, 3]
    assert [number for number in told if number == 3] == [told[0]]


def test_a_proxy_to_itself_made_in_init_knows_attributes(actor: Any, notebook: Any) -> None:
    actor.proxy().own_value_later().get(timeout=SECONDS)
    wait_until(lambda: heard(notebook) == ["on_start", 101])


# ---- futures


def test_futures_map_filter_join_and_reduce(actor: Any) -> None:
    proxy = actor.proxy()
    numbers = proxy.numbers(1, 2, 3, 4)
    assert numbers.map(sum).get(timeout=SECONDS) == 10
    assert numbers.filter(lambda number: number % 2).get(timeout=SECONDS) == [1, 3]
    assert numbers.reduce(lambda one, two: one * two, 2).get(timeout=SECONDS) == 48
    assert numbers.reduce(lambda one, two: one + two).get(timeout=SECONDS) == 10
    joined = proxy.add(1).join(proxy.add(1), proxy.get())
    assert joined.get(timeout=SECONDS) == [102, 103, 103]
    assert numbers.map(len).map(str).get(timeout=SECONDS) == "4"


def test_get_all_gets_all(actor: Any) -> None:
    proxy = actor.proxy()
    assert pykka.get_all([proxy.add(1), proxy.colour, proxy.get()], timeout=SECONDS) == [102, "red", 102]


def test_errors_come_through_mapped_futures(actor: Any) -> None:
    proxy = actor.proxy()
    with pytest.raises(KeyError, match="method failed"):
        proxy.fail().map(str).get(timeout=SECONDS)
    with pytest.raises(ZeroDivisionError):
        proxy.get().map(lambda number: number / 0).get(timeout=SECONDS)
    with pytest.raises(TypeError):
        proxy.get().filter(bool).get(timeout=SECONDS)


def test_a_future_times_out(actor: Any, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    future = actor.ask({"wait for": str(gate)}, block=False)
    with pytest.raises(pykka.Timeout):
        future.get(timeout=0.02)
    with pytest.raises(pykka.Timeout):
        pykka.get_all([future], timeout=0.02)
    gate.touch()
    assert future.get(timeout=SECONDS) == {"wait for": str(gate)}


def _set(future: Any) -> None:
    future.set(2)


def _set_exception(future: Any) -> None:
    future.set_exception((ValueError, ValueError("late"), None))


@pytest.mark.parametrize("again", [_set, _set_exception])
def test_a_future_is_set_once(kind: Kind, again: Callable[[Any], None]) -> None:
    future = kind.program._create_future()
    future.set(1)
    with pytest.raises(Exception):  # noqa: B017, PT011 - Pykka's raises queue.Full, which says nothing
        again(future)
    assert future.get(timeout=SECONDS) == 1


def test_a_future_can_be_set_to_the_exception_that_is_handled(kind: Kind) -> None:
    future = kind.program._create_future()
    try:
        raise LookupError("handled")
    except LookupError:
        future.set_exception()
    with pytest.raises(LookupError, match="handled"):
        future.get(timeout=SECONDS)
