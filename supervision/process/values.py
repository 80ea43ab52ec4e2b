"""Values of Python that msgpack has no form for, taken apart into lists and put together again.

Nothing here imports a module or runs what a peer names: an enum must be an `Enum` of a module that is
loaded already, a dataclass must be registered.
"""

from __future__ import annotations

import dataclasses
import struct
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum, Flag
from functools import lru_cache
from types import ModuleType
from typing import Any, Final, cast

from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr, _ActorStop

from supervision.errors import ProtocolError, UnknownValueError
from supervision.exits import ExitReason
from supervision.messages import Down, Exit
from supervision.process.registry import (
    entry_of,
    local_module,
    read_value,
    register,
    shorten,
    value_parts,
    wire_module,
)

__all__ = [
    "DATETIME",
    "EXCEPTION",
    "OPAQUE",
    "READERS",
    "TUPLE",
    "Unfit",
    "is_reference",
    "pack_datetime",
    "set_ref_hooks",
    "take_apart",
    "unpack_datetime",
]

TUPLE: Final = 1
DATETIME: Final = 2
ENUM: Final = 3
VALUE: Final = 4
EXCEPTION: Final = 5
REFERENCE: Final = 6
PROXY_CALL: Final = 7
PROXY_GET: Final = 8
PROXY_SET: Final = 9
ACTOR_STOP: Final = 10

TIMESTAMP: Final = 255
"""The code -1 of the msgpack specification, as an unsigned byte."""

OPAQUE: Final = frozenset([DATETIME, TIMESTAMP])
"""Extension codes whose payload is no msgpack array."""


class Unfit(Exception):
    """Tell, inside the codec, that a value cannot travel and why."""


# ---- enums


def _enum_parts(member: Enum) -> list[object]:
    cls = type(member)
    module, qualname = _enum_address(cls)
    if isinstance(member, Flag):
        value = member.value
        if type(value) is not int or value & ~_mask(type(member)):
            raise Unfit(f"{cls.__qualname__} value {value!r} has bits that no member names")
        return [wire_module(module), qualname, value]
    if cls.__members__.get(member.name) is not member:
        raise Unfit(f"{member!r} is not one of the members of {cls.__qualname__}")
    return [wire_module(module), qualname, member.name]


@lru_cache(maxsize=1024)
def _enum_address(cls: type[Enum]) -> tuple[str, str]:
    module, qualname = cls.__module__, cls.__qualname__
    if _loaded(module, qualname) is not cls:
        raise Unfit(f"the enum {qualname} cannot be found as {module}.{qualname}: define it at the top of a module")
    return module, qualname


def _mask(cls: type[Flag]) -> int:
    bits = 0
    for member in cls.__members__.values():
        bits |= member.value
    return bits


def _read_enum(parts: list[Any]) -> object:
    if len(parts) != 3 or type(parts[0]) is not str or type(parts[1]) is not str:
        raise ProtocolError("an enum member is not [module, name of the class, name or value]")
    module, qualname, which = parts
    cls = _loaded(local_module(module), qualname)
    if not isinstance(cls, type) or not issubclass(cls, Enum):
        raise UnknownValueError(
            f"no enum {shorten(module)}.{shorten(qualname)} is loaded here: import its module first"
        )
    if issubclass(cls, Flag) and type(which) is int and not which & ~_mask(cls):
        return cls(which)
    if type(which) is not str or issubclass(cls, Flag) or which not in cls.__members__:
        raise ProtocolError(f"{cls.__qualname__} has no member {shorten(which)}")
    return cls.__members__[which]


def _loaded(module: str, qualname: str) -> object:
    """Find a class of a loaded module; run no code: no import, no module `__getattr__`, no descriptor."""
    place: object = sys.modules.get(module)
    if not isinstance(place, ModuleType):
        return None
    names: dict[str, object] = object.__getattribute__(place, "__dict__")
    for part in qualname.split("."):
        place = names.get(part)
        if not isinstance(place, type):
            return None
        names = cast("dict[str, object]", type.__dict__["__dict__"].__get__(place))
    return place


# ---- datetimes

_EPOCH: Final = datetime(1970, 1, 1)
_MICROSECOND: Final = timedelta(microseconds=1)
_DATETIME: Final = struct.Struct(">qq")


