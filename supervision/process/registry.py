"""Frozen dataclasses that may travel, by their names on the wire, and modules that have two names."""

from __future__ import annotations

import dataclasses
import inspect
from types import ModuleType
from typing import Final, TypeVar

from supervision.errors import ProtocolError, UnknownValueError

__all__ = [
    "Registered",
    "alias_module",
    "entry_of",
    "field_names",
    "local_module",
    "read_value",
    "register",
    "shorten",
    "value_parts",
    "wire_module",
    "wire_value",
]

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class Registered:
    """Keep what is known about a registered dataclass."""

    cls: type
    name: str
    named: bool
    positional: tuple[str, ...]
    keyword: tuple[str, ...]


_by_name: Final[dict[str, Registered]] = {}
_by_class: Final[dict[type, Registered]] = {}
_local_of: Final[dict[str, str]] = {}
_wire_of: Final[dict[str, str]] = {}


# ---- modules under two names


def alias_module(name: str, module: str | ModuleType) -> None:
    """Let classes of a module travel under another module's name, in both directions.

    The script that a parent runs as `__main__` may be loaded as `__mp_main__` in a child; there
    `alias_module("__main__", "__mp_main__")` makes the two the same to the codec.

    Args:
        name: the module's name on the wire.
        module: the module of this process, or its name, that stands for it.
    """
    local = module if isinstance(module, str) else module.__name__
    _local_of[name] = local
    _wire_of[local] = name


def wire_module(local: str) -> str:
    """Return the name under which a module of this process is known on the wire."""
    return _wire_of.get(local, local)


def local_module(name: str) -> str:
    """Return the name that a module of the wire has in this process."""
    return _local_of.get(name, name)


# ---- dataclasses


def wire_value(cls: type[T]) -> type[T]:
    """Register a frozen dataclass so that its instances can be sent; use it above `@dataclass`.

    Raises:
        TypeError: not a frozen dataclass, or one that cannot be rebuilt from its fields.
        ValueError: another class has the same name.
    """
    register(cls)
    return cls


def register(cls: type, name: str | None = None) -> None:
    """Register a frozen dataclass so that its instances can be sent; both processes must do so.

    Fields are checked by nothing but the class itself when it is constructed on the other side.
    A module that is executed again replaces its own classes.

    Args:
        cls: the class, decorated with `@dataclass(frozen=True)`.
        name: its name on the wire; by default `module:qualname`.

    Raises:
        TypeError: not a frozen dataclass, or one that cannot be rebuilt from its fields.
        ValueError: another class has the same name.
    """
    positional, keyword = _constructor(cls)
    full = name or f"{cls.__module__}:{cls.__qualname__}"
    old = _by_name.get(full)
    if old is not None and old.cls is not cls:
        if not _same_definition(old.cls, cls):
            raise ValueError(f"the wire name {full!r} is taken by {old.cls.__module__}.{old.cls.__qualname__}")
        _by_class.pop(old.cls, None)
    known = _by_class.get(cls)
    if known is not None and known.name != full:
        raise ValueError(f"{cls.__qualname__} is registered as {known.name!r} already")
    entry = Registered(cls, full, name is not None, positional, keyword)
    _by_name[full] = entry
    _by_class[cls] = entry


def _constructor(cls: type) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if not isinstance(cls, type) or not dataclasses.is_dataclass(cls):
        raise TypeError(f"{cls!r} is not a dataclass: put @wire_value above @dataclass(frozen=True)")
    if not cls.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise TypeError(f"{cls.__qualname__} is not frozen: a message must not change, use @dataclass(frozen=True)")
    given = [field for field in dataclasses.fields(cls) if field.init]
    wanted = set(inspect.signature(cls).parameters)
    if wanted != {field.name for field in given}:
        odd = ", ".join(sorted(wanted ^ {field.name for field in given}))
        raise TypeError(f"{cls.__qualname__} cannot be rebuilt from its fields: {odd} differ from its constructor's")
    positional = tuple(field.name for field in given if not field.kw_only)
    return positional, tuple(field.name for field in given if field.kw_only)


def _same_definition(old: type, new: type) -> bool:
    same = old.__module__ == new.__module__ and old.__qualname__ == new.__qualname__
    return same and "<locals>" not in new.__qualname__


def field_names(cls: type) -> tuple[str, ...] | None:
    """Return the fields of a registered dataclass that travel, or None for any other class."""
    entry = _by_class.get(cls)
    return None if entry is None else entry.positional + entry.keyword


def entry_of(cls: type) -> Registered | None:
    """Return what is known about a registered dataclass."""
    return _by_class.get(cls)


def value_parts(value: object, entry: Registered) -> list[object]:
    """Return the name on the wire and the fields of an instance."""
    name = entry.name
    if not entry.named and entry.cls.__module__ in _wire_of:
        name = f"{_wire_of[entry.cls.__module__]}:{entry.cls.__qualname__}"
    return [name, *[getattr(value, field) for field in (*entry.positional, *entry.keyword)]]


def read_value(parts: list[object]) -> object:
    """Return the instance whose name and fields these are; ProtocolError if its class does not take them."""
    name = parts[0] if parts else None
    entry = _find_value(name) if type(name) is str else None
    if entry is None:
        raise UnknownValueError(f"no wire value {shorten(name)} is known here: import the module that registers it")
    split = 1 + len(entry.positional)
    if len(parts) != split + len(entry.keyword):
        raise ProtocolError(f"{entry.name} came with {len(parts) - 1} fields; it has {split - 1 + len(entry.keyword)}")
    keywords = dict(zip(entry.keyword, parts[split:], strict=True))
    try:
        return entry.cls(*parts[1:split], **keywords)
    except Exception as error:
        raise ProtocolError(f"{entry.name} refused its fields: {type(error).__name__}: {error}") from error


def _find_value(name: str) -> Registered | None:
    module, colon, qualname = name.partition(":")
    local = _local_of.get(module)
    aliased = _by_name.get(f"{local}:{qualname}") if colon and local is not None else None
    return aliased or _by_name.get(name)


def shorten(value: object) -> str:
    """Return a repr that fits in a line of an error."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
