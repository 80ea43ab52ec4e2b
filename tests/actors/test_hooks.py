"""`on_stop` and `on_failure`: when they run, what they may do, and what follows from their errors."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from supervision import ActorDown, Down, monitor
from supervision.testing import wait_until
from tests.actors.actors import BadHooks, LastWords
from tests.actors.conftest import Starter
from tests.actors.helpers import SECONDS, heard, wait_heard
from tests.actors.helpers import reason_of as down_reason

COUNT = 300


def downs(ref: Any) -> list[Down]:
    found: list[Down] = []
    monitor(ref, found.append)
    return found


def reason_of(found: list[Down]) -> Any:
    return wait_until(lambda: found)[0].reason


def test_what_an_actor_told_in_on_stop_arrives(start: Starter, recorder: Any) -> None:
    actor = start(LastWords, recorder, COUNT)
    assert actor.stop()
    assert heard(recorder) == [["stop", number] for number in range(COUNT)]


def test_what_an_actor_told_in_on_failure_arrives(start: Starter, recorder: Any) -> None:
    actor = start(LastWords, recorder, COUNT)
    actor.tell("raise")
    assert wait_heard(recorder, COUNT) == [["failure", number] for number in range(COUNT)]


def test_what_an_actor_answered_last_arrives(start: Starter, recorder: Any) -> None:
    for _ in range(5):
        assert start(LastWords, recorder, 1).ask("answer and exit", timeout=SECONDS) == "the last answer"


def test_what_an_actor_told_before_it_exited_hard_arrives(subject: Any, recorder: Any) -> None:
    found = downs(subject)
    subject.tell(("last_words", COUNT))
    assert reason_of(found).term() == ("exit_status", 3)
    assert heard(recorder) == list(range(COUNT))


def test_on_stop_runs_once_for_sigterm(subject: Any, recorder: Any) -> None:
    found = downs(subject)
    os.kill(subject.pid, signal.SIGTERM)
    assert reason_of(found).term() == ("signal", "SIGTERM")
    assert heard(recorder) == ["on_stop"]


def test_an_asker_hears_of_a_sigterm_as_of_any_death(subject: Any, recorder: Any) -> None:
    future = subject.ask(("announce_and_wait", "/nowhere"), block=False)
    wait_heard(recorder, 1)
    os.kill(subject.pid, signal.SIGTERM)
    with pytest.raises(ActorDown) as down:
        future.get(timeout=SECONDS)
    assert down_reason(down) == ("signal", "SIGTERM")


def test_on_stop_does_not_run_for_sigkill(subject: Any, recorder: Any) -> None:
    found = downs(subject)
    os.kill(subject.pid, signal.SIGKILL)
    assert reason_of(found).term() == "killed"
    assert heard(recorder) == []


def test_an_error_in_on_stop_is_the_reason_and_is_logged(
    start: Starter, recorder: Any, caplog: pytest.LogCaptureFixture
) -> None:
    actor = start(BadHooks, recorder, "on_stop")
    found = downs(actor)
    assert actor.stop() is True
    assert reason_of(found).term() == ("LookupError", "second")
    wait_until(lambda: "Unhandled exception in on_stop of BadHooks" in caplog.text)


@pytest.mark.parametrize("what", ["on_failure", "exit in on_failure", "nothing"])
def test_after_a_failure_the_first_error_is_the_reason(start: Starter, recorder: Any, what: str) -> None:
    actor = start(BadHooks, recorder, what)
    found = downs(actor)
    actor.tell("raise")
    reason = reason_of(found)
    assert reason.term() == ("ValueError", "first")
    assert "raise ValueError" in reason.text
    assert heard(recorder) == ["on_failure"]


def test_the_error_is_logged_with_its_traceback(subject: Any, caplog: pytest.LogCaptureFixture) -> None:
    subject.tell(("raise", "told"))
    wait_until(lambda: "Unhandled exception in Subject" in caplog.text)
    record = next(record for record in caplog.records if "Unhandled" in record.getMessage())
    assert "ValueError: told" in str(record.exc_text)
