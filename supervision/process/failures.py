"""Exceptions as values: type, arguments, text and traceback; never a class looked up by the name a peer sent.

Only classes in a table built at import come back as themselves: Python's built-in exceptions, Pykka's
and our own. Every other arrives as RemoteError. Describing an exception never fails, whatever its
`__str__`, its arguments or its notes do.
"""

from __future__ import annotations

import builtins
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pykka

from supervision import errors
from supervision.errors import ProtocolError, RemoteError

__all__ = ["RemoteTraceback", "describe", "rebuild"]

_ARGS_BYTES: Final = 65_536
_NAME_CHARS: Final = 200
_NOTES: Final = 32
_MEMBERS: Final = 64
_GROUP_LEVELS: Final = 3
_MEMBER_CHARS: Final = 4_096

PackArgs = Callable[[tuple[object, ...], int], object]
"""Encodes arguments within a number of bytes; raises whatever it likes if that cannot be done."""


class RemoteTraceback(Exception):
    """Carry the traceback of another process as text, as the `__cause__` of what was raised there."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text}"""'


def _key(cls: type) -> tuple[str, str]:
    return cls.__module__, cls.__qualname__


def _table() -> dict[tuple[str, str], type[BaseException]]:
    places = [vars(builtins), vars(errors), vars(pykka), {"RemoteTraceback": RemoteTraceback}]
    classes = [thing for place in places for thing in place.values() if isinstance(thing, type)]
    return {_key(cls): cls for cls in classes if issubclass(cls, BaseException)}


_KNOWN: Final = _table()


@dataclass(frozen=True, slots=True)
class _Caps:
    """How much of an exception may travel: characters of each text, bytes of arguments, levels of groups."""

    chars: int
    args_bytes: int = _ARGS_BYTES
    levels: int = _GROUP_LEVELS


# ---- describing


def describe(error: BaseException, pack_args: PackArgs, chars: int = 65_536) -> list[object]:
    """Return the exception as a list of strings and encoded arguments; never fails.

    Args:
        error: any exception.
        pack_args: encodes arguments, or raises.
        chars: the cap on the text and on the traceback, in characters.
    """
    return _describe(error, pack_args, _Caps(chars, min(chars, _ARGS_BYTES)))


def _describe(error: BaseException, pack_args: PackArgs, caps: _Caps) -> list[object]:
    cls = type(error)
    text = _text_of(error, caps.chars)
    return [
        _clean(cls.__module__, _NAME_CHARS),
        _clean(cls.__qualname__, _NAME_CHARS),
        _packed_args(error, pack_args, caps),
        text,
        _traceback_of(error, caps.chars),
        _notes_of(error, caps.chars),
        _members_of(error, pack_args, caps),
    ]


