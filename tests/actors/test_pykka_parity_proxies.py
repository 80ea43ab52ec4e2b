"""The same proxies and futures of Pykka's threads and of processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pykka
import pytest
from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr

from supervision.testing import wait_until
from tests.actors.parity import SECONDS, heard
from tests.actors.programs import Kind

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
