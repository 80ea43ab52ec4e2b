"""Guards for the tests."""

from __future__ import annotations

import threading

from beamlens import legion


def no_marks(code: str, context: legion.GuardContext) -> object:
    """Refuse code that marks."""
    assert "Marker" in context.tools
    return "marks are not allowed" if "mark" in code else True


def hangs(code: str, context: legion.GuardContext) -> object:
    """Decide on nothing for long."""
    return threading.Event().wait(20)


JUDGE = legion.LLMGuard("Nothing risky.")
