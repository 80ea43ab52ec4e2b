"""Guards for the tests."""

from __future__ import annotations

from beamlens import legion


def no_marks(code: str, context: legion.GuardContext) -> object:
    """Refuse code that marks."""
    assert "Marker" in context.tools
    return "marks are not allowed" if "mark" in code else True


JUDGE = legion.LLMGuard("Nothing risky.")
