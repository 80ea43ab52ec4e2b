"""One skill on a thread of its own: whatever it does, its callers get an answer and the rest goes on."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from beamlens.errors import SkillError
from beamlens.probe import watchdog
from beamlens.probe.events import CALL_FAILED
from beamlens.probe.faults import unredacted
from beamlens.probe.messages import Answer
from beamlens.probe.runner import QUEUE, SkillRunner
from beamlens.probe.specs import SkillSpec
from beamlens.redact import Redactor
from supervision.testing import capture_events, wait_until
from tests.beamlens.probe.skills import BrokenStart, BrokenStop, Good, Hanging, Wrong

SECONDS = 20.0
Make = Callable[..., SkillRunner]


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    gate = threading.Event()
    yield gate
    gate.set()


@pytest.fixture
def make(gate: threading.Event) -> Iterator[Make]:
    """Make runners that are closed when the test ends."""
    made: list[SkillRunner] = []

    def begin(skill: Any, redact: Any = unredacted, **kwargs: Any) -> SkillRunner:
        made.append(SkillRunner(SkillSpec(skill, kwargs), redact))
        return made[-1]

    yield begin
    gate.set()
    for runner in made:
        assert runner.close().wait(SECONDS)


def answer(runner: SkillRunner, name: str, *args: Any, seconds: float | None = None) -> Any:
    found = runner.submit(name, args, seconds).get(timeout=SECONDS)
    assert isinstance(found, Answer)
    return found.value


def error(runner: SkillRunner, name: str, *args: Any, seconds: float | None = None) -> SkillError:
    with pytest.raises(SkillError) as raised:
        runner.submit(name, args, seconds).get(timeout=SECONDS)
    return raised.value


# ---- what goes well


def test_a_snapshot_is_plain_and_says_what_it_cost(make: Make) -> None:
    found = make(Good).submit("snapshot").get(timeout=SECONDS)
    assert found.value["pair"] == [1, 2]
    assert 0 < found.seconds < 5
    assert 0 < found.cpu_seconds < 5


def test_no_thread_begins_before_the_first_call(make: Make) -> None:
    runner = make(Good)
    assert runner._thread is None
    assert answer(runner, "good_thread") == "beamlens-good"


def test_calls_are_performed_in_order_on_one_thread(make: Make) -> None:
    runner = make(Good)
    futures = [runner.submit("good_add", (number,)) for number in range(QUEUE - 2)]
    assert [future.get(timeout=SECONDS).value for future in futures] == list(range(1, QUEUE - 1))


def test_base_callbacks_are_there_and_the_skill_wins(make: Make) -> None:
    class Own(Good):
        id = "own"

        def callbacks(self) -> Any:
            return {"get_current_time": lambda: "mine"}

    runner = make(Own)
    assert answer(runner, "get_current_time") == "mine"
    assert answer(runner, "names") == ("get_current_time", "get_node_info", "source")
    assert "get_current_time" not in answer(runner, "callback_docs")
    assert answer(runner, "get_node_info")["pid"] > 0


def test_describe_says_all_at_once(make: Make) -> None:
    facts = answer(make(Good), "describe")
    assert (facts.id, facts.title, facts.callback_seconds) == ("good", "Test", 10.0)
    assert facts.docs.startswith("### good_add")
    assert "### source(" in facts.docs
    assert [check.name for check in facts.checks] == ["high"]
    assert "good_add" in facts.names


# ---- what the skill does wrong


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [
        ("wrong_raise", "raised", "ValueError: no such thing"),
        ("wrong_exit", "raised", "SystemExit: 1"),
        ("wrong_interrupt", "raised", "KeyboardInterrupt"),
        ("wrong_text", "raised", "could not be had: SystemExit"),
        ("wrong_recursion", "raised", "RecursionError"),
        ("wrong_memory", "raised", "MemoryError"),
        ("wrong_gigabyte", "too_large", "256 KiB"),
        ("wrong_endless", "too_large", "256 KiB"),
        ("wrong_loop", "unserializable", "contains itself"),
        ("wrong_object", "unserializable", "result.rows[1].thing is of type Text"),
        ("wrong_module", "unserializable", "module"),
        ("snapshot", "unserializable", "a dict is expected"),
        ("wrong_nothing", "unknown_callback", "wrong_raise"),
    ],
)
def test_a_fault_is_a_typed_error_and_an_event_and_nothing_more(make: Make, name: str, kind: str, text: str) -> None:
    runner = make(Wrong)
    with capture_events([CALL_FAILED]) as captured:
        failure = error(runner, name)
        event = captured.wait_for(lambda event: event.metadata["call"] == name)
    assert failure.kind == kind
    assert text in failure.text
    assert len(failure.text) < 3000
    assert event.metadata == {"skill": "wrong", "call": name, "kind": kind, "reason": failure.text}
    assert answer(runner, "wrong_rows") == [{"name": "a", "value": None}]


def test_the_text_of_an_error_has_the_frames_and_no_locals(make: Make) -> None:
    failure = error(make(Wrong), "wrong_raise")
    assert "tests/beamlens/probe/skills.py:" in failure.text
    assert "in function" in failure.text
    assert "canary" not in failure.text


def test_wrong_arguments_never_reach_the_callback(make: Make) -> None:
    failure = error(make(Good), "good_add", "one")
    assert failure.kind == "bad_arguments"
    assert failure.text == "good_add(a: integer, b: integer = 1): a is 'one'; integer is expected"


# ---- time


def test_a_call_over_its_deadline_is_given_up_then_others_are_busy_then_all_works_again(
    make: Make, gate: threading.Event
) -> None:
    runner = make(Hanging, gate=gate)
    begun = time.monotonic()
    assert error(runner, "hanging_hang").kind == "timeout"
    assert 0.25 < time.monotonic() - begun < 10
    begun = time.monotonic()
    busy = error(runner, "snapshot", seconds=10)
    assert time.monotonic() - begun < 0.2
    assert busy.kind == "busy"
    assert busy.text.startswith("hanging_hang() has been running for 0.")
    gate.set()
    assert wait_until(lambda: not runner._stuck)
    assert answer(runner, "snapshot") == {"fine": True}


def test_without_the_watchdog_the_caller_would_wait(
    make: Make, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog.shared, "watch", lambda *_: None)
    waiting = make(Hanging, gate=gate).submit("hanging_hang")
    assert not waiting.wait(1.0)


def test_calls_that_wait_are_refused_as_soon_as_the_one_before_them_is_stuck(make: Make, gate: threading.Event) -> None:
    runner = make(Hanging, gate=gate)
    stuck = runner.submit("hanging_hang")
    waiting = [runner.submit("hanging_pid", (), 10) for _ in range(3)]
    for future in [stuck, *waiting]:
        assert future.wait(10)
    kinds = [_kind(future) for future in [stuck, *waiting]]
    assert kinds == ["timeout", "busy", "busy", "busy"]


def test_a_call_whose_own_time_runs_out_while_it_waits_is_told_why(make: Make, gate: threading.Event) -> None:
    runner = make(Hanging, gate=gate)
    first = runner.submit("hanging_hang")
    failure = error(runner, "snapshot", seconds=0.05)
    assert failure.kind == "busy"
    assert not first.done


def test_the_queue_is_bounded(make: Make, gate: threading.Event) -> None:
    runner = make(Hanging, gate=gate)
    runner.submit("hanging_hang")
    wait_until(lambda: runner._current is not None)
    futures = [runner.submit("hanging_pid") for _ in range(QUEUE + 1)]
    assert futures[-1].done
    assert _kind(futures[-1]) == "busy"
    assert not futures[-2].done


def test_two_skills_do_not_wait_for_each_other(make: Make, gate: threading.Event) -> None:
    hanging, good = make(Hanging, gate=gate), make(Good)
    stuck = hanging.submit("hanging_hang")
    assert answer(good, "good_add", 1) == 2
    assert not stuck.done


def test_one_watchdog_thread_serves_all_and_goes_with_the_last(make: Make) -> None:
    runners = [make(Good) for _ in range(5)]
    for runner in runners:
        answer(runner, "snapshot")
    assert [thread.name for thread in threading.enumerate()].count("beamlens-watchdog") == 1
    for runner in runners:
        runner.close()
    wait_until(lambda: "beamlens-watchdog" not in [thread.name for thread in threading.enumerate()])


@pytest.mark.parametrize("seconds", [0, -1, 1e300, float("inf"), float("nan")])
def test_any_number_of_seconds_is_fine(make: Make, seconds: float) -> None:
    future = make(Good).submit("snapshot", (), seconds)
    assert future.wait(SECONDS)


# ---- start and stop


def test_the_skill_is_started_once_and_stopped_on_its_own_thread(make: Make) -> None:
    journal: list[str] = []
    runner = make(Good, journal=journal)
    answer(runner, "snapshot")
    answer(runner, "snapshot")
    assert runner.close().wait(SECONDS)
    assert journal == ["start", "stop"]
    assert error(runner, "snapshot").kind == "gone"


def test_one_that_was_never_called_is_never_started(make: Make) -> None:
    journal: list[str] = []
    assert make(Good, journal=journal).close().wait(0)
    assert journal == []


def test_a_failed_start_is_told_undone_and_tried_again_by_the_next_call(make: Make) -> None:
    journal: list[str] = []
    runner = make(BrokenStart, failures=[2, 1], journal=journal)
    first = error(runner, "start")
    assert first.kind == "raised"
    assert "BrokenStart could not be started" in first.text
    assert "failure 1" in first.text
    assert error(runner, "snapshot").kind == "raised"
    assert answer(runner, "snapshot") == {"up": True}
    assert journal == ["start", "stop", "start", "stop", "start"]


def test_wrong_constructor_arguments_are_a_typed_error(make: Make) -> None:
    failure = error(make(Good, colour="red"), "snapshot")
    assert failure.kind == "raised"
    assert "colour" in failure.text


@pytest.mark.parametrize("where", ["init", "start"])
def test_a_start_that_hangs_is_given_up(make: Make, gate: threading.Event, where: str) -> None:
    runner = make(Hanging, gate=gate, where=where)
    assert error(runner, "snapshot", seconds=0.2).kind == "timeout"
    gate.set()
    wait_until(lambda: not runner._stuck)
    assert answer(runner, "snapshot") == {"fine": True}


def test_an_error_in_stop_is_told_and_the_thread_ends(make: Make) -> None:
    runner = make(BrokenStop)
    answer(runner, "snapshot")
    with capture_events([CALL_FAILED]) as captured:
        assert runner.close().wait(SECONDS)
    assert captured.events[0].metadata["call"] == "stop"


def test_closing_fails_open_calls_at_once(make: Make, gate: threading.Event) -> None:
    runner = make(Hanging, gate=gate)
    futures = [runner.submit("hanging_hang"), runner.submit("snapshot")]
    wait_until(lambda: runner._current is not None)
    ended = runner.close()
    assert [_kind(future) for future in futures] == ["gone", "gone"]
    assert not ended.wait(0.05)
    gate.set()
    assert ended.wait(SECONDS)


def test_a_raising_listener_does_not_end_the_skills_thread(
    make: Make, gate: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    runner = make(Hanging, gate=gate)
    future = runner.submit("hanging_hang")
    wait_until(lambda: runner._current is not None)
    future.add_done_callback(lambda _: 1 / 0)  # type: ignore[arg-type]
    gate.set()
    wait_until(lambda: "could not be given" in caplog.text)
    assert answer(runner, "snapshot") == {"fine": True}


def test_no_thread_to_be_had_is_a_refusal(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(_: object) -> None:
        raise RuntimeError("can't start new thread")

    runner = make(Good)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", no_thread)
        assert error(runner, "snapshot").kind == "refused"
    assert answer(runner, "good_add", 1) == 2


# ---- redaction


def test_results_and_errors_go_through_redaction(make: Make) -> None:
    def redact(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: redact(inner) for key, inner in value.items()}
        return value.replace("hunter2", "[secret]") if isinstance(value, str) else value

    assert answer(make(Good, redact), "good_secret") == {"token": "[secret]"}
    assert "[secret]" in error(make(Wrong, redact), "wrong_raise").text
    assert answer(make(Good), "good_secret") == {"token": "hunter2"}
    assert "hunter2" in error(make(Wrong), "wrong_raise").text


def test_what_cannot_be_redacted_does_not_leave(make: Make) -> None:
    def broken(_: Any) -> Any:
        raise SystemExit("hunter2")

    failure = error(make(Good, broken), "good_secret")
    assert failure.kind == "refused"
    assert "hunter2" not in failure.text


def _kind(future: Any) -> str:
    with pytest.raises(SkillError) as raised:
        future.get(timeout=SECONDS)
    return raised.value.kind


def test_a_snapshot_that_redaction_dropped_is_none(make: Make) -> None:
    failure = error(make(Good, lambda value: "[dropped]"), "snapshot")
    assert failure.kind == "refused"


def test_the_projects_own_redactor_fits(make: Make) -> None:
    redactor = Redactor(values=["hunter2"], environment={})
    assert "hunter2" not in str(answer(make(Good, redactor.redact), "good_secret"))
    assert "hunter2" not in error(make(Wrong, redactor.redact), "wrong_raise").text


# ---- forked copies of the application

FORKED = """
import os, threading
from beamlens.errors import SkillError
from beamlens.probe.remote import LocalSkill
from tests.beamlens.probe.skills import Hanging

def kind_of(skill):
    try:
        skill.call("hanging_hang")
    except SkillError as error:
        return error.kind

gate = threading.Event()
with LocalSkill((Hanging, {"gate": gate})) as skill:
    skill.snapshot()
    pid = os.fork()
    if not pid:
        fresh = LocalSkill((Hanging, {"gate": threading.Event()}))
        os._exit(0 if kind_of(fresh) == "timeout" else 1)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), kind_of(skill))
    gate.set()
"""


def test_deadlines_hold_in_a_forked_copy_of_the_application_too() -> None:
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED], capture_output=True, text=True, timeout=60, check=True
    )
    assert found.stdout.split() == ["0", "timeout"]
