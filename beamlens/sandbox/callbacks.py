"""The callbacks of one evaluation: found by name, called in the host, answered with packed plain data."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Protocol

import msgpack

from beamlens.errors import ConfigurationError
from beamlens.sandbox.plain import NotPlain, to_plain

__all__ = ["Callback", "CallbackTable", "Caller", "Cancelled", "TimedOut"]

Callback = Callable[..., object]

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?", re.ASCII)
_LUA_WORDS: Final = frozenset(
    [
        "and",
        "break",
        "do",
        "else",
        "elseif",
        "end",
        "false",
        "for",
        "function",
        "goto",
        "if",
        "in",
        "local",
        "nil",
        "not",
        "or",
        "repeat",
        "return",
        "then",
        "true",
        "until",
        "while",
        "_G",
        "_ENV",
    ]
)
_ERROR_CHARS: Final = 500


class TimedOut(Exception):
    """A callback did not return in its time."""


class Cancelled(Exception):
    """The evaluation was cancelled while a callback ran."""


class Caller(Protocol):
    """Call a function, somewhere, within a time."""

    def call(self, function: Callback, arguments: list[Any], seconds: float | None) -> tuple[bool, Any]:
        """Return True and what it returns, or False and what it raises.

        Raises:
            TimedOut: it did not return in time.
        """
        ...


class CallbackTable:
    """Know the callbacks of a session; answer calls of them.

    Args:
        callbacks: by name; `tool.function` is reached in Lua as a field of a table.

    Raises:
        ConfigurationError: a name that Lua could not call, a name that is a tool as well, or no function.
    """

    def __init__(self, callbacks: Mapping[str, Callback]) -> None:
        self._callbacks = dict(callbacks)
        tools = {name.partition(".")[0] for name in self._callbacks if "." in str(name)}
        for name, function in self._callbacks.items():
            _check(name, function, tools)
        self.packed_names: bytes | None = msgpack.packb(sorted(self._callbacks)) if callbacks else None

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._callbacks))

    def answer(
        self, name: object, arguments: object, caller: Caller, seconds: float | None, most_bytes: int, most_depth: int
    ) -> bytes:
        """Call one; return `[true, result]` or `[false, "Type: message"]`, packed.

        Never raises for what the callback does, SystemExit and KeyboardInterrupt among it: an evaluation is no
        place to end the host's thread from.

        Args:
            name: as the program's side said.
            arguments: as it said.
            caller: where the function is called.
            seconds: for the function; None for any.
            most_bytes: of the packed result.
            most_depth: of the result.
        """
        function = self._callbacks.get(name) if isinstance(name, str) else None
        if function is None or not isinstance(arguments, list):
            return _failure("LookupError", f"there is no callback {str(name)[:100]!r}")
        try:
            returned, found = caller.call(function, arguments, seconds)
        except TimedOut:
            return _failure("TimeoutError", f"{name} took longer than {seconds:g} seconds")
        if not returned:
            arity = _arity(str(name), function, arguments) if isinstance(found, TypeError) else None
            return _failure(type(found).__name__, arity or _message_of(found))
        return _packed(str(name), found, most_bytes, most_depth)


def _check(name: object, function: object, tools: set[str]) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name) or not _LUA_WORDS.isdisjoint(name.split(".")):
        raise ConfigurationError(f"a callback's name is a Lua name or two with a dot between, not {name!r}")
    if name in tools:
        raise ConfigurationError(f"callback {name!r} is also the tool of a callback {name + '.…'!r}: rename one")
    if not callable(function):
        raise ConfigurationError(f"callback {name!r} is a {type(function).__name__}, not a function")


def _packed(name: str, found: object, most_bytes: int, most_depth: int) -> bytes:
    try:
        packed: bytes = msgpack.packb([True, to_plain(found, most_bytes, most_depth)])
    except NotPlain as error:
        return _failure("ResultError", f"{name}: {error}")
    except Exception as error:  # a property, an iterator, a __str__ of the result raised
        return _failure("ResultError", f"{name}: reading the result raised {type(error).__name__}")
    return packed


def _failure(kind: str, text: str) -> bytes:
    message = f"{kind}: {text}" if text else kind
    packed: bytes = msgpack.packb([False, message[:_ERROR_CHARS].encode("utf-8", "replace").decode()])
    return packed


def _message_of(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException as second:  # a __str__ that raises
        return f"(no message: {type(second).__name__})"


def _arity(name: str, function: Callback, arguments: list[Any]) -> str | None:
    """Say how many arguments a function takes, where their number was the fault."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    try:
        signature.bind(*arguments)
    except TypeError:
        return f"{name} takes {_accepted(signature)}, {len(arguments)} given"
    return None


def _accepted(signature: inspect.Signature) -> str:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    plain = [parameter for parameter in signature.parameters.values() if parameter.kind in kinds]
    least = sum(parameter.default is inspect.Parameter.empty for parameter in plain)
    if any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in signature.parameters.values()):
        return f"at least {_arguments(least)}"
    return _arguments(least) if least == len(plain) else f"{least} to {_arguments(len(plain))}"


def _arguments(count: int) -> str:
    return f"{count} argument{'s' * (count != 1)}"
