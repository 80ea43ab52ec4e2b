"""Say what a skill's own code raised: type, message and innermost frames; never a local variable."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from typing import Any, Final

from beamlens.errors import SkillError

__all__ = ["Redact", "redacted_error", "skill_error", "unredacted"]

Redact = Callable[[Any], Any]
"""Takes plain data and returns it without secrets."""

_FRAMES: Final = 5
_MESSAGE_CHARS: Final = 1_000
_HERE: Final = os.path.dirname(os.path.abspath(__file__))


def skill_error(error: BaseException, what: str) -> SkillError:
    """Return the error as a `SkillError`; one that is none already becomes `raised`. Never fails.

    Args:
        error: anything that came out of a skill's code.
        what: which call it came out of, such as `redis_info()`.
    """
    if isinstance(error, SkillError):
        return error
    frames = _frames(error)
    where = f" (innermost last: {'; '.join(frames)})" if frames else ""
    return SkillError("raised", f"{what} raised {type(error).__qualname__}: {_message(error)}{where}")


def redacted_error(error: SkillError, redact: Redact) -> SkillError:
    """Return the error with its text redacted; without the text if that fails. Never fails."""
    try:
        return SkillError(error.kind, str(redact(error.text)))
    except BaseException as second:
        return SkillError(error.kind, f"(the text was dropped, since redacting it failed: {type(second).__name__})")


def unredacted(value: Any) -> Any:
    """Return the value as it is; for skills whose results leave nowhere, and for tests."""
    return value


def _message(error: BaseException) -> str:
    try:
        text = str(error)
    except BaseException as second:  # a SystemExit of its __str__ must not end the thread either
        return f"(its text could not be had: {type(second).__name__})"
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= _MESSAGE_CHARS else f"{text[:_MESSAGE_CHARS]}... ({len(text)} characters)"


def _frames(error: BaseException) -> list[str]:
    found = [
        f"{_shortened(frame.f_code.co_filename)}:{line} in {frame.f_code.co_name}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if os.path.dirname(frame.f_code.co_filename) != _HERE
    ]
    return found[-_FRAMES:]


def _shortened(path: str) -> str:
    """Return the path from the working directory, or its last parts: enough to find the file."""
    here = os.getcwd() if os.path.isabs(path) else ""
    if here and path.startswith(here + os.sep):
        return path[len(here) + 1 :]
    return "/".join(path.split(os.sep)[-3:])
