"""Refs as values: in messages, between actors, and after the end of those they mean."""

from __future__ import annotations

import copy
import os
import signal
from typing import Any

import pykka
import pytest

from supervision import ActorDown, ChildSpec, Ref, Supervisor
from supervision.testing import wait_until
from tests.actors.actors import Subject
from tests.actors.conftest import Starter
from tests.actors.helpers import SECONDS, wait_heard


def test_a_ref_comes_back_equal_wherever_it_was(start: Starter, subject: Any) -> None:
    other = start()
    for value in (other, [other], {"ref": (other, 1)}, subject):
        back = subject.ask(("echo", value), timeout=SECONDS)
        assert back == value
    back = subject.ask(("echo", other), timeout=SECONDS)
    assert isinstance(back, Ref)
    assert hash(back) == hash(other)
    assert len({back, other, subject}) == 2
    assert other != subject
    assert other != other.actor_urn


def test_a_ref_that_was_sent_is_used_by_its_receiver(start: Starter, subject: Any, recorder: Any) -> None:
    other = start(recorder)
    subject.tell(("keep", "ref", other))
    assert subject.ask(("kept", "ref"), timeout=SECONDS) == other
    assert subject.ask(("ask", other, ("echo", {"a": b"1"})), timeout=SECONDS) == {"a": b"1"}
    subject.tell(("tell", other, ("say", "hello")))
    assert wait_heard(recorder, 1) == ["hello"]


def test_what_a_ref_says_is_the_same_in_every_process(start: Starter, subject: Any) -> None:
    other = start()
    assert subject.ask(("about", other), timeout=SECONDS) == [
        True,
        other.pid,
        other.actor_urn,
        other.address,
        "Subject",
    ]
    assert subject.ask(("about", subject), timeout=SECONDS)[:2] == [True, subject.pid]
    assert subject.ask(("repr", other), timeout=SECONDS) == repr(other)
    assert repr(other) == f"<Ref for Subject ({other.actor_urn})>"


def test_a_ref_to_a_dead_actor_can_be_sent_and_named(start: Starter, subject: Any) -> None:
    other = start()
    other.stop()
    assert subject.ask(("echo", other), timeout=SECONDS) == other
    assert other.actor_urn in subject.ask(("repr", other), timeout=SECONDS)
    assert not subject.ask(("echo", other), timeout=SECONDS).is_alive()
    for name in ("ask", "ask_future"):
        with pytest.raises(ActorDown):
            subject.ask((name, other, ("echo", 1)), timeout=SECONDS)
    subject.ask(("tell", other, "x"), timeout=SECONDS)  # told between processes: nobody hears of it
    assert subject.ask(("stop", other), timeout=SECONDS) is False
    with pytest.raises(pykka.ActorDeadError):
        subject.ask(("proxy_call", other, 1), timeout=SECONDS)


def test_the_end_of_an_actor_fails_the_asks_of_other_actors(start: Starter, subject: Any, recorder: Any) -> None:
    other = start(recorder)
    future = subject.ask(("ask", other, ("announce_and_wait", "/nowhere")), block=False)
    wait_heard(recorder, 1)
    os.kill(other.pid, signal.SIGKILL)
    with pytest.raises(ActorDown):
        future.get(timeout=SECONDS)
    assert subject.ask(("echo", 1), timeout=SECONDS) == 1


def test_a_followed_ref_in_a_message_follows_there_too(subject: Any) -> None:
    tree = Supervisor.start([ChildSpec(id="a", start=(Subject, (), {}))])
    try:
        followed, pinned = tree["a"], tree["a"].pinned()
        subject.ask(("keep", "followed", followed), timeout=SECONDS)
        pid = followed.pid
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: followed.pid not in (pid, None))
        assert subject.ask(("ask", followed, ("pid",)), timeout=SECONDS) == followed.pid
        with pytest.raises(ActorDown):
            subject.ask(("ask", pinned, ("pid",)), timeout=SECONDS)
        with pytest.raises(ActorDown):
            pinned.ask(("pid",), timeout=SECONDS)
        assert not pinned.is_alive()
        assert pinned.following() == followed
    finally:
        tree.stop()


def test_what_cannot_travel_is_refused_while_an_actor_is_away_too(subject: Any) -> None:
    """What is parked during a restart is looked at by its sender; what others parked still arrives."""
    tree = Supervisor.start([ChildSpec(id="a", start=(Subject, (), {}))])
    try:
        ref = tree["a"]
        for turn in range(3):  # within the default intensity
            pid = wait_until(lambda: ref.pid)
            os.kill(pid, signal.SIGKILL)
            while ref.pid == pid:
                continue
            with pytest.raises(TypeError):
                ref.tell(("keep", "x", object()))
            ref.tell(("keep", "x", turn))
            assert ref.ask(("kept", "x"), timeout=SECONDS) == turn
    finally:
        tree.stop()


def test_actor_stopped_tells_whether_it_is_gone(subject: Any) -> None:
    assert not subject.actor_stopped.is_set()
    subject.stop()
    assert subject.actor_stopped.is_set()


def test_a_copy_of_a_ref_is_that_ref(subject: Any) -> None:
    """So that what holds refs can be copied: dataclasses.asdict does that."""
    assert copy.copy(subject) is subject
    assert copy.deepcopy({"ref": [subject]})["ref"][0] is subject


def test_a_ref_is_not_pickled_and_says_how_it_travels(subject: Any) -> None:
    with pytest.raises(TypeError, match="it can be sent in messages"):
        subject.__reduce_ex__(4)
