"""Proxies where Pykka's own would hang or not know: busy actors, other processes, classes known nowhere else."""

from __future__ import annotations

import importlib
import os
import signal
import time
from pathlib import Path
from typing import Any

import pykka
import pytest

from supervision import AskCycle, ChildSpec, Supervisor
from supervision.process.incarnation import Incarnation
from supervision.testing import wait_until
from tests.actors.actors import Subject
from tests.actors.conftest import Starter
from tests.actors.helpers import SECONDS, seconds_of


@pytest.fixture
def busy(subject: Any, recorder: Any, tmp_path: Path) -> Any:
    subject.tell(("announce_and_wait", str(tmp_path / "gate")))
    wait_until(lambda: recorder.ask("all", timeout=SECONDS))
    return subject


def test_the_proxy_of_a_busy_actor_does_not_hang(busy: Any, tmp_path: Path) -> None:
    made = []
    assert seconds_of(lambda: made.append(busy.proxy())) < 0.15
    future = made[0].do_echo(5)
    kept = made[0].kept
    (tmp_path / "gate").touch()
    assert future.get(timeout=SECONDS) == 5
    assert kept.get(timeout=SECONDS) == {}


def test_if_the_actor_were_asked_a_busy_one_would_be_slow(
    busy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: the introspection is answered by the actor's own loop."""
    monkeypatch.setattr(Incarnation, "attributes", lambda self, fresh: self._introspect())
    assert seconds_of(busy.proxy) >= 0.15
    (tmp_path / "gate").touch()


def test_an_unknown_attribute_of_a_busy_actor_is_a_future_in_place_of_a_wait(busy: Any, tmp_path: Path) -> None:
    begun = time.monotonic()
    future = busy.proxy().nobody_knows
    assert time.monotonic() - begun < 2
    (tmp_path / "gate").touch()
    with pytest.raises(AttributeError, match="nobody_knows"):
        future.get(timeout=SECONDS)


def test_an_actor_makes_a_proxy_of_a_busy_one(start: Starter, busy: Any, tmp_path: Path) -> None:
    other = start()
    future = other.ask(("proxy_call", busy, 3), block=False)
    assert other.ask(("kept", "x"), block=False) is not None
    (tmp_path / "gate").touch()
    assert future.get(timeout=SECONDS) == 3


_FRESH = """
from supervision import ProcessActor
from tests.actors.programs import Program

class Fresh(Program, ProcessActor):
    pass
"""


def test_an_actor_may_use_an_actor_whose_class_it_has_never_seen(
    start: Starter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The class of the other lives in a module that this process has not imported."""
    name = f"fresh_{os.getpid()}_{time.monotonic_ns()}"
    (tmp_path / f"{name}.py").write_text(_FRESH)
    monkeypatch.syspath_prepend(tmp_path)
    user, program = start(), start(importlib.import_module(name).Fresh, None, 5)
    assert user.ask(("use_by_proxy", program, name), timeout=SECONDS) == [
        False,
        107,
        107,
        "red",
        4,
        "two",
        "grown",
    ]


def test_to_set_an_attribute_of_oneself_by_proxy_is_refused_at_once(subject: Any) -> None:
    with pytest.raises(AskCycle):
        subject.ask(("set_own",), timeout=SECONDS)


def test_a_proxy_follows_restarts() -> None:
    tree = Supervisor.start([ChildSpec(id="a", start=(Subject, (None,), {"x": 1}))])
    try:
        proxy, pid = tree["a"].proxy(), tree["a"].pid
        proxy.kept = {"x": 2}
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: tree["a"].pid not in (pid, None))
        assert proxy.kept.get(timeout=SECONDS) == {"x": 1}
        assert proxy.do_pid().get(timeout=SECONDS) != pid
    finally:
        tree.stop()


def test_an_argument_that_cannot_travel_is_refused_by_name(subject: Any) -> None:
    with pytest.raises(TypeError, match=r"\.args\[0\]"):
        subject.proxy().do_echo(object())
    with pytest.raises(TypeError, match=r"\.kwargs"):
        subject.proxy().do_echo(value={1, 2})
    assert subject.proxy().do_echo(1).get(timeout=SECONDS) == 1


def test_an_attribute_that_cannot_travel_is_an_error_of_its_future(start: Starter) -> None:
    from tests.actors.programs import ProcessProgram

    proxy = start(ProcessProgram).proxy()
    with pytest.raises(TypeError, match="NotTraversable"):
        proxy.hidden.get(timeout=SECONDS)
    assert proxy.value.get(timeout=SECONDS) == 100


def test_a_proxy_says_whose_it_is(subject: Any) -> None:
    assert repr(subject.proxy()) == f"<ActorProxy for {subject}, attr_path=()>"
    assert isinstance(subject.proxy(), pykka.ActorProxy)