def pack_datetime(value: datetime) -> bytes:
    """Return local time and offset from UTC, both in microseconds, so that no year overflows on the way."""
    offset = value.utcoffset()
    if offset is None:
        raise Unfit("a datetime without a time zone names no instant; use an aware one, as datetime.now(timezone.utc)")
    return _DATETIME.pack((value.replace(tzinfo=None) - _EPOCH) // _MICROSECOND, offset // _MICROSECOND)


def unpack_datetime(payload: bytes) -> datetime:
    """Return the datetime with a fixed offset; ValueError, OverflowError or struct.error if there is none."""
    local, offset = cast("tuple[int, int]", _DATETIME.unpack(payload))
    zone = timezone(offset * _MICROSECOND) if offset else UTC
    return (_EPOCH + local * _MICROSECOND).replace(tzinfo=zone)


# ---- references


@dataclasses.dataclass(slots=True)
class _Hooks:
    base: type | None = None
    to_wire: Callable[[Any], list[object]] = list
    from_wire: Callable[[list[object]], object] = tuple


_hooks: Final = _Hooks()


def set_ref_hooks(
    type_: type, to_wire: Callable[[Any], list[object]], from_wire: Callable[[list[object]], object]
) -> None:
    """Teach the codec the one class of references, and its subclasses.

    Args:
        type_: the base class of references.
        to_wire: takes a reference, returns a list of values that can travel.
        from_wire: takes that list in the other process and returns a reference; what it raises becomes
            ProtocolError.
    """
    _hooks.base, _hooks.to_wire, _hooks.from_wire = type_, to_wire, from_wire


def is_reference(value: object) -> bool:
    """Tell whether the reference hooks are in charge of the value."""
    return _hooks.base is not None and isinstance(value, _hooks.base)


def _read_reference(parts: list[object]) -> object:
    if _hooks.base is None:
        raise ProtocolError("a reference came, and nothing here knows references")
    try:
        return _hooks.from_wire(parts)
    except ProtocolError:
        raise
    except Exception as error:
        raise ProtocolError(f"a reference could not be rebuilt: {type(error).__name__}: {error}") from error


# ---- Pykka's own messages


def _proxy_call_parts(message: ProxyCall) -> list[object]:
    if not isinstance(message.kwargs, dict):
        raise Unfit("the kwargs of a ProxyCall must be a dict")
    return [list(message.attr_path), list(message.args), message.kwargs]


def _path(value: object) -> tuple[str, ...]:
    if type(value) is not list or not all(type(part) is str for part in value):
        raise ProtocolError("the attribute path of a proxy message is not a list of str")
    return tuple(value)


def _read_proxy_call(parts: list[object]) -> ProxyCall:
    if len(parts) != 3 or type(parts[1]) is not list or type(parts[2]) is not dict:
        raise ProtocolError("a ProxyCall is not [path, args, kwargs]")
    if not all(type(name) is str for name in parts[2]):
        raise ProtocolError("a keyword argument's name is not a str")
    return ProxyCall(_path(parts[0]), tuple(parts[1]), parts[2])


def _read_proxy_get(parts: list[object]) -> ProxyGetAttr:
    if len(parts) != 1:
        raise ProtocolError("a ProxyGetAttr is not [path]")
    return ProxyGetAttr(_path(parts[0]))


def _read_proxy_set(parts: list[object]) -> ProxySetAttr:
    if len(parts) != 2:
        raise ProtocolError("a ProxySetAttr is not [path, value]")
    return ProxySetAttr(_path(parts[0]), parts[1])


def _read_actor_stop(parts: list[object]) -> _ActorStop:
    if parts:
        raise ProtocolError("an actor's stop message is not empty")
    return _ActorStop()


# ---- both directions


def take_apart(value: object) -> tuple[int, list[object]] | None:
    """Return an extension code and the list inside it, or None for a value that this module does not know.

    Raises:
        Unfit: a value of a known kind that cannot travel.
    """
    kind = type(value)
    if kind is tuple:
        return TUPLE, list(cast("tuple[object, ...]", value))
    entry = entry_of(kind)
    if entry is not None:
        return VALUE, value_parts(value, entry)
    if isinstance(value, ProxyCall):
        return PROXY_CALL, _proxy_call_parts(value)
    if isinstance(value, ProxyGetAttr):
        return PROXY_GET, [list(value.attr_path)]
    if isinstance(value, ProxySetAttr):
        return PROXY_SET, [list(value.attr_path), value.value]
    if isinstance(value, _ActorStop):
        return ACTOR_STOP, []
    if is_reference(value):
        return REFERENCE, list(_hooks.to_wire(value))
    if isinstance(value, Enum):
        return ENUM, _enum_parts(value)
    return None


READERS: Final[dict[int, Callable[[list[object]], object]]] = {
    TUPLE: tuple,
    ENUM: _read_enum,
    VALUE: read_value,
    REFERENCE: _read_reference,
    PROXY_CALL: _read_proxy_call,
    PROXY_GET: _read_proxy_get,
    PROXY_SET: _read_proxy_set,
    ACTOR_STOP: _read_actor_stop,
}


register(ExitReason)
register(Down)
register(Exit)
