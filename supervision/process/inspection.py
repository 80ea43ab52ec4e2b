"""The sender's side of the rules: whether a value may travel, and the path to what is in the way.

`is_plain` and `is_sound` are the quick questions asked before sending; `explain` is the slow walk after a refusal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import Enum
from typing import Any, Final

from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr

from supervision.errors import MessageError
from supervision.process.registry import field_names
from supervision.process.values import Unfit, is_reference, pack_datetime, take_apart

__all__ = ["explain", "is_plain", "is_sound"]

_KEYS: Final = frozenset([str, int])
_SCALARS: Final = frozenset([type(None), bool, int, float, str, bytes, bytearray, memoryview])
_ALLOWED: Final = (
    "None, bool, int, float, str, bytes, list, tuple, dict, aware datetimes, enums, exceptions, references "
    "to actors and frozen dataclasses registered with @wire_value"
)
_STEPS: Final = 1_000_000
# Their attribute path is a list of its own.
_PROXY_MESSAGES: Final = (ProxyCall, ProxyGetAttr, ProxySetAttr)
# From here on one pass at C speed is worth its start.
_MANY: Final = 16


# ---- the quick questions


def is_plain(value: object, levels: int) -> bool:
    """Tell whether there are only scalars, lists, and dicts with str or int keys, nested no deeper than may be.

    Most messages are so, and this is the quickest to ask; of all others `is_sound` knows more.

    Args:
        value: what was packed already, so that its scalars are known to fit.
        levels: how many lists and dicts may nest from here on.
    """
    kind = type(value)
    if kind is not dict and kind is not list:
        return kind in _SCALARS
    if not levels:
        return False
    if kind is list:
        if len(value) > _MANY:  # type: ignore[arg-type]
            return _SCALARS.issuperset(map(type, value))  # type: ignore[call-overload]
        # A loop and no generator: it takes half the time.
        for item in value:  # type: ignore[attr-defined]  # noqa: SIM110
            if type(item) not in _SCALARS and not is_plain(item, levels - 1):
                return False
        return True
    # One loop over both: two passes at C speed take longer for the few keys that a message has.
    for key, item in value.items():  # type: ignore[attr-defined]
        if type(item) not in _SCALARS and not is_plain(item, levels - 1):
            return False
        if type(key) is not str and type(key) is not int:
            return False
    return True


def is_sound(value: object, levels: int, opaque: list[object]) -> bool:
    """Tell whether keys are str or int everywhere and no more than so many containers nest.

    Args:
        value: what was packed already, so that its scalars are known to fit.
        levels: how many arrays and maps may nest from here on.
        opaque: gets the values into which this walk does not look.
    """
    kind = type(value)
    if kind is dict:
        if not _KEYS.issuperset(map(type, value)):  # type: ignore[call-overload]
            return False
        inner = value.values()  # type: ignore[attr-defined]
    elif kind is list or kind is tuple:
        inner = value
    else:
        return kind in _SCALARS or _is_sound_extension(value, levels, opaque)
    if not levels:
        return False
    if len(inner) > _MANY and _SCALARS.issuperset(map(type, inner)):
        return True
    # A loop and no generator: it takes half the time.
    for item in inner:  # noqa: SIM110
        if type(item) not in _SCALARS and not is_sound(item, levels - 1, opaque):
            return False
    return True


def _is_sound_extension(value: object, levels: int, opaque: list[object]) -> bool:
    if isinstance(value, datetime):
        return True
    if isinstance(value, (Enum, BaseException)) or is_reference(value):
        opaque.append(value)
        return levels > 0
    taken = take_apart(value)
    return taken is not None and is_sound(taken[1], levels, opaque)


# ---- the slow walk


def explain(value: object, depth: int) -> MessageError | None:
    """Return the error that names the first value in the way, or None if none is found."""
    # Each entry is a value still to be looked at: its path, itself, levels left.
    waiting: list[tuple[str, object, int]] = [("message", value, depth)]
    for _ in range(_STEPS):
        if not waiting:
            return None
        path, item, levels = waiting.pop()
        try:
            problem = _problem(item, levels)
            if problem:
                return MessageError(path, problem)
            inside = levels - (2 if isinstance(item, ProxyCall) else 1)
            waiting.extend(reversed([(path + label, child, inside) for label, child in _children(item)]))
        except _BadKey as bad:
            return MessageError(path + bad.label, bad.problem)
        except Exception as error:
            return MessageError(path, f"a {_name(item)} cannot travel: {type(error).__name__}: {error}")
    return None


class _BadKey(Exception):
    def __init__(self, label: str, problem: str) -> None:
        super().__init__(label, problem)
        self.label = label
        self.problem = problem


def _problem(item: object, levels: int) -> str:
    kind = type(item)
    if kind in _SCALARS:
        return _scalar_problem(item)
    if kind is datetime:
        return _unfit(item)
    if isinstance(item, BaseException):
        return ""
    if kind is not dict and kind is not list:
        known = _unfit(item)
        if known:
            return known
    if levels < (2 if isinstance(item, _PROXY_MESSAGES) else 1):
        return "nested too deeply: lists, tuples, dicts and values may nest only so far"
    return ""


def _unfit(item: object) -> str:
    try:
        if type(item) is datetime:
            pack_datetime(item)
        elif take_apart(item) is None:
            return f"a {_name(item)} cannot travel{_hint(item)}; allowed are {_ALLOWED}"
    except Unfit as unfit:
        return str(unfit)
    return ""


def _hint(item: object) -> str:
    if isinstance(item, (set, frozenset)):
        return " (send a list)"
    if hasattr(type(item), "__dataclass_fields__"):
        return " (a dataclass must be frozen and registered with @wire_value)"
    for base in (bool, int, float, str, bytes, list, tuple, dict, datetime):
        if isinstance(item, base):
            return f" (it is a subclass of {base.__name__}: send a plain {base.__name__})"
    return ""


def _scalar_problem(item: object) -> str:
    if isinstance(item, int) and not -(2**63) <= item < 2**64:
        return f"an int of {item.bit_length()} bits cannot travel; from -2**63 to 2**64-1 can"
    if isinstance(item, str):
        try:
            item.encode()
        except UnicodeEncodeError as error:
            return f"a str with a lone surrogate ({item[error.start]!r} at {error.start}) cannot travel"
    if isinstance(item, memoryview) and not item.c_contiguous:
        return "a memoryview that is not contiguous cannot travel"
    return ""


def _children(item: object) -> Iterator[tuple[str, object]]:
    if isinstance(item, dict):
        yield from _dict_children(item)
    elif isinstance(item, ProxyCall):
        yield from ((f".args{label}", child) for label, child in _list_children(item.args))
        yield from ((f".kwargs{label}", child) for label, child in _dict_children(item.kwargs))
    elif isinstance(item, ProxySetAttr):
        yield ".value", item.value
    elif isinstance(item, list) or type(item) is tuple:
        yield from _list_children(item)
    elif is_reference(item):
        taken = take_apart(item)
        yield from _list_children(taken[1] if taken else ())
    else:
        yield from ((f".{name}", getattr(item, name)) for name in field_names(type(item)) or ())


def _list_children(items: Iterable[object]) -> Iterator[tuple[str, object]]:
    for index, child in enumerate(items):
        yield f"[{index}]", child


def _dict_children(item: dict[Any, object]) -> Iterator[tuple[str, object]]:
    for key, child in item.items():
        label = f"[{_short(key)}]"
        problem = "" if type(key) in _KEYS else f"a dict key of type {_name(key)} cannot travel; keys are str or int"
        problem = problem or _scalar_problem(key)
        if problem:
            raise _BadKey(label, problem)
        yield label, child


def _name(item: object) -> str:
    kind = type(item)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _short(key: object) -> str:
    try:
        text = repr(key)
    except Exception:
        text = f"<{_name(key)}>"
    return text if len(text) <= 60 else f"{text[:57]}..."
