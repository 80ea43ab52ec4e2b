"""Check what a model gives as a limit or a choice, and say what is expected."""

from __future__ import annotations

from typing import Final

from beamlens.errors import SkillError

__all__ = ["MOST_ROWS", "choice", "rows", "seconds_given"]

MOST_ROWS: Final = 50
"""Rows that a callback returns at most."""


def rows(name: str, limit: object) -> int:
    """Return how many rows are wanted, 50 at most.

    Args:
        name: of the callback, for the text.
        limit: what was given.

    Raises:
        SkillError: `bad_arguments`, it is no whole number from 1 on.
    """
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        expected = f"a whole number from 1 to {MOST_ROWS} is expected"
        raise SkillError("bad_arguments", f"{name}: limit is {limit!r:.80}; {expected}")
    return min(limit, MOST_ROWS)


def choice(name: str, what: str, given: object, allowed: tuple[str, ...]) -> str:
    """Return the choice that was given.

    Args:
        name: of the callback, for the text.
        what: the argument's name.
        given: what was given.
        allowed: the choices.

    Raises:
        SkillError: `bad_arguments`, it is none of them.
    """
    if not isinstance(given, str) or given not in allowed:
        known = ", ".join(repr(each) for each in allowed)
        raise SkillError("bad_arguments", f"{name}: {what} is {given!r:.80}; one of {known} is expected")
    return given


def seconds_given(name: str, what: str, given: object, most: float) -> float:
    """Return a time in seconds that was given.

    Args:
        name: of the callback, for the text.
        what: the argument's name.
        given: what was given.
        most: the longest.

    Raises:
        SkillError: `bad_arguments`, it is no number above 0 and up to `most`.
    """
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given <= most:
        expected = f"a number above 0, at most {most:g} is expected"
        raise SkillError("bad_arguments", f"{name}: {what} is {given!r:.80}; {expected}")
    return float(given)
