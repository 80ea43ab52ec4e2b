"""Fixtures of the tests that run the same program as threads and as processes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pykka
import pytest

from tests.actors.programs import PROCESSES, THREADS, Kind

SECONDS = 10.0


@pytest.fixture(params=[THREADS, PROCESSES], ids=["threads", "processes"])
def kind(request: pytest.FixtureRequest) -> Iterator[Kind]:
    yield request.param
    pykka.ActorRegistry.stop_all()


@pytest.fixture
def notebook(kind: Kind) -> Any:
    return kind.notebook.start()


@pytest.fixture
def actor(kind: Kind, notebook: Any) -> Any:
    return kind.program.start(notebook, 1)


def heard(notebook: Any) -> list[Any]:
    return notebook.ask("all", timeout=SECONDS)  # type: ignore[no-any-return]
