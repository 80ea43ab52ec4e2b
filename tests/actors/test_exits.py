"""How an actor ends, and that nobody else ends with it."""

from __future__ import annotations

from typing import Any

import pykka
import pytest

from supervision import ActorDown, ChildSpec, ExitReason, RemoteError, crash, monitor, shutdown
from supervision.exits import NORMAL
from supervision.testing import wait_until
from tests.actors.conftest import Starter
from tests.actors.helpers import SECONDS, gone, heard, in_threads, reason_of
from tests.faults.helpers import tree_of

ENDS = {
    "SystemExit()": (("exit_with",), "normal"),
    "SystemExit(0)": (("exit_with", 0), "normal"),
    "sys.exit(7)": (("sys_exit", 7), ("exit_status", 7)),
    "sys.exit(text)": (("sys_exit", "out of luck"), ("exit_status", "out of luck")),
    "KeyboardInterrupt": (("interrupt",), ("KeyboardInterrupt", "")),
    "GeneratorExit": (("generator_exit",), ("GeneratorExit", "")),
}


def end_of(ref: Any) -> list[Any]:
    found: list[Any] = []
    monitor(ref, found.append)
    return found


@pytest.mark.parametrize("block", [True, False], ids=["ask", "future"])
@pytest.mark.parametrize(("message", "term"), ENDS.values(), ids=ENDS.keys())
def test_what_ends_an_actor_in_an_ask_ends_it_alone_and_its_asker_gets_an_error(
    start: Starter, subject: Any, recorder: Any, message: Any, term: object, block: bool
) -> None:
    other = start(recorder)
    found, pid = end_of(subject), subject.pid
    future = subject.ask(message, block=False) if not block else None
    with pytest.raises(RemoteError) as raised:
        _ = future.get(timeout=SECONDS) if future else subject.ask(message, timeout=SECONDS)
    assert raised.value.type_name in ("SystemExit", "KeyboardInterrupt", "GeneratorExit")
    assert wait_until(lambda: found)[0].reason.term() == term
    assert gone(pid)
    assert not subject.is_alive()
    assert other.ask(("echo", 1), timeout=SECONDS) == 1
    assert heard(recorder) == ["on_stop"]


@pytest.mark.parametrize(("message", "term"), ENDS.values(), ids=ENDS.keys())
def test_what_ends_an_actor_in_a_tell_ends_it_alone(
    start: Starter, subject: Any, recorder: Any, message: Any, term: object
) -> None:
    found = end_of(subject)
    subject.tell(message)
    assert wait_until(lambda: found)[0].reason.term() == term
    assert recorder.is_alive()
    assert heard(recorder) == ["on_stop"]


def test_an_asking_actor_gets_the_error_and_lives(start: Starter, subject: Any, recorder: Any) -> None:
    asker = start(recorder)
    with pytest.raises(RemoteError, match="SystemExit"):
        asker.ask(("ask", subject, ("sys_exit", 3)), timeout=SECONDS)
    assert asker.ask(("echo", 1), timeout=SECONDS) == 1
    wait_until(lambda: not subject.is_alive())


def test_pykkas_own_actors_are_all_stopped_by_one_interrupt(recorder: Any) -> None:
    """Negative control: what the rule is for."""

    class Interrupted(pykka.ThreadingActor):
        def on_receive(self, message: Any) -> None:
            raise KeyboardInterrupt

    class Bystander(pykka.ThreadingActor):
        pass

    bystander = Bystander.start()
    Interrupted.start().tell("end")
    wait_until(lambda: not bystander.is_alive())
    wait_until(lambda: not recorder.is_alive())  # `stop_all` reaches even ours


class OnAThread(pykka.ThreadingActor):
    """End as a message says."""

    def on_receive(self, message: Any) -> Any:
        if message == "exit":
            raise SystemExit(3)
        if message == "interrupt":
            raise KeyboardInterrupt
        return message


@pytest.mark.parametrize("message", ["exit", "interrupt"])
def test_a_child_on_a_thread_ends_alone_and_its_asker_is_not_ended(message: str) -> None:
    """An asker that were raised `SystemExit` would end its program."""
    with tree_of(ChildSpec(id="a", start=(OnAThread, (), {})), ChildSpec(id="b", start=(OnAThread, (), {}))) as tree:
        future = tree["a"].ask(message, block=False)
        with pytest.raises(RemoteError, match=r"SystemExit|KeyboardInterrupt"):
            future.get(timeout=SECONDS)
        assert tree["b"].ask(1, timeout=SECONDS) == 1
        assert wait_until(lambda: _answer(tree["a"]) == 2)


def _answer(ref: Any) -> Any:
    try:
        return ref.ask(2, timeout=SECONDS)
    except pykka.ActorDeadError:
        return None  # not yet restarted


@pytest.mark.parametrize("reason", [NORMAL, shutdown("done"), shutdown(None), crash(("my", "reason"), "text")], ids=str)
@pytest.mark.parametrize("told", [True, False], ids=["tell", "ask"])
def test_exit_ends_the_actor_with_its_reason(subject: Any, recorder: Any, reason: ExitReason, told: bool) -> None:
    found = end_of(subject)
    if told:
        subject.tell(("exit_actor", reason))
    else:
        with pytest.raises(ActorDown) as down:
            subject.ask(("exit_actor", reason), timeout=SECONDS)
        assert reason_of(down) == reason.term()
    assert wait_until(lambda: found)[0].reason.term() == reason.term()
    assert heard(recorder) == ["on_stop"]


def test_stop_is_a_normal_end(subject: Any) -> None:
    found = end_of(subject)
    assert subject.stop()
    assert wait_until(lambda: found)[0].reason == NORMAL


def test_stop_by_itself_is_a_normal_end_after_the_answer(subject: Any) -> None:
    found = end_of(subject)
    assert subject.ask(("stop_self",), timeout=SECONDS) == "stopping"
    assert wait_until(lambda: found)[0].reason == NORMAL


def test_an_actor_stops_another(start: Starter, subject: Any, recorder: Any) -> None:
    other = start(recorder)
    assert subject.ask(("stop", other), timeout=SECONDS) is True
    assert not other.is_alive()
    assert subject.ask(("stop", other), timeout=SECONDS) is False


def test_several_stop_at_once_and_all_hear_of_the_end(subject: Any) -> None:
    told: list[Any] = []
    in_threads(5, lambda _: told.append(subject.stop(timeout=SECONDS)))
    assert len(told) == 5
    assert True in told
    assert subject.stop() is False


def test_a_dead_actor_says_why_it_is_dead(subject: Any) -> None:
    with pytest.raises(RemoteError):
        subject.ask(("sys_exit", 7), timeout=SECONDS)
    wait_until(lambda: not subject.is_alive())
    with pytest.raises(ActorDown, match="is gone") as down:
        subject.ask(("echo", 1), timeout=SECONDS)
    assert reason_of(down) == ("exit_status", 7)
    assert subject.pid is None
