"""What all tests share: nothing may be left behind by any of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from supervision.leak_guard import LeakGuard

_guard = LeakGuard()


@pytest.fixture(autouse=True)
def leak_guard() -> Iterator[None]:
    """Fail the test that leaves a process, descriptor, thread, file or handler behind."""
    _guard.begin()
    yield
    _guard.check()
