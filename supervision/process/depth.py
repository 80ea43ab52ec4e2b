"""The form of a message's bytes: how deep they nest, and whether they are whole, before objects are built.

Depth counts arrays and maps, also those inside extension payloads (a tuple is an extension around an
array and so counts one). The count is exact and the same on both sides, so that what one side may
send the other will take.
"""

from __future__ import annotations

import re
from typing import Final

from supervision.errors import ProtocolError

__all__ = ["ARRAY_HEADS", "BIN", "EXT", "HEAD", "check_form", "marks_of"]

ARRAY_HEADS: Final = frozenset([*range(0x90, 0xA0), 0xDC, 0xDD])
_MAP_HEADS: Final = frozenset([*range(0x80, 0x90), 0xDE, 0xDF])
_BIN_LENGTH: Final = {0xC4: 1, 0xC5: 2, 0xC6: 4}
_STR_LENGTH: Final = {0xD9: 1, 0xDA: 2, 0xDB: 4}
_EXT_LENGTH: Final = {0xC7: 1, 0xC8: 2, 0xC9: 4}
_FIXEXT: Final = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
_COUNT_LENGTH: Final = {0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}
_BLOB_LENGTH: Final = _BIN_LENGTH | _STR_LENGTH

_CONTAINERS: Final = ARRAY_HEADS | _MAP_HEADS
_EXTENSIONS: Final = frozenset([*_EXT_LENGTH, *_FIXEXT])

HEAD: Final = b"\1"
BIN: Final = 2
EXT: Final = 3


def _mark_of(byte: int) -> int:
    if byte in _CONTAINERS:
        return HEAD[0]
    if byte in _BIN_LENGTH:
        return BIN
    return EXT if byte in _EXTENSIONS else 0


_MARKS: Final = bytes(map(_mark_of, range(256)))
_UNMARKED: Final = bytes(byte for byte in range(256) if not _MARKS[byte])


def marks_of(data: bytes) -> bytes:
    """Return a mark for each byte that may be the head of an array or map (HEAD), of a bin or of an extension.

    Bytes inside strings and numbers may look like heads too. So what is absent here is surely absent from
    the message, and a count is an upper bound.

    Args:
        data: one message, or several.
    """
    return data.translate(_MARKS, _UNMARKED)


def _sizes() -> list[int]:
    sizes = [0] * 256
    for head in [*range(0x80), 0xC0, 0xC2, 0xC3, *range(0xE0, 0x100)]:
        sizes[head] = 1
    for length in range(32):
        sizes[0xA0 + length] = 1 + length
    for size, heads in {2: "cc d0", 3: "cd d1", 5: "ca ce d2", 9: "cb cf d3"}.items():
        for head in bytes.fromhex(heads):
            sizes[head] = size
    return sizes


_SIZES: Final = _sizes()
# Where another level is allowed, an empty array or map is as good as a number of one byte.
_SIZES_WITH_EMPTY: Final = [1 if head in (0x80, 0x90) else size for head, size in enumerate(_SIZES)]
_RUN_BY_SIZE: Final = {
    1: re.compile(rb"[\x00-\x7f\xc0\xc2\xc3\xe0-\xff]*+"),
    2: re.compile(rb"(?:[\xcc\xd0].)*+", re.DOTALL),
    3: re.compile(rb"(?:[\xcd\xd1]..)*+", re.DOTALL),
    5: re.compile(rb"(?:[\xca\xce\xd2]....)*+", re.DOTALL),
    9: re.compile(rb"(?:[\xcb\xcf\xd3]........)*+", re.DOTALL),
}
_RUNS: Final = [
    None if 0xA0 <= head <= 0xBF or not size else _RUN_BY_SIZE[size].match for head, size in enumerate(_SIZES)
]
_RUNS[0x80] = _RUNS[0x90] = re.compile(rb"[\x80\x90]*+").match
_RUN_WORTH: Final = 8
_RUN_PAUSE: Final = 24


