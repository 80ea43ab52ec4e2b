"""Types with named fields, whatever made them: dataclasses, TypedDicts, NamedTuples, models of pydantic's kind.

Pydantic is never imported here: its models are known by what they bring along.
"""

from __future__ import annotations

import dataclasses
import sys
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final, NotRequired, Required

__all__ = ["NOTHING", "RecordField", "bare", "fields_of", "hints_of", "is_model"]

NOTHING: Final = object()  # there is no default

_WRAPPERS: Final = (Required, NotRequired, typing.Annotated, typing.Final, typing.ClassVar)


@dataclasses.dataclass(frozen=True, slots=True)
class RecordField:
    """Hold one field.

    Args:
        name: its name.
        hint: its type hint.
        required: whether it must be given.
        default: what it is else, for people; `NOTHING` where that is made anew each time or not known.
    """

    name: str
    hint: Any
    required: bool
    default: Any = NOTHING


def bare(hint: Any) -> Any:
    """Return a hint without what only names or annotates it: NewTypes, aliases, `Annotated`, `NotRequired` ..."""
    while True:
        if isinstance(hint, typing.NewType):
            hint = hint.__supertype__
        elif type(hint).__name__ == "TypeAliasType":  # of Python 3.12, or of typing_extensions
            hint = hint.__value__
        elif typing.get_origin(hint) in _WRAPPERS:
            hint = typing.get_args(hint)[0]
        else:
            return hint


def is_model(hint: Any) -> bool:
    """Tell whether a class checks and describes itself, as pydantic's models do."""
    return isinstance(hint, type) and hasattr(hint, "model_validate") and hasattr(hint, "model_json_schema")


def fields_of(hint: Any) -> tuple[RecordField, ...] | None:
    """Return the fields of a type, in their order; None where it has none by name."""
    if not isinstance(hint, type):
        return None
    if is_model(hint):
        return _model_fields(hint)
    if dataclasses.is_dataclass(hint):
        return _dataclass_fields(hint)
    if issubclass(hint, dict) and hasattr(hint, "__total__"):
        return _dict_fields(hint)
    if issubclass(hint, tuple) and hasattr(hint, "_field_defaults"):
        return _tuple_fields(hint)
    return None


def hints_of(owner: Any) -> dict[str, Any]:
    """Return the type hints of a function or class; without those that name what is there for type checkers alone."""
    try:
        return typing.get_type_hints(owner, include_extras=True)
    except Exception:
        return _one_by_one(owner)


def _one_by_one(owner: Any) -> dict[str, Any]:
    names = getattr(owner, "__globals__", None) or vars(sys.modules[owner.__module__])
    found: dict[str, Any] = {}
    for name, hint in getattr(owner, "__annotations__", {}).items():
        holder = types.SimpleNamespace(__annotations__={name: hint})
        try:
            found |= typing.get_type_hints(holder, globalns=names, include_extras=True)
        except Exception:  # that one says nothing here; the others do
            continue
    return found


def _dataclass_fields(hint: type[Any]) -> tuple[RecordField, ...]:
    hints = hints_of(hint)
    return tuple(
        RecordField(field.name, hints.get(field.name, Any), _has_no_default(field), _shown_default(field))
        for field in dataclasses.fields(hint)
        if field.init
    )


def _has_no_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _shown_default(field: dataclasses.Field[Any]) -> Any:
    return NOTHING if field.default is dataclasses.MISSING else field.default


def _dict_fields(hint: Any) -> tuple[RecordField, ...]:
    # What is required is asked of the hints as well: with annotations that are texts Python takes all for required.
    return tuple(
        RecordField(name, each, name in hint.__required_keys__ and typing.get_origin(each) is not NotRequired)
        for name, each in hints_of(hint).items()
    )


def _tuple_fields(hint: Any) -> tuple[RecordField, ...]:
    hints, defaults = hints_of(hint), hint._field_defaults
    return tuple(
        RecordField(name, hints.get(name, Any), name not in defaults, defaults.get(name, NOTHING))
        for name in hint._fields
    )


def _model_fields(hint: Any) -> tuple[RecordField, ...] | None:
    fields: Mapping[str, Any] = getattr(hint, "model_fields", {})
    found = []
    for name, field in fields.items():
        required: Callable[[], bool] = getattr(field, "is_required", lambda: True)
        default = getattr(field, "default", NOTHING)
        made = getattr(field, "default_factory", None) is not None
        found.append(
            RecordField(
                getattr(field, "alias", None) or name,
                getattr(field, "annotation", Any),
                required(),
                NOTHING if required() or made else default,
            )
        )
    return tuple(found) or None
