"""What the tests of the probe share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from supervision import Supervisor
from supervision.spec import child
from tests.beamlens.probe.actors import FragileProbe

Start = Callable[..., Any]


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Open at the end of the test, so that what hangs goes on."""
    gate = threading.Event()
    yield gate
    gate.set()


@pytest.fixture
def tree(gate: threading.Event) -> Iterator[Start]:
    """Start a supervisor with a probe; give back the supervisor's ref."""
    started: list[Any] = []

    def begin(skills: Any, **kwargs: Any) -> Any:
        probe = child({"id": "probe", "start": (FragileProbe, (skills,), kwargs)})
        started.append(Supervisor.start([probe], intensity=10))
        return started[-1]

    yield begin
    gate.set()
    for supervisor in started:
        supervisor.stop(timeout=30)
