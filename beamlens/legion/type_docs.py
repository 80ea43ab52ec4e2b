"""What the model is told of the types in the signatures of its tools: which fields, which choices, which texts."""

from __future__ import annotations

import typing
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Any, Final

from beamlens.legion.hints import describe
from beamlens.legion.records import NOTHING, RecordField, bare, fields_of

__all__ = ["definitions"]

_TEXTS: Final[dict[Any, str]] = {
    datetime: "datetime: a text such as '2026-11-22T10:30:00+00:00'",
    date: "date: a text such as '2026-11-22'",
    time: "time: a text such as '10:30:00'",
    timedelta: "timedelta: seconds",
}


def definitions(hints: Iterable[Any]) -> list[str]:
    """Return a line for each type in type hints that is not clear by its name, those inside of them too; once each."""
    found: dict[Any, str] = {}
    for hint in hints:
        _collect(hint, found)
    return [line for line in found.values() if line]


def _collect(hint: Any, found: dict[Any, str]) -> None:
    hint = bare(hint)
    for argument in typing.get_args(hint):
        if not isinstance(argument, str | int):  # what a Literal has
            _collect(argument, found)
    if not isinstance(hint, type) or typing.get_args(hint) or hint in found:
        return
    fields = fields_of(hint)
    if fields is not None:
        found[hint] = f"{hint.__name__}: {{{', '.join(map(_field, fields))}}}"
        for field in fields:
            _collect(field.hint, found)
    elif issubclass(hint, Enum):
        found[hint] = f"{hint.__name__}: {' | '.join(repr(member.value) for member in hint)}"
    elif hint in _TEXTS:
        found[hint] = _TEXTS[hint]


def _field(field: RecordField) -> str:
    shown = f"{field.name}: {describe(field.hint)}"
    if field.required:
        return shown
    default = field.default.value if isinstance(field.default, Enum) else field.default
    return f"{shown} (optional)" if default is NOTHING else f"{shown} = {default!r}"
