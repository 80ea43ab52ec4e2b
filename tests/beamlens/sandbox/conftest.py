"""One sandbox server for the tests of a module, and nothing left of what ran in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from beamlens.sandbox import Limits, Sandbox, SandboxServer


@pytest.fixture(scope="session")
def server() -> Iterator[SandboxServer]:
    with SandboxServer.start() as started:
        yield started


@pytest.fixture
def sandbox(server: SandboxServer) -> Sandbox:
    return Sandbox(server.address, Limits(wall_seconds=10.0))
