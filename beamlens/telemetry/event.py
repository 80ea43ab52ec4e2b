"""What an event is: its name, and what it carries, as data that can be checked and printed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

from supervision.telemetry import EventName

__all__ = ["Event", "Field", "Severity", "Since", "event", "fields"]

Severity = Literal["info", "warning", "error"]
Since = Literal["0.3.1", "0.4.0", "undeclared", "ours"]

_FIELD: Final = re.compile(r"(?P<name>[a-z_]+)(?P<optional>\??): (?P<type>.+)\Z")
_LIST: Final = re.compile(r"list\[(?P<item>.+)\]\Z")
_CLASS: Final = re.compile(r"[A-Z]\w+\Z")
_OURS: Final = ("beamlens", "supervision")


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_PLAIN: Final[Mapping[str, Callable[[Any], bool]]] = {
    "None": lambda value: value is None,
    "bool": lambda value: isinstance(value, bool),
    "dict": lambda value: isinstance(value, Mapping),
    "float": lambda value: isinstance(value, float) or _is_int(value),
    "int": _is_int,
    "list": lambda value: isinstance(value, (list, tuple)),
    "object": lambda value: True,
    "str": lambda value: isinstance(value, str),
}


def _fits(value: object, alternatives: str) -> bool:
    return any(_fits_one(value, one) for one in alternatives.split(" | "))


def _fits_one(value: object, kind: str) -> bool:
    if kind in _PLAIN:
        return _PLAIN[kind](value)
    items = _LIST.match(kind)
    if items is not None:
        return isinstance(value, (list, tuple)) and all(_fits_one(item, items["item"]) for item in value)
    # By name: whoever only emits or logs need not import what the classes are defined in.
    return any(base.__name__ == kind and base.__module__.split(".")[0] in _OURS for base in type(value).__mro__)


def _check_type(alternatives: str) -> None:
    for kind in alternatives.split(" | "):
        items = _LIST.match(kind)
        plain = kind if items is None else items["item"]
        if plain not in _PLAIN and not _CLASS.match(plain):
            raise ValueError(f"{kind!r} is no type of a field; {', '.join(_PLAIN)}, list[...] or a class is expected")


@dataclass(frozen=True, slots=True)
class Field:
    """Describe one measurement or one entry of the metadata.

    Args:
        name: its key.
        type: `str`, `int`, `float` (an `int` will do), `bool`, `dict`, `list`, `list[str]`, `None`, `object` (anything)
            or the name of a class of ours; alternatives are separated by ` | `. Tuples count as lists.
        required: whether every such event has it.

    Raises:
        ValueError: an unknown type.
    """

    name: str
    type: str
    required: bool = True

    def __post_init__(self) -> None:
        _check_type(self.type)

    def fits(self, value: object) -> bool:
        """Tell whether the value is of the type."""
        return _fits(value, self.type)

    def __str__(self) -> str:
        return f"{self.name}{'' if self.required else '?'}: {self.type}"


@dataclass(frozen=True, slots=True)
class Event:
    """Describe one event.

    Args:
        name: such as `("beamlens", "operator", "started")`.
        measurements, metadata: what it carries.
        meaning: one line: when it is emitted.
        since: the version of BeamLens that declares it; `undeclared` for what BeamLens emits without declaring it,
            `ours` for what this project adds.
        severity: how much it asks for attention; the default logger raises its level by it.
    """

    name: EventName
    measurements: tuple[Field, ...]
    metadata: tuple[Field, ...]
    meaning: str
    since: Since
    severity: Severity = "info"

    @property
    def dotted(self) -> str:
        """Return the name as people write it: `beamlens.operator.started`."""
        return ".".join(self.name)

    @property
    def category(self) -> str:
        """Return what it is about, the name's second part: `operator`, `llm` ..."""
        return self.name[1]

    def violations(self, measurements: object, metadata: object) -> list[str]:
        """Return what is wrong with such an event, a sentence each; nothing where it is as declared."""
        return [
            *_violations(f"{self.dotted}: measurement", self.measurements, measurements),
            *_violations(f"{self.dotted}: metadata", self.metadata, metadata),
        ]


def _violations(what: str, declared: tuple[Field, ...], given: object) -> list[str]:
    if not isinstance(given, Mapping):
        return [f"{what} is {given!r}; a dict is expected"]
    known = {field.name: field for field in declared}
    missing = [f"{what} {field} is missing" for field in declared if field.required and field.name not in given]
    unknown = [f"{what} {key!r} is not declared; known are {', '.join(known)}" for key in given if key not in known]
    wrong = [
        f"{what} {name!r} is {given[name]!r:.200}; {field.type} is expected"
        for name, field in known.items()
        if name in given and not field.fits(given[name])
    ]
    return [*missing, *unknown, *wrong]


def fields(*texts: str) -> tuple[Field, ...]:
    """Return fields written as `"name: type"`, or `"name?: type"` for one that may be missing.

    Raises:
        ValueError: a text that is no field.
    """
    return tuple(_field(text) for text in texts)


@cache
def _field(text: str) -> Field:
    found = _FIELD.match(text)
    if found is None:
        raise ValueError(f"{text!r} is no field; 'name: type' or 'name?: type' is expected")
    return Field(found["name"], found["type"], not found["optional"])


def event(
    name: str,
    since: Since,
    meaning: str,
    *metadata: tuple[Field, ...] | str,
    measurements: tuple[Field, ...] = (),
    severity: Severity = "info",
) -> Event:
    """Return a row of the table.

    Args:
        name: dotted, without the `beamlens` at its front.
        since, meaning, severity: as `Event` has them.
        metadata: fields, or groups of them.
        measurements: as `Event` has them.
    """
    carried = (field for group in metadata for field in (fields(group) if isinstance(group, str) else group))
    return Event(("beamlens", *name.split(".")), measurements, tuple(carried), meaning, since, severity)
