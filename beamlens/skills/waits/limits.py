"""Checks of callbacks' arguments, with the same words everywhere."""

from __future__ import annotations

from beamlens.errors import SkillError

__all__ = ["MOST_ROWS", "rows"]

MOST_ROWS = 50
"""Rows that a callback returns at most."""


def rows(name: str, limit: int) -> int:
    """Return how many rows to give, 50 at most.

    Args:
        name: of the callback.
        limit: as it was asked for.

    Raises:
        SkillError: `bad_arguments`: it is no whole number from 1 on.
    """
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise SkillError(
            "bad_arguments", f"{name}: limit is {limit!r}; a whole number from 1 to {MOST_ROWS} is expected"
        )
    return min(limit, MOST_ROWS)
