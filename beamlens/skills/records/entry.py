"""One log record as it is kept: no objects of the application, only what a reader of the log would see."""

from __future__ import annotations

import logging
import re
from typing import Any, Final, NamedTuple

__all__ = ["Entry", "entry_of", "level_name", "pattern_of"]

_LONGEST: Final = 500
_PLAIN: Final = (str, int, float, bool, type(None))
_VARIABLE: Final = re.compile(
    r"""
      [0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F-]{22,27}    # a UUID
    | \b0x[0-9a-fA-F]+\b
    | \b(?=[0-9a-fA-F]*[0-9])[0-9a-fA-F]{12,}\b            # a hash
    | "[^"]{1,200}" | '[^']{1,200}'
    | \S{1,64}@\S{1,64}
    | \d+(?:[.,:]\d+)*
    """,
    re.VERBOSE,
)


class Entry(NamedTuple):
    """Hold one record.

    Args:
        at: seconds since 1970.
        level: `logging`'s number.
        logger: its name.
        file, line, function: of the call.
        text: the message, cut.
        exception: the type's name of the exception that was logged with it.
        seconds: how long its handlers took; 0 where that is not known.
    """

    at: float
    level: int
    logger: str
    file: str
    line: int
    function: str
    text: str
    exception: str | None
    seconds: float


def entry_of(record: logging.LogRecord, seconds: float) -> Entry:
    """Return what is kept of a record; runs no code of the application.

    The message is the one that a handler has made; where none did, only arguments of plain types are put in.

    Args:
        record: after its handlers have had it.
        seconds: that they took.
    """
    kind = record.exc_info[0] if record.exc_info else None
    return Entry(
        record.created,
        record.levelno,
        record.name,
        record.pathname,
        record.lineno,
        record.funcName or "",
        _text(record),
        None if kind is None else kind.__name__,
        seconds,
    )


def _text(record: logging.LogRecord) -> str:
    made = record.__dict__.get("message")
    if type(made) is str:
        return made[:_LONGEST]
    template: Any = record.msg
    if type(template) is not str:
        return f"<{type(template).__name__}>"
    args = record.args
    if args and type(args) is tuple and all(type(each) in _PLAIN for each in args):
        try:
            return (template % args)[:_LONGEST]
        except (TypeError, ValueError):
            return template[:_LONGEST]
    return template[:_LONGEST]


def pattern_of(text: str) -> str:
    """Return a message without what varies: numbers, hashes, addresses and what is quoted become `#`."""
    return _VARIABLE.sub("#", text.split("\n", 1)[0][:200])


def level_name(level: int) -> str:
    """Return `debug`, `info`, `warning`, `error` or `critical`: the one that a level reaches."""
    for bound, name in ((50, "critical"), (40, "error"), (30, "warning"), (20, "info")):
        if level >= bound:
            return name
    return "debug"