def check_form(data: bytes, depth: int, opaque: frozenset[int]) -> bool:
    """Walk over the bytes of one message without building anything; return whether it is plain.

    A plain message has no bin and no extension in it. Time is linear in the number of values, with
    runs of numbers of one width taken at C speed.

    Args:
        data: one whole message.
        depth: how many arrays and maps may be open at once.
        opaque: extension codes (0-255) whose payload is no msgpack; other payloads must be one array.

    Raises:
        ProtocolError: too deep, cut short, bytes left over, or a head that msgpack does not know.
    """
    try:
        position, plain = _walk(data, depth, opaque)
    except IndexError:
        position, plain = len(data) + 1, False
    if position > len(data):
        raise ProtocolError(f"the message is cut short after {len(data)} bytes")
    if position < len(data):
        raise ProtocolError(f"{len(data) - position} bytes are left over behind the message")
    return plain


def _walk(data: bytes, depth: int, opaque: frozenset[int]) -> tuple[int, bool]:
    position, plain = 0, True
    # Of the innermost open frame: values to come, where an extension must end (else 0), arrays and maps open.
    left, end, level = 1, 0, 0
    retry = _RUN_WORTH
    outer: list[tuple[int, int, int]] = []
    while True:
        sizes = _SIZES_WITH_EMPTY if level < depth else _SIZES
        while left:
            head = data[position]
            size = sizes[head]
            if size:
                if left < retry:
                    position += size
                    left -= 1
                else:
                    count = _run(data, position, head, left)
                    position += size * count
                    left -= count
                    retry = _RUN_WORTH if count >= _RUN_WORTH else max(_RUN_WORTH, left - _RUN_PAUSE)
                continue
            left -= 1
            if head in _BLOB_LENGTH:
                plain = plain and head in _STR_LENGTH
                position = _after_blob(data, position, _BLOB_LENGTH[head])
                continue
            outer.append((left, end, level))
            retry = _RUN_WORTH
            if head in _CONTAINERS:
                position, left = _open(data, position, head)
                end, level = 0, level + 1
                sizes = _SIZES_WITH_EMPTY if level < depth else _SIZES
                if level > depth:
                    raise ProtocolError(f"the message nests deeper than {depth}")
            else:
                plain = False
                position, left, end = _enter(data, position, head, opaque)
        if end and position != end:
            raise ProtocolError("an extension does not end where its array ends")
        if not outer:
            return position, plain
        left, end, level = outer.pop()
        retry = _RUN_WORTH


def _run(data: bytes, position: int, head: int, left: int) -> int:
    """Return how many values of the same width follow each other here, at least 1 and at most `left`."""
    match = _RUNS[head]
    if match is None:
        return 1
    found = match(data, position)
    count = (found.end() - position) // _SIZES_WITH_EMPTY[head] if found else 1
    # A number that is cut short matches nothing; counted, it takes the walk beyond the end, which is noticed.
    return min(max(count, 1), left)


def _open(data: bytes, position: int, head: int) -> tuple[int, int]:
    """Return where an array's or map's values begin and how many there are."""
    width = _COUNT_LENGTH.get(head, 0)
    start = position + 1 + width
    count = int.from_bytes(data[position + 1 : start], "big") if width else head & 0x0F
    values = count * 2 if head in _MAP_HEADS else count
    if values > len(data) - start:
        rest = max(0, len(data) - start)
        raise ProtocolError(f"an array or map claims {values} values; {rest} bytes are left")
    return start, values


def _after_blob(data: bytes, position: int, width: int) -> int:
    start = position + 1 + width
    return start + int.from_bytes(data[position + 1 : start], "big")


def _enter(data: bytes, position: int, head: int, opaque: frozenset[int]) -> tuple[int, int, int]:
    """Return where to go on at an extension, how many values to read there, and where it must end."""
    width = _EXT_LENGTH.get(head, 0)
    if not width and head not in _FIXEXT:
        raise ProtocolError(f"byte {head:#x} begins no message")
    start = position + 2 + width
    length = int.from_bytes(data[position + 1 : start - 1], "big") if width else _FIXEXT[head]
    if data[start - 1] in opaque:
        return start + length, 0, 0
    if not length or data[start] not in ARRAY_HEADS:
        raise ProtocolError("an extension does not contain an array")
    return start, 1, start + length
