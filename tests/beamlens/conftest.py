"""Tests that run whole programs take long: they are not among those of every day, and `make test-all` runs them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

_HERE: Final = Path(__file__).parent
_WHOLE_PROGRAMS: Final = (
    "cli/test_live.py",
    "cli/test_recorded.py",
    "control/test_programs.py",
    "demo/test_performance.py",
    "demo/test_showing.py",
    "legion/test_benchmark.py",
    "legion/test_crashes.py",
    "legion/test_demo.py",
)
_WHOLE_FOLDERS: Final = ("skills",)
_QUICK: Final = ("skills/vm", "skills/tracer", "skills/test_")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them before `-m` is looked at."""
    for item in items:
        if item.path.is_relative_to(_HERE) and _is_slow(item.path.relative_to(_HERE)):
            item.add_marker(pytest.mark.slow)


def _is_slow(path: Path) -> bool:
    name = path.as_posix()
    if name in _WHOLE_PROGRAMS or path.name == "test_programs.py":
        return True
    return path.parts[0] in _WHOLE_FOLDERS and not name.startswith(_QUICK)
