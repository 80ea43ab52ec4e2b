"""The same programs as Pykka's threads and as processes: what is true of one is true of the other."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import pykka
import pytest

from supervision.testing import wait_until
from tests.actors.parity import SECONDS, heard
from tests.actors.programs import Kind

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
    found = registry.get_by_urn(actor.actor_urn)
    assert found is not None
    assert found.ask(1, timeout=SECONDS) == 1
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
