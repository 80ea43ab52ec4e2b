"""A tracer by each way of hearing calls that this Python has; afterwards the interpreter is as it was."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import Any, Final

import pytest

from beamlens.skills.tracer import Tracer

WAYS: Final = ("wrapper", "monitoring") if sys.version_info >= (3, 12) else ("wrapper",)
MONITORING: Final[Any] = getattr(sys, "monitoring", None)


def tools() -> list[str | None]:
    """Return who watches the interpreter."""
    return [] if MONITORING is None else [MONITORING.get_tool(number) for number in range(6)]


@pytest.fixture
def taken() -> Iterator[None]:
    """Have others use the numbers that the tracer would."""
    numbers = [number for number in (3, 4) if MONITORING is not None]
    for number in numbers:
        MONITORING.use_tool_id(number, f"another's {number}")
    yield
    for number in numbers:
        MONITORING.free_tool_id(number)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    """Yield how calls are heard; for the wrapper, as on Python 3.11, others have the tool numbers."""
    if request.param == "wrapper":
        request.getfixturevalue("taken")
    return str(request.param)


@pytest.fixture
def tracer(way: str) -> Iterator[Tracer]:
    """Yield a tracer; nothing of it is left afterwards."""
    before = tools()
    skill = Tracer()
    yield skill
    skill.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "beamlens-tracer-end"]
    assert tools() == before
