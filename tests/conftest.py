"""What all tests share: nothing may be left behind by any of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from supervision.leak_guard import LeakGuard
from supervision.runtime_leaks import actors_left, belongs_to_runtime
from supervision.testing import wait_until

_guard = LeakGuard(allow=belongs_to_runtime)


@pytest.fixture(autouse=True)
def leak_guard() -> Iterator[None]:
    """Fail the test that leaves a process, descriptor, thread, file or handler behind."""
    _guard.begin()
    yield
    wait_until(lambda: not actors_left())
    _guard.check()
