"""What travels, and how dataclasses, enums and references do."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import InitVar, dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from pykka.messages import ProxyCall, _ActorStop

from supervision import exits
from supervision.errors import MessageError, ProtocolError
from supervision.process import wire
from supervision.process.wire import Codec, decode, encode
from tests.wire_cases import Bits, Colour, NarrowRef, Outer, Point, Positive, Ref, messages, plain, same


def _to_wire(ref: Ref) -> list[object]:
    if ref.name == "gone":
        raise LookupError("this reference is closed")
    return [ref.name]


def _from_wire(parts: list[object]) -> Ref:
    (name,) = parts
    return Ref(str(name))


@pytest.fixture
def ref_hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    from supervision.process import values

    monkeypatch.setattr(values, "_hooks", values._Hooks())
    wire.set_ref_hooks(Ref, _to_wire, _from_wire)


@settings(max_examples=500)
@given(messages)
def test_every_message_comes_back_with_its_types(message: object) -> None:
    assert same(plain(message), plain(decode(encode(message))))


@pytest.mark.parametrize("data", [bytearray, memoryview])
def test_decode_takes_any_bytes(data: Any) -> None:
    assert decode(data(encode({"a": [1]}))) == {"a": [1]}


def test_decode_refuses_what_is_no_bytes() -> None:
    with pytest.raises(TypeError, match="bytes are decoded, not int"):
        decode(5)  # type: ignore[arg-type]


def test_plain_messages_are_ordinary_msgpack() -> None:
    message = {
        "command": "add",
        "flag": True,
        "ratio": 0.1,
        "none": None,
        "list": [1, {"a": -1}],
        "text": "é\x80",
    }
    assert encode(message) == msgpack.packb(message)
    assert encode({1: 2}) == msgpack.packb({1: 2})


def test_a_long_message_comes_back() -> None:
    message = [{"n": n, "text": "t" * (n % 50), "raw": b"\x93" * (n % 9), 5: (n, -n, n / 7)} for n in range(3000)]
    assert decode(encode(message)) == message


def test_timestamps_of_the_msgpack_specification_are_datetimes() -> None:
    when = datetime(2024, 2, 29, 12, tzinfo=UTC)
    assert decode(msgpack.packb(when, datetime=True)) == when


@pytest.mark.parametrize("when", [datetime.min, datetime.max])
@pytest.mark.parametrize("hours", [-23, 0, 23])
def test_the_first_and_the_last_year_keep_their_offset(when: datetime, hours: int) -> None:
    aware = when.replace(tzinfo=timezone(timedelta(hours=hours)))
    back = decode(encode(aware))
    assert back.replace(tzinfo=None) == when  # type: ignore[attr-defined]
    assert back.utcoffset() == timedelta(hours=hours)  # type: ignore[attr-defined]


def test_exit_reasons_travel() -> None:
    for reason in (exits.NORMAL, exits.shutdown(("a", 1)), exits.crash({"k": b""}, "text")):
        back = decode(encode(reason))
        assert back == reason


# ---- dataclasses, enums, references


def test_a_dataclass_that_cannot_be_sent_is_refused_at_registration() -> None:
    @dataclass
    class Changing:
        a: int

    @dataclass(frozen=True)
    class Seeded:
        a: InitVar[int]

    with pytest.raises(TypeError, match="is not frozen"):
        wire.register(Changing)
    with pytest.raises(TypeError, match="cannot be rebuilt from its fields: a"):
        wire.register(Seeded)
    with pytest.raises(TypeError, match="is not a dataclass"):
        wire.register(int)


def test_a_name_is_given_once() -> None:
    @dataclass(frozen=True)
    class One:
        a: int

    @dataclass(frozen=True)
    class Two:
        a: int

    wire.register(One, "tests.one")
    wire.register(One, "tests.one")
    assert decode(encode(One(1))) == One(1)
    with pytest.raises(ValueError, match=r"'tests.one' is taken by"):
        wire.register(Two, "tests.one")
    with pytest.raises(ValueError, match=r"registered as 'tests.one' already"):
        wire.register(One, "tests.other")


def test_what_a_class_refuses_is_the_peers_fault() -> None:
    good = encode(Positive(1))
    assert decode(good) == Positive(1)
    with pytest.raises(ProtocolError, match="Positive refused its fields: ValueError: a positive int"):
        decode(good[:-1] + b"\x00")


def test_an_unknown_class_is_the_peers_fault() -> None:
    data = encode(Positive(1)).replace(b"Positive", b"Negative")
    with pytest.raises(ProtocolError, match=r"no wire value 'tests.wire_cases:Negative' is known here"):
        decode(data)
    data = encode(Colour.RED).replace(b"Colour", b"Colovr")
    with pytest.raises(ProtocolError, match=r"no enum 'tests.wire_cases'.'Colovr' is loaded here"):
        decode(data)


def test_an_enum_is_never_imported_and_nothing_else_is_reached() -> None:
    def enum_named(module: str, qualname: str, which: object) -> bytes:
        return bytes(msgpack.packb(msgpack.ExtType(3, msgpack.packb([module, qualname, which]))))

    assert decode(enum_named("tests.wire_cases", "Outer.Inner", "ONE")) is Outer.Inner.ONE
    assert "antigravity" not in sys.modules
    ours = "tests.wire_cases"
    hostile = [
        ("antigravity", "x", "y"), ("os", "system", "ls"), ("builtins", "int", "real"), ("", "", ""),
        ("sys", "modules", "os"), (ours, "Outer", "Inner"), (ours, "Colour.RED", "name"),
        (ours, "Colour", "__class__"), (ours, "Access", 64), (ours, "Access", "READ"), (ours, "Colour", 1),
        (ours, "enum.Enum", "x"), (ours, "Outer..Inner", "ONE"),
    ]  # fmt: skip
    for parts in hostile:
        with pytest.raises(ProtocolError):
            decode(enum_named(*parts))
    assert "antigravity" not in sys.modules


def test_flags_with_bits_that_no_member_names_are_refused() -> None:
    with pytest.raises(MessageError, match="bits that no member names"):
        encode(Bits(8))


ALIAS = """
import sys, types
from dataclasses import dataclass
import enum
from supervision.process import wire
child = types.ModuleType("__mp_main__")
sys.modules["__mp_main__"] = child
class Kind(enum.Enum):
    A = 1
