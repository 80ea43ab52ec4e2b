"""What the tests of actors share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.actors.actors import Recorder, Subject
from tests.actors.parity import actor, kind, notebook

__all__ = ["actor", "kind", "notebook"]

Starter = Callable[..., Any]


@pytest.fixture
def start() -> Iterator[Starter]:
    """Start actors that are stopped when the test ends; `start(Class, ...)`, or `start(...)` for a `Subject`."""
    started: list[Any] = []

    def begin(*args: Any, **kwargs: Any) -> Any:
        found = args and isinstance(args[0], type)
        started.append(args[0].start(*args[1:], **kwargs) if found else Subject.start(*args, **kwargs))
        return started[-1]

    yield begin
    for ref in reversed(started):
        ref.stop(timeout=20)


@pytest.fixture
def recorder(start: Starter) -> Any:
    return start(Recorder)


@pytest.fixture
def subject(start: Starter, recorder: Any) -> Any:
    return start(recorder)
