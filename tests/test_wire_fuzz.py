"""Whatever bytes come: a message or ProtocolError, in bounded time and memory."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr, _ActorStop

from supervision import exits
from supervision.errors import ProtocolError
from supervision.process import values
from supervision.process.depth import check_form
from supervision.process.values import OPAQUE
from supervision.process.wire import Codec, Limits, decode, encode, encode_exception, set_ref_hooks
from tests.wire_cases import Access, Colour, Point, Positive, Ref, messages

MUTATIONS = 100_000
SEED = int(os.environ.get("WIRE_FUZZ_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)

CORPUS: list[bytes] = [
    encode(message)
    for message in (
        None, -1, 1.5, "text", b"bytes", [], {}, (),
        {"command": "add", "user": "alice", "a": 1, "flag": True, "ratio": 0.1, "none": None},
        {1: {2: [3, (4, b"5")]}, -1: "x" * 40},
        list(range(0, 70_000, 997)),
        [Colour.RED, Access.READ, datetime(2024, 1, 1, tzinfo=UTC)],
        Point((1, 2), [Positive(3)], label="l"),
        [ProxyCall(("f",), (1, (2,)), {"k": 3}), ProxyGetAttr(("g",)), ProxySetAttr(("h",), 5), _ActorStop()],
        exits.shutdown(("a", {"b": 1})),
        ["reply", 5, ValueError("no", 1)],
    )
] + [encode_exception(ExceptionGroup("g", [KeyError("k"), OSError(2, "no", "file")]))]  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def inert_references() -> Iterator[None]:
    """Let a reference among the mutations reach no runtime: only the codec is under test here."""
    before = values._hooks
    values._hooks = values._Hooks()  # type: ignore[misc]
    set_ref_hooks(Ref, lambda ref: [ref.name], lambda parts: Ref(str(parts[0])))
    yield
    values._hooks = before  # type: ignore[misc]


def accepts(data: bytes) -> bool:
    """Tell whether it is a message; anything but ProtocolError escapes and fails the test."""
    try:
        value = decode(data)
    except ProtocolError:
        return False
    assert type(value) is not msgpack.ExtType
    return True


def mutated(random_: random.Random) -> bytes:
    data = bytearray(random_.choice(CORPUS))
    for _ in range(random_.randint(1, 4)):
        at = random_.randrange(len(data) + 1)
        kind = random_.randrange(6)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << random_.randrange(8)
        elif kind == 1 and at < len(data):
            data[at] = random_.randrange(0x80, 0x100)
        elif kind == 2:
            del data[at:]
        elif kind == 3:
            data[at:at] = random_.randbytes(random_.randint(1, 5))
        elif kind == 4:
            del data[at : at + random_.randint(1, 3)]
        else:
            data[at:at] = random_.choice(CORPUS)
    return bytes(data)


def rss() -> int:
    """Return this process' resident memory in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_mutated_messages_give_a_message_or_protocol_error() -> None:
    print(f"WIRE_FUZZ_SEED={SEED}")
    random_ = random.Random(SEED)
    for _ in range(MUTATIONS // 20):
        accepts(mutated(random_))
    before = rss()
    accepted = sum(accepts(mutated(random_)) for _ in range(MUTATIONS))
    assert 0 < accepted < MUTATIONS, f"seed {SEED}: the mutations prove nothing"
    assert rss() - before < 2 * 2**20, f"seed {SEED}"


def test_every_one_byte_change_gives_a_message_or_protocol_error() -> None:
    for data in CORPUS:
        if len(data) <= 120:
            for at in range(len(data)):
                for byte in range(256):
                    accepts(data[:at] + bytes([byte]) + data[at + 1 :])


def test_every_message_of_up_to_two_bytes() -> None:
    assert not accepts(b"")
    for first in range(256):
        accepts(bytes([first]))
        for second in range(256):
            accepts(bytes([first, second]))


@settings(max_examples=500)
@given(st.binary(max_size=60))
def test_any_bytes(data: bytes) -> None:
    accepts(data)


@settings(max_examples=300)
@given(messages, st.binary(min_size=1, max_size=3))
def test_the_walk_over_bytes_agrees_with_msgpack(message: object, extra: bytes) -> None:
    data = encode(message)
    check_form(data, 32, OPAQUE)
    for cut in range(0, len(data), 1 + len(data) // 20):
        with pytest.raises(ProtocolError):
            check_form(data[:cut], 32, OPAQUE)
    with pytest.raises(ProtocolError, match="left over"):
        check_form(data + extra, 32, OPAQUE)
    assert not accepts(data + extra)


def nested_extensions(levels: int) -> bytes:
    data = b"\xc0"
    for _ in range(levels):
        data = b"\xc9" + len(data).to_bytes(4, "big") + b"\x01" + data
    return data


HOSTILE = {
    "100,000 nested arrays": b"\x91" * 100_000 + b"\xc0",
    "4 Gi array": b"\xdd\xff\xff\xff\xff",
    "4 Gi map": b"\xdf\xff\xff\xff\xff",
    "4 Gi bytes": b"\xc6\xff\xff\xff\xff",
    "4 Gi str": b"\xdb\xff\xff\xff\xff",
    "4 Gi extension": b"\xc9\xff\xff\xff\xff\x01",
    "500 nested arrays of 65,535": b"\xdc\xff\xff" * 500,
    "arrays that each claim all": b"\xdd\x00\x10\x00\x00" * 30 + b"\xc0" * 2**20,
    "extensions without arrays": nested_extensions(1000),
    "array beyond its extension": b"\xc7\x01\x01\x92\x01\x02",
    "array before the end of its extension": b"\xc7\x03\x01\x91\x01\x02",
    "a reference to nothing": b"\xd4\x06\x90",
    "unknown extension": b"\xd4\x40\x90",
    "reserved byte": b"\xc1",
    "no UTF-8": b"\xa1\xff",
    "bytes as a key": b"\x81\xc4\x01a\x01",
    "NaN as a key": b"\x81\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00\x01",
    "True as a key": b"\x81\xc3\x01",
    "a list as a key": b"\x81\x90\x01",
    "a tuple as a key": b"\x81" + encode(()) + b"\x01",
    "offset of a year": b"\xd8\x02" + (0).to_bytes(8, "big") + (2**60).to_bytes(8, "big"),
    "no date": b"\xd8\x02" + (2**62).to_bytes(8, "big") + bytes(8),
    "timestamp of a wrong length": b"\xc7\x03\xff\x00\x00\x00",
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("pad", [0, 5_000])
def test_hostile_bytes(name: str, pad: int) -> None:
    data = HOSTILE[name]
    if pad:
        data = b"\x92\xda" + pad.to_bytes(2, "big") + b"p" * pad + data
    assert not accepts(data)


def test_claims_allocate_nothing() -> None:
    before = rss()
    for _ in range(50):
        assert not accepts(HOSTILE["arrays that each claim all"])
        assert not accepts(HOSTILE["500 nested arrays of 65,535"])
    assert rss() - before < 4 * 2**20


def slow_frames() -> Iterator[tuple[str, bytes]]:
    size = 2**20
    yield "one-byte values", b"\xdd" + size.to_bytes(4, "big") + b"\x01" * size
    yield "empty arrays", b"\xdd" + size.to_bytes(4, "big") + b"\x90" * size
    yield "small arrays", b"\xdd" + (size // 2).to_bytes(4, "big") + b"\x91\xc0" * (size // 2)
    yield "two kinds in turn", b"\xdd" + (size // 2).to_bytes(4, "big") + b"\x01\xa0" * (size // 4)
    yield "small tuples", b"\xdd" + (size // 4).to_bytes(4, "big") + b"\xd4\x01\x90\x01" * (size // 8)


@pytest.mark.parametrize(("name", "data"), list(slow_frames()), ids=lambda value: value if type(value) is str else "")
def test_a_dense_megabyte_takes_bounded_time(name: str, data: bytes) -> None:
    began = time.perf_counter()
    accepts(data)
    assert time.perf_counter() - began < 5.0, name


# ---- negative controls: without the limit the same bytes go further


def test_without_the_depth_limit_the_deep_message_passes() -> None:
    deep = b"\x91" * 900 + b"\xc0"
    assert not accepts(deep)
    assert Codec(Limits(depth=1000)).decode(deep) is not None


def test_without_the_depth_limit_msgpack_itself_refuses_only_beyond_1024() -> None:
    with pytest.raises(msgpack.StackError):
        msgpack.unpackb(HOSTILE["100,000 nested arrays"])
    with pytest.raises(ProtocolError, match="StackError"):
        Codec(Limits(depth=101_000)).decode(HOSTILE["100,000 nested arrays"])


def test_without_the_check_of_extensions_msgpack_takes_any() -> None:
    assert type(msgpack.unpackb(HOSTILE["unknown extension"])) is msgpack.ExtType