Kind.__module__ = "__mp_main__"
child.Kind = Kind
@dataclass(frozen=True)
class Job:
    n: int
Job.__module__ = "__mp_main__"
wire.register(Job)
del Kind.__doc__
sys.modules["__main__"] = types.ModuleType("__main__")
before = wire.encode([Job(1), Kind.A])
assert b"__mp_main__:Job" in before
wire.alias_module("__main__", "__mp_main__")
data = wire.encode([Job(1), Kind.A])
assert b"__main__:Job" in data and b"__mp_main__" not in data
assert wire.decode(data) == [Job(1), Kind.A] == wire.decode(before)
"""


def test_a_module_under_two_names() -> None:
    code = ALIAS.replace("del Kind.__doc__\n", "")
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


@pytest.mark.usefixtures("ref_hooks")
def test_references_use_their_hooks() -> None:
    assert decode(encode([Ref("a"), {"r": (NarrowRef("b"),)}])) == [Ref("a"), {"r": (Ref("b"),)}]
    with pytest.raises(MessageError, match="LookupError: this reference is closed") as caught:
        encode([1, Ref("gone")])
    assert caught.value.path == "message[1]"
    with pytest.raises(ProtocolError, match=r"a reference could not be rebuilt"):
        decode(msgpack.packb(msgpack.ExtType(6, b"\x90")))


def test_pykka_messages_keep_their_types() -> None:
    call = ProxyCall(("a", "b"), (1, (2,)), {"k": [3]})
    assert same(tuple(decode(encode(call))), tuple(call))  # type: ignore[arg-type]
    assert type(decode(encode(call))) is ProxyCall
    assert type(decode(encode(_ActorStop()))) is _ActorStop


def test_eight_threads_share_a_codec() -> None:
    codec = Codec()
    wrong: list[object] = []

    def work(seed: int) -> None:
        message = {
            "seed": seed,
            "text": str(seed) * 50,
            "inner": [(seed, Point((seed,), [Colour.RED]))] * 5,
            "f": 0.1,
        }
        for _ in range(300):
            if codec.decode(codec.encode(message)) != message:
                wrong.append(seed)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []
