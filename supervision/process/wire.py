"""Messages to msgpack bytes and back, within limits, with the sender's and the peer's faults kept apart.

What may travel: None, bool, int of 64 bits, float, str, bytes, list, tuple, dict with str or int keys,
aware datetimes, enums, exceptions, references, frozen dataclasses registered with `@wire_value`, and
Pykka's own messages. Nothing is ever pickled, and no peer can name code to run.

Lengths of frames are the channel's business. Any function here may be called from any thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from msgpack import ExtType, Packer, unpackb

from supervision.errors import MessageError, ProtocolError
from supervision.process.depth import ARRAY_HEADS, BIN, EXT, HEAD, check_form, marks_of
from supervision.process.failures import RemoteTraceback, describe, rebuild
from supervision.process.inspection import explain, is_plain, is_sound
from supervision.process.registry import alias_module, register, wire_value
from supervision.process.values import (
    DATETIME,
    EXCEPTION,
    OPAQUE,
    READERS,
    TUPLE,
    Unfit,
    pack_datetime,
    set_ref_hooks,
    take_apart,
    unpack_datetime,
)

__all__ = [
    "DEFAULT",
    "Codec",
    "Limits",
    "RemoteTraceback",
    "alias_module",
    "decode",
    "encode",
    "encode_exception",
    "register",
    "set_ref_hooks",
    "wire_value",
]

# Up to here one pass of bytes.translate is cheaper than a walk over the values.
_SMALL: Final = 4096
# A Packer keeps the largest buffer it ever needed: one that grew beyond this is let go.
_KEEP_BYTES: Final = 262_144
_BUFFER_BYTES: Final = 1_024
_KEYS: Final = frozenset([str, int])
_EXCEPTION_CHARS: Final = (65_536, 4_096, 256)
# Without a Python-level constructor, which checks what is known to be right here.
_ext: Final = partial(tuple.__new__, ExtType)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bound a message, the same on both sides.

    Args:
        frame_bytes: the longest encoded message, in bytes.
        depth: how many lists, tuples, dicts and values with fields may be inside each other.
    """

    frame_bytes: int = 8 * 2**20
    depth: int = 32

    def __post_init__(self) -> None:
        if self.frame_bytes < 1 or self.depth < 2:
            raise ValueError(f"limits are at least 1 byte and 2 levels, not {self.frame_bytes} and {self.depth}")


class Codec:
    """Encode and decode messages within limits; one codec serves any number of threads.

    Args:
        limits: size and depth, checked on both sides; by default those of `Limits()`.
    """

    __slots__ = (
        "_decode_any",
        "_decode_extended",
        "_depth",
        "_frame_bytes",
        "_idle",
        "_idle_outermost",
        "limits",
    )

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits = limits or Limits()
        self._depth = limits.depth
        self._frame_bytes = limits.frame_bytes
        # A Packer is neither thread-safe nor re-entrant, so each nested extension takes one of its own,
        # of a pool per level; pop and append of a list are atomic.
        # Those at False are for what is inside an exception, those at True for all else.
        self._idle: list[list[list[Packer]]] = [[[] for _ in range(limits.depth + 1)] for _ in range(2)]
        self._idle_outermost = self._idle[True][0]
        self._decode_extended: Callable[[bytes], object] = partial(unpackb, ext_hook=self._read_extension, timestamp=3)
        self._decode_any: Callable[[bytes], object] = partial(
            self._decode_extended, object_hook=_check_keys, strict_map_key=False
        )

    # ---- sending

    def encode(self, value: object) -> bytes:
        """Return the message as bytes.

        Args:
            value: what to send.

        Returns:
            At most `limits.frame_bytes` bytes, which `decode` with the same limits accepts.

        Raises:
            MessageError: the value, or one inside it that `path` names, cannot travel.
        """
        idle = self._idle_outermost
        try:
            packer = idle.pop()
        except IndexError:
            packer = self._packer(0, exceptions=True)
        try:
            data: bytes = packer.pack(value)
            plain = is_plain(value, self._depth)
        except Exception as error:
            raise self._refusal(value, error) from error
        size = len(data)
        if size <= _KEEP_BYTES:
            idle.append(packer)
        return data if plain and size <= self._frame_bytes else self._checked(value, data)

    def encode_exception(self, error: BaseException) -> bytes:
        """Return bytes that `decode` turns into this exception, or RemoteError; never fails.

        Texts shrink, and arguments become texts, until the limits are kept.

        Args:
            error: any exception, also one whose `__str__` raises.
        """
        for chars in _EXCEPTION_CHARS:
            try:
                parts = describe(error, partial(self._pack_args, 2), chars)
                data = bytes(Packer().pack(ExtType(EXCEPTION, self._pack_at(1, parts))))
                if len(data) <= self._frame_bytes:
                    check_form(data, self._depth, OPAQUE)
                    return data
            except Exception as trouble:
                reason = f"the exception could not be described: {type(trouble).__name__}"
            else:
                reason = "the exception's description is too long"
        nothing: list[object] = ["", type(error).__name__[:40], None, reason, "", [], None]
        return bytes(Packer().pack(ExtType(EXCEPTION, Packer().pack(nothing))))

    def _checked(self, value: object, data: bytes) -> bytes:
        opaque: list[object] = []
        try:
            sound = is_sound(value, self._depth, opaque)
        except Exception as error:
            raise self._refusal(value, error) from error
        if not sound:
            raise self._refusal(value, None)
        if len(data) > self._frame_bytes:
            raise self._too_long(data)
        if opaque:
            try:
                check_form(data, self._depth, OPAQUE)
            except ProtocolError as error:
                raise MessageError("message", str(error)) from error
        return data

    def _too_long(self, data: bytes) -> MessageError:
        return MessageError("message", f"{len(data)} bytes when encoded; {self._frame_bytes} are allowed")

    def _refusal(self, value: object, error: Exception | None) -> MessageError:
        found = explain(value, self._depth)
        return found or MessageError("message", f"a {type(value).__qualname__} could not be encoded: {error}")

    def _packer(self, level: int, *, exceptions: bool) -> Packer:
        default = partial(self._write_extension, level, exceptions)
        return Packer(default=default, strict_types=True, buf_size=_BUFFER_BYTES)

    def _pack_at(self, level: int, value: object, *, exceptions: bool = True) -> bytes:
        """Encode what is inside an extension, with a Packer that no outer level is using."""
        if level > self._depth:
            raise Unfit("nested too deeply")
        idle = self._idle[exceptions][level]
        try:
            packer = idle.pop()
        except IndexError:
            packer = self._packer(level, exceptions=exceptions)
        data: bytes = packer.pack(value)
        if len(data) <= _KEEP_BYTES:
            idle.append(packer)
        return data

    def _write_extension(self, level: int, exceptions: bool, value: object) -> object:
        """Be the `default` of a Packer: turn what it does not know into an extension."""
        if type(value) is datetime:
            return _ext((DATETIME, pack_datetime(value)))
        taken = take_apart(value)
        if taken is not None:
            return _ext((taken[0], self._pack_at(level + 1, taken[1], exceptions=exceptions)))
        if exceptions and isinstance(value, BaseException):
            parts = describe(value, partial(self._pack_args, level + 2))
            return _ext((EXCEPTION, self._pack_at(level + 1, parts)))
        raise Unfit("not a wire value")

    def _pack_args(self, level: int, args: tuple[object, ...], room: int) -> object:
        """Encode an exception's arguments; another exception among them is refused, lest cycles multiply."""
        payload = self._pack_at(level, list(args), exceptions=False)
        if len(payload) > room or not is_sound(args, self._depth // 2, []):
            raise Unfit("too long, too deep, or with odd keys")
        check_form(payload, self._depth // 2, OPAQUE)
        return _ext((TUPLE, payload))

    # ---- receiving

    def decode(self, data: bytes | bytearray | memoryview) -> object:
        """Return the message in the bytes.

        Args:
            data: one whole message, as it came from another process.

        Raises:
            ProtocolError: the bytes are no message within the limits, or name a class not known here.
        """
        if type(data) is not bytes:
            data = _as_bytes(data)
        if len(data) > self._frame_bytes:
            raise ProtocolError(f"a message of {len(data)} bytes; {self._frame_bytes} are allowed")
        try:
            if len(data) <= _SMALL:
                marks = marks_of(data)
                if marks.count(HEAD) <= self._depth:
                    if BIN in marks:
                        return self._decode_any(data)
                    return self._decode_extended(data) if EXT in marks else unpackb(data)
            return unpackb(data) if check_form(data, self._depth, OPAQUE) else self._decode_any(data)
        except ProtocolError:
            raise
        except Exception as error:
            return self._decode_again(data, error)

    def _decode_again(self, data: bytes, error: Exception) -> object:
        """Decode with our own check of keys, since the quick way does not take a key that is an int."""
        try:
            if "strict_map_key" in str(error):
                return self._decode_any(data)
        except ProtocolError:
            raise
        except Exception as trouble:
            error = trouble
        raise ProtocolError(f"the bytes are no message: {type(error).__name__}: {error}") from error

    def _read_extension(self, code: int, payload: bytes) -> object:
        if code == DATETIME:
            return unpack_datetime(payload)
        reader = READERS.get(code)
        if reader is None and code != EXCEPTION:
            raise ProtocolError(f"extension {code} is not known")
        if not payload or payload[0] not in ARRAY_HEADS:
            raise ProtocolError("an extension does not contain an array")
        parts: Any = self._decode_any(payload)
        return rebuild(parts) if reader is None else reader(parts)


def _check_keys(mapping: dict[object, object]) -> dict[object, object]:
    if not _KEYS.issuperset(map(type, mapping)):
        raise ProtocolError("a map has a key that is neither str nor int")
    return mapping


def _as_bytes(data: object) -> bytes:
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"bytes are decoded, not {type(data).__name__}")
    return bytes(data)


DEFAULT: Final = Codec()
"""The codec with the default limits, behind the functions of this module."""

encode: Final = DEFAULT.encode
encode_exception: Final = DEFAULT.encode_exception
decode: Final = DEFAULT.decode
