"""A handler that returns a `ReplyFuture` answers when it is settled; the mailbox goes on meanwhile."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pykka
import pytest

from supervision import MessageError, Supervisor
from supervision.testing import wait_until
from tests.actors.deferring import Deferring, DeferringThread
from tests.actors.helpers import SECONDS


@pytest.fixture
def tree() -> Iterator[Any]:
    tree = Supervisor.start([Deferring, DeferringThread, {"id": "asker", "start": Deferring}])
    yield tree
    tree.stop(timeout=SECONDS)


@pytest.fixture(params=["Deferring", "DeferringThread"])
def ref(tree: Any, request: pytest.FixtureRequest) -> Any:
    return tree[request.param]


def test_other_messages_are_answered_meanwhile(ref: Any) -> None:
    late = [ref.ask("hold", block=False) for _ in range(3)]
    assert ref.ask("other", timeout=SECONDS) == "other"
    assert not any(future.done for future in late)
    assert ref.ask(("release", 7), timeout=SECONDS) == 3
    assert [future.get(timeout=SECONDS) for future in late] == [7, 7, 7]


def test_an_error_is_an_answer_too(ref: Any) -> None:
    with pytest.raises(LookupError, match="nothing there"):
        ref.ask("raise", timeout=SECONDS)


def test_another_actor_can_wait_for_it(tree: Any, ref: Any) -> None:
    late = tree["asker"].ask(("ask", ref, "hold"), block=False)
    assert tree["asker"].ask("busy?", timeout=SECONDS) == "busy?"
    # Told through the asker, so that it comes after the ask that it passed on.
    assert tree["asker"].ask(("ask", ref, ("release", "at last")), timeout=SECONDS) == 1
    assert late.get(timeout=SECONDS) == "at last"


def test_a_call_through_a_proxy_is_answered_late_too(tree: Any) -> None:
    proxy = tree["Deferring"].proxy()
    late = proxy.held_call()
    assert tree["Deferring"].ask(("release", "by proxy"), timeout=SECONDS) == 1
    assert late.get(timeout=SECONDS) == "by proxy"


def test_an_end_before_the_answer_is_told_to_the_asker(tree: Any, ref: Any) -> None:
    late = ref.pinned().ask("hold", block=False)
    assert ref.ask("here", timeout=SECONDS) == "here"
    ref.pinned().stop(timeout=SECONDS)
    with pytest.raises(pykka.ActorDeadError):
        late.get(timeout=SECONDS)


def test_a_sudden_death_before_the_answer_is_told_too(tree: Any) -> None:
    late = tree["Deferring"].ask("hold", block=False)
    assert tree["Deferring"].ask("here", timeout=SECONDS) == "here"
    os.kill(tree["Deferring"].pid, signal.SIGKILL)
    with pytest.raises(pykka.ActorDeadError):
        late.get(timeout=SECONDS)


def test_an_answer_after_the_asker_gave_up_is_dropped(ref: Any) -> None:
    with pytest.raises(pykka.Timeout):
        ref.ask("hold", timeout=0.01)
    assert ref.ask(("release", 1), timeout=SECONDS) == 1
    assert ref.ask("fine", timeout=SECONDS) == "fine"


def test_a_deferred_value_that_cannot_be_sent_is_refused(tree: Any) -> None:
    with pytest.raises(MessageError):
        tree["Deferring"].ask("unpackable", timeout=SECONDS)


def test_a_mapped_future_is_no_deferred_reply(tree: Any) -> None:
    with pytest.raises(MessageError):
        tree["Deferring"].ask("map", timeout=SECONDS)


def test_the_asker_of_a_deferred_reply_is_not_deaf(tree: Any, ref: Any) -> None:
    late = ref.ask("hold", block=False)
    wait_until(lambda: ref.ask("x", timeout=SECONDS) == "x", SECONDS)
    ref.ask(("release", None), timeout=SECONDS)
    assert late.get(timeout=SECONDS) is None