def _packed_args(error: BaseException, pack_args: PackArgs, caps: _Caps) -> object:
    """Return the encoded arguments; texts in place of those that cannot travel; None if nothing helps."""
    if _KNOWN.get(_key(type(error))) is not type(error):
        return None
    try:
        args = _arguments(error)
        try:
            return pack_args(args, caps.args_bytes)
        except Exception:
            room = max(64, caps.args_bytes // (4 * len(args) or 1))
            return pack_args(tuple(_travelling(arg, pack_args, room) for arg in args), caps.args_bytes)
    except Exception:
        return None


def _travelling(arg: object, pack_args: PackArgs, room: int) -> object:
    try:
        pack_args((arg,), room)
    except Exception:
        return _text_of(arg, room // 4)
    return arg


def _arguments(error: BaseException) -> tuple[object, ...]:
    args = error.args
    if isinstance(error, BaseExceptionGroup):
        return (error.message,)
    if isinstance(error, OSError) and len(args) == 2 and error.filename is not None:
        # OSError drops its file names from args; None stands where Windows has a number.
        names = (error.filename,) if error.filename2 is None else (error.filename, None, error.filename2)
        return (*args, *names)
    return tuple(args)


def _traceback_of(error: BaseException, chars: int) -> str:
    if error.__traceback__ is None and error.__cause__ is None and error.__context__ is None:
        return ""
    try:
        return _clean("".join(traceback.format_exception(error)), chars)
    except BaseException as trouble:
        return f"(the traceback could not be formatted: {type(trouble).__name__})"


def _notes_of(error: BaseException, chars: int) -> list[object]:
    notes = getattr(error, "__notes__", None)
    if type(notes) is not list:
        return []
    return [_text_of(note, chars // _NOTES) for note in notes[:_NOTES]]


def _members_of(error: BaseException, pack_args: PackArgs, caps: _Caps) -> list[object] | None:
    if not isinstance(error, BaseExceptionGroup) or not caps.levels or len(error.exceptions) > _MEMBERS:
        return None
    share = max(64, min(caps.chars, _MEMBER_CHARS * _MEMBERS) // len(error.exceptions))
    inner = _Caps(min(share, caps.chars), min(share, caps.args_bytes), caps.levels - 1)
    return [_describe(member, pack_args, inner) for member in error.exceptions]


def _text_of(value: object, chars: int) -> str:
    try:
        return _clean(str(value), chars)
    except BaseException as trouble:
        # Even SystemExit from a broken __str__ must not stop the report of a crash.
        return f"({type(value).__name__}, whose text could not be had: {type(trouble).__name__})"


def _clean(text: str, chars: int) -> str:
    """Return text that can be encoded, in at most so many characters: the middle goes, ends tell most."""
    if len(text) > chars:
        head, tail = chars // 4, chars - chars // 4
        text = f"{text[:head]}\n... {len(text) - chars} characters left out ...\n{text[-tail:]}"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


# ---- rebuilding


def rebuild(parts: list[Any]) -> BaseException:
    """Return the exception that `describe` described, as its own type if that is in the table.

    Raises:
        ProtocolError: the list does not have the form of a description.
    """
    _check_description(parts)
    module, qualname, args, text, remote_text, notes, members = parts
    cls = _KNOWN.get((module, qualname))
    error = None
    if cls is not None:
        error = _construct(cls, args, text, None if members is None else [rebuild(m) for m in members])
    if error is None:
        error = RemoteError(qualname if module == "builtins" else f"{module}.{qualname}", text, remote_text)
    for note in notes:
        error.add_note(note)
    if remote_text:
        error.__cause__ = RemoteTraceback(remote_text)
    return error


def _check_description(parts: list[Any]) -> None:
    kinds = (str, str, tuple | None, str, str, list, list | None)
    if len(parts) != len(kinds) or not all(isinstance(part, kind) for part, kind in zip(parts, kinds, strict=True)):
        raise ProtocolError("an exception is not [module, name, args, text, traceback, notes, members]")
    if not all(type(note) is str for note in parts[5]):
        raise ProtocolError("a note of an exception is not a str")
    if parts[6] is not None and not all(type(member) is list for member in parts[6]):
        raise ProtocolError("a member of an exception group is not a list")


def _construct(
    cls: type[BaseException], args: tuple[Any, ...] | None, text: str, members: list[BaseException] | None
) -> BaseException | None:
    """Return an instance, or None if the class does not take these arguments."""
    if issubclass(cls, BaseExceptionGroup) != (members is not None):
        return None
    given = (text,) if args is None else args
    if issubclass(cls, UnicodeError) and not _sane_unicode_error(cls, given):
        return None
    try:
        error = cls(*given) if members is None else cls(*given, members)
        str(error)
    except Exception:
        return None
    return error


def _sane_unicode_error(cls: type[UnicodeError], args: tuple[Any, ...]) -> bool:
    """Refuse positions outside the text: in some versions `str` of such an error reads stray memory."""
    if cls is UnicodeError:
        return True
    at = 0 if cls is UnicodeTranslateError else 1
    if len(args) != at + 4 or type(args[at]) not in (str, bytes):
        return False
    start, end = args[at + 1 : at + 3]
    return type(start) is int and type(end) is int and 0 <= start <= end <= len(args[at])
