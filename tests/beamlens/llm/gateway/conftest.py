"""What the tests of the gateway share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.beamlens.llm.gateway.gateways import FakeGateway

Starter = Callable[..., Any]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    """Start a `FakeGateway` that is stopped when the test ends; `registry=` adds to its registry."""
    started: list[Any] = []

    def begin(registry: dict[str, Any] | None = None, **settings: Any) -> Any:
        ref = FakeGateway.start({"place": str(tmp_path), **(registry or {})}, **settings)
        started.append(ref)
        return ref

    yield begin
    for ref in started:
        ref.stop(timeout=20)


@pytest.fixture
def gateway(start: Starter) -> Any:
    return start()
