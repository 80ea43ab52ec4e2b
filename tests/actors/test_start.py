"""`start()` returns a ref to an actor that runs, or raises and leaves nothing behind."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pykka
import pytest

from supervision import MessageError, ProcessActor, SpecError, StartError
from supervision.process import application
from supervision.testing import wait_until
from tests.actors import actors
from tests.actors.actors import (
    AsksInOnStart,
    BrokenInit,
    BrokenOnStart,
    HalfSuper,
    NoSuper,
    Outer,
    Recorder,
    Subject,
)
from tests.actors.conftest import Starter
from tests.actors.helpers import SECONDS, gone, heard, wait_heard


def living() -> list[str]:
    return application.application().actors()


def test_a_started_actor_lives_in_another_process(subject: Any) -> None:
    assert subject.ask(("pid",), timeout=SECONDS) == subject.pid != os.getpid()
    assert subject.is_alive()


def test_arguments_arrive_in_place_and_by_name(start: Starter) -> None:
    assert start(None, a=[1, (2, 3)], b={"c": b"d"}).proxy().kept.get(timeout=SECONDS) == {
        "a": [1, (2, 3)],
        "b": {"c": b"d"},
    }


def test_an_error_in_init_is_raised_by_start_with_the_remote_text() -> None:
    with pytest.raises(StartError) as failed:
        BrokenInit.start()
    assert failed.value.reason == ("RuntimeError", "no luck in __init__")
    assert isinstance(failed.value.__cause__, RuntimeError)
    text = str(failed.value)
    assert "BrokenInit did not start: RuntimeError: no luck in __init__" in text
    assert "actors.py" in text  # the remote traceback
    assert 'raise RuntimeError("no luck in __init__")' in text
    assert living() == []


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("error", ("RuntimeError", "no luck in on_start")),
        ("system_exit", ("SystemExit", "5")),
        ("interrupt", ("KeyboardInterrupt", "")),
        ("die", ("exited_before_ready", ("exit_status", 9))),
    ],
)
def test_an_on_start_that_does_not_return_fails_start_and_no_process_is_left(
    recorder: Any, what: str, reason: object
) -> None:
    with pytest.raises(StartError) as failed:
        BrokenOnStart.start(recorder, what)
    pid = heard(recorder)[0]
    assert failed.value.reason == reason
    assert "BrokenOnStart did not start" in str(failed.value)
    assert gone(pid)
    assert len(living()) == 1  # the recorder
    assert [ref.actor_urn for ref in pykka.ActorRegistry.get_all()] == [recorder.actor_urn]


def test_without_the_defence_an_error_in_on_start_would_pass_unnoticed(caplog: pytest.LogCaptureFixture) -> None:
    """Negative control: Pykka's own actor, whose `start()` returns whatever `on_start` does."""

    class Broken(pykka.ThreadingActor):
        def on_start(self) -> None:
            raise RuntimeError("no luck")

    ref = Broken.start()
    wait_until(lambda: not ref.is_alive())
    assert "no luck" in caplog.text


def test_an_actor_that_stops_itself_in_on_start_was_started_and_ends(recorder: Any) -> None:
    ref = BrokenOnStart.start(recorder, "stop")
    wait_until(lambda: not ref.is_alive())
    assert gone(heard(recorder)[0])


def test_an_error_in_the_start_of_an_actor_by_an_actor_reaches_that_actor(subject: Any) -> None:
    with pytest.raises(StartError, match="no luck in __init__"):
        subject.ask(("start_broken",), timeout=SECONDS)
    assert subject.ask(("echo", 1), timeout=SECONDS) == 1


def test_an_actor_may_ask_and_be_told_in_on_start(subject: Any, start: Starter) -> None:
    actor = start(AsksInOnStart, subject)
    assert wait_until(lambda: actor.ask("got", timeout=SECONDS) == ["early", "hello"])


def test_actors_start_actors_in_depth(subject: Any, recorder: Any) -> None:
    child = subject.ask(("start", recorder), timeout=SECONDS)
    grandchild = child.ask(("start", recorder), timeout=SECONDS)
    pids = {ref.ask(("pid",), timeout=SECONDS) for ref in (subject, child, grandchild)}
    assert len(pids) == 3
    assert subject.ask(("ask", grandchild, ("echo", 5)), timeout=SECONDS) == 5
    assert child.stop()
    assert grandchild.is_alive()  # nobody's child but the application's
    assert grandchild.stop()


def test_forgetting_the_call_of_super_is_refused_with_a_sentence() -> None:
    with pytest.raises(StartError) as failed:
        NoSuper.start()
    assert "NoSuper.__init__() did not call super().__init__()" in str(failed.value)
    assert "add the call" in str(failed.value)
    assert living() == []


def test_without_the_sentence_pykka_says_something_else() -> None:
    """Negative control of the test above."""
    with pytest.raises(AttributeError, match="_actor_ref"):
        HalfSuper.start()


def test_constructing_an_actor_in_the_application_is_refused_with_a_sentence() -> None:
    with pytest.raises(StartError, match=r"call Subject\.start\("):
        Subject()


@pytest.mark.parametrize("value", [object(), {1, 2}, [{"a": {1: 2j}}]], ids=repr)
def test_an_argument_that_cannot_travel_is_refused_at_once(value: object) -> None:
    with pytest.raises(MessageError):
        Subject.start(value)
    with pytest.raises(MessageError):
        Subject.start(kept=value)
    assert living() == []


def test_the_refusal_names_the_argument() -> None:
    calls: dict[str, Callable[[], object]] = {
        "args[1]": lambda: Subject.start(1, {2}),
        "args[1][0]['a']": lambda: Subject.start(1, [{"a": {2}}]),
        "kwargs['name']": lambda: Subject.start(name={2}),
    }
    for path, start in calls.items():
        with pytest.raises(MessageError) as refused:
            start()
        assert refused.value.path == path


def test_too_many_and_unknown_arguments_are_an_error_of_start() -> None:
    with pytest.raises(StartError, match="takes 1 positional argument but 2 were given"):
        Recorder.start(1)
    assert living() == []


def test_a_class_of_a_function_is_refused_with_a_sentence() -> None:
    class Local(ProcessActor):
        pass

    with pytest.raises(SpecError) as refused:
        Local.start()
    assert "<locals>.Local is defined inside a function" in str(refused.value)
    assert "move the class to the top level of its module" in str(refused.value)


def test_a_class_that_is_not_what_its_name_says_is_refused_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    old = actors.Recorder
    monkeypatch.setattr(actors, "Recorder", type("Recorder", (ProcessActor,), {}))
    with pytest.raises(SpecError, match="is not this class any more"):
        old.start()


def test_a_class_inside_a_class_works(start: Starter) -> None:
    assert start(Outer.Inner).ask(1, timeout=SECONDS) == ["inner", 1]


def test_many_start_at_once(start: Starter, recorder: Any) -> None:
    refs = [start(recorder) for _ in range(8)]
    assert len({ref.ask(("pid",), timeout=SECONDS) for ref in refs}) == 8


def test_what_an_actor_told_before_its_start_failed_arrives(recorder: Any) -> None:
    with pytest.raises(StartError):
        BrokenOnStart.start(recorder, "error")
    assert len(wait_heard(recorder, 1)) == 1
