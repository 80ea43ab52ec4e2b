"""Tests that run whole programs with real faults take long: they are not among those of every day."""

from __future__ import annotations

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them before `-m` is looked at."""
    for item in items:
        if "skills" in item.path.parts and item.path.name == "test_programs.py":
            item.add_marker(pytest.mark.slow)
