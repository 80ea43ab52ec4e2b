"""Hearing of the end of an actor, and ending with it."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from supervision import NOPROC, Down, Exit, Supervisor, crash, demonitor, link, monitor, shutdown
from supervision.exits import NORMAL
from supervision.process import application
from supervision.testing import wait_until
from tests.actors.actors import Recorder, Trapping
from tests.actors.conftest import Starter
from tests.actors.helpers import SECONDS, heard, wait_heard

ENDS: dict[str, tuple[Any, object]] = {
    "stop": (lambda ref: ref.stop(block=False), "normal"),
    "exit": (lambda ref: ref.tell(("exit_actor", shutdown("done"))), ("shutdown", "done")),
    "crash": (lambda ref: ref.tell(("raise", "x")), ("ValueError", "x")),
    "own reason": (lambda ref: ref.tell(("exit_actor", crash(("mine", 1)))), ("mine", 1)),
    "sys.exit": (lambda ref: ref.tell(("sys_exit", 4)), ("exit_status", 4)),
    "SIGKILL": (lambda ref: os.kill(ref.pid, signal.SIGKILL), "killed"),
    "SIGTERM": (lambda ref: os.kill(ref.pid, signal.SIGTERM), ("signal", "SIGTERM")),
    "SIGSEGV": (lambda ref: os.kill(ref.pid, signal.SIGSEGV), ("signal", "SIGSEGV")),
}


# ---- monitors


@pytest.mark.parametrize(("end", "term"), ENDS.values(), ids=ENDS.keys())
def test_a_monitor_tells_the_actor_once_and_why(
    start: Starter, subject: Any, recorder: Any, end: Any, term: object
) -> None:
    watched = start()
    number = subject.ask(("monitor", watched), timeout=SECONDS)
    end(watched)
    (down,) = wait_heard(recorder, 1)
    assert isinstance(down, Down)
    assert (down.ref, down.monitor, down.reason.term()) == (watched, number, term)
    assert subject.ask(("echo", 1), timeout=SECONDS) == 1
    assert heard(recorder) == [down]


@pytest.mark.parametrize(("end", "term"), ENDS.values(), ids=ENDS.keys())
def test_a_monitor_tells_the_application(start: Starter, recorder: Any, end: Any, term: object) -> None:
    watched = start()
    found: list[Down] = []
    numbers = [monitor(watched, found.append), monitor(watched, recorder)]
    end(watched)
    (down,) = wait_until(lambda: found)
    (told,) = wait_heard(recorder, 1)
    assert [down.monitor, told.monitor] == numbers
    assert down.reason.term() == told.reason.term() == term


def test_what_is_gone_already_is_noproc(start: Starter, subject: Any, recorder: Any) -> None:
    watched = start()
    watched.stop()
    number = subject.ask(("monitor", watched), timeout=SECONDS)
    (down,) = wait_heard(recorder, 1)
    assert (down.reason, down.monitor) == (NOPROC, number)
    found: list[Down] = []
    monitor(watched, found.append)
    assert wait_until(lambda: found)[0].reason == NOPROC


def test_each_monitor_tells_by_itself_and_one_that_was_undone_does_not(
    start: Starter, subject: Any, recorder: Any
) -> None:
    watched = start()
    numbers = [subject.ask(("monitor", watched), timeout=SECONDS) for _ in range(3)]
    subject.ask(("demonitor", numbers[1]), timeout=SECONDS)
    found: list[Down] = []
    demonitor(monitor(watched, found.append))
    watched.stop()
    downs = wait_heard(recorder, 2)
    assert sorted(down.monitor for down in downs) == [numbers[0], numbers[2]]
    assert subject.ask(("echo", 1), timeout=SECONDS) == 1
    assert len(heard(recorder)) == 2
    assert found == []


def test_a_monitor_comes_after_what_the_actor_told_before(start: Starter, subject: Any, recorder: Any) -> None:
    watched = start(subject)
    subject.ask(("monitor", watched), timeout=SECONDS)
    for number in range(50):
        watched.tell(("say", ("say", number)))
    watched.tell(("last_words_for", 50))
    told = wait_heard(recorder, 101)
    assert told[:100] == list(range(100))
    assert isinstance(told[100], Down)


def test_the_monitors_of_the_dead_are_forgotten(start: Starter, subject: Any) -> None:
    watching = start()
    for _ in range(5):
        watching.ask(("monitor", subject), timeout=SECONDS)
    watching.stop()
    app = application.application()
    wait_until(lambda: not app._ask_loop(lambda: app.operations._monitors))


# ---- links


@pytest.mark.parametrize("direction", ["linker dies", "linked dies"])
@pytest.mark.parametrize("name", ["crash", "own reason", "SIGKILL", "exit"])
def test_the_end_of_one_is_the_end_of_the_other(start: Starter, direction: str, name: str) -> None:
    end, term = ENDS[name]
    one, two = start(), start()
    one.ask(("link", two), timeout=SECONDS)
    dying, other = (one, two) if direction == "linker dies" else (two, one)
    found: list[Down] = []
    monitor(other, found.append)
    end(dying)
    assert wait_until(lambda: found)[0].reason.term() == term


@pytest.mark.parametrize("direction", ["linker ends", "linked ends"])
def test_a_normal_end_is_nobody_elses(start: Starter, direction: str) -> None:
    one, two = start(), start()
    one.ask(("link", two), timeout=SECONDS)
    ending, other = (one, two) if direction == "linker ends" else (two, one)
    ending.stop()
    assert other.ask(("echo", 1), timeout=SECONDS) == 1
    assert other.is_alive()


def test_who_is_not_linked_lives() -> None:
    """Negative control of the tests above."""
    one, two = Recorder.start(), Recorder.start()
    os.kill(one.pid or 0, signal.SIGKILL)
    wait_until(lambda: not one.is_alive())
    assert two.ask("all", timeout=SECONDS) == []
    two.stop()


@pytest.mark.parametrize("name", ["stop", "crash", "SIGKILL", "exit"])
def test_who_traps_exits_hears_of_them_as_messages(start: Starter, recorder: Any, name: str) -> None:
    end, term = ENDS[name]
    trapping, other = start(Trapping, recorder), start()
    trapping.ask(("link", other), timeout=SECONDS)
    end(other)
    (told,) = wait_heard(recorder, 1)
    assert isinstance(told, Exit)
    assert (told.ref, told.reason.term()) == (other, term)
    assert trapping.ask(("echo", 1), timeout=SECONDS) == 1


def test_trapping_is_for_one_side_only(start: Starter, recorder: Any) -> None:
    trapping, other = start(Trapping, recorder), start()
    trapping.ask(("link", other), timeout=SECONDS)
    os.kill(trapping.pid, signal.SIGKILL)
    wait_until(lambda: not other.is_alive())


@pytest.mark.parametrize("who", ["linker", "linked"])
def test_an_undone_link_ties_nobody(start: Starter, who: str) -> None:
    one, two = start(), start()
    one.ask(("link", two), timeout=SECONDS)
    one.ask(("link", two), timeout=SECONDS)  # twice is once
    _ = one.ask(("unlink", two), timeout=SECONDS) if who == "linker" else two.ask(("unlink", one), timeout=SECONDS)
    os.kill(two.pid, signal.SIGKILL)
    wait_until(lambda: not two.is_alive())
    assert one.ask(("echo", 1), timeout=SECONDS) == 1


def test_to_link_to_the_dead_is_noproc(start: Starter, recorder: Any) -> None:
    dead, one, trapping = start(), start(recorder), start(Trapping, recorder)
    dead.stop()
    trapping.ask(("link", dead), timeout=SECONDS)
    (told,) = wait_heard(recorder, 1)
    assert told.reason == NOPROC
    found: list[Down] = []
    monitor(one, found.append)
    one.tell(("link", dead))
    assert wait_until(lambda: found)[0].reason.term() == "noproc"


def test_the_application_links_two(start: Starter) -> None:
    one, two = start(), start()
    link(one, two)
    os.kill(one.pid, signal.SIGKILL)
    wait_until(lambda: not two.is_alive())


def test_links_go_on_in_a_chain(start: Starter) -> None:
    actors = [start() for _ in range(4)]
    for one, two in itertools.pairwise(actors):
        one.ask(("link", two), timeout=SECONDS)
    os.kill(actors[1].pid, signal.SIGKILL)
    wait_until(lambda: not any(actor.is_alive() for actor in actors))


def test_stop_of_a_linked_actor_still_runs_on_stop(start: Starter, recorder: Any) -> None:
    one, two = start(recorder), start()
    one.ask(("link", two), timeout=SECONDS)
    two.tell(("raise", "x"))
    assert wait_heard(recorder, 1) == ["on_stop"]
    assert NORMAL.is_normal


@pytest.mark.parametrize("thing", [None, "actor", 5], ids=repr)
def test_what_is_no_ref_is_refused_with_a_sentence(subject: Any, thing: Any) -> None:
    calls: list[Callable[[], object]] = [
        lambda: monitor(thing, print),
        lambda: link(thing, subject),
        lambda: link(subject, thing),
    ]
    for call in calls:
        with pytest.raises(TypeError, match="is no ref of a process' actor"):
            call()


def test_a_supervisor_is_waited_for_and_not_monitored() -> None:
    tree = Supervisor.start([])
    with pytest.raises(TypeError, match="ask wait"):
        monitor(tree, print)  # type: ignore[arg-type]
    assert tree.stop()
