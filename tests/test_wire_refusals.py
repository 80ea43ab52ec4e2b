"""What does not travel, and what the sender is told; the limits of both sides."""

from __future__ import annotations

import enum
import threading
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgpack
import pytest
from pykka.messages import ProxyCall, ProxySetAttr, _ActorStop

from supervision.errors import MessageError, ProtocolError
from supervision.process.wire import Codec, Limits, encode
from tests.wire_cases import Colour, Level, Point, Word

Pair = namedtuple("Pair", "a b")


class Text(str):
    __slots__ = ()


class Number(int):
    pass


class Late(datetime):
    pass


@dataclass(frozen=True)
class Stranger:
    a: int


def _local_enum() -> object:
    class Hidden(enum.Enum):
        A = 1

    return Hidden.A


NAN = float("nan")
REFUSED: list[tuple[object, str, str]] = [
    (
        {"users": [1, 2, 3, Point({1}, 0)]},
        "message['users'][3].x",
        "a set cannot travel (send a list); allowed are None",
    ),
    (object(), "message", "a object cannot travel"),
    ([frozenset()], "message[0]", "frozenset"),
    ((1, [2, {"a": (3, {4})}]), "message[1][1]['a'][1]", "set"),
    ([2**64], "message[0]", "65 bits"),
    ([-(2**63) - 1], "message[0]", "from -2**63"),
    (["a\ud800"], "message[0]", "lone surrogate ('\\ud800' at 1)"),
    ({"\udfff": 1}, "message['\\udfff']", "lone surrogate"),
    ({2**70: 1}, f"message[{2**70}]", "71 bits"),
    ({"a": {NAN: 1}}, "message['a'][nan]", "a dict key of type float"),
    ({True: 1}, "message[True]", "a dict key of type bool"),
    ({None: 1}, "message[None]", "a dict key of type NoneType"),
    ({b"a": 1}, "message[b'a']", "a dict key of type bytes"),
    ({(1,): 1}, "message[(1,)]", "a dict key of type tuple"),
    ({"a": 1, Word.HELLO: 2}, "message[<Word.HELLO: 'hello'>]", "a dict key of type"),
    ({"a": 1, Level.LOW: 2}, "message[<Level.LOW: 1>]", "a dict key of type"),
    ({Text("k"): 1}, "message['k']", "a dict key of type"),
    ([[{"x": {"y": {1.5: 0}}}]], "message[0][0]['x']['y'][1.5]", "float"),
    ({"a" * 5000: {None: 0}}, "message['" + "a" * 56 + "...][None]", "NoneType"),
    ([datetime(2024, 1, 1)], "message[0]", "without a time zone names no instant"),
    ([Late(2024, 1, 1, tzinfo=UTC)], "message[0]", "subclass of datetime: send a plain datetime"),
    ([Text("x")], "message[0]", "subclass of str: send a plain str"),
    ([Number(1)], "message[0]", "subclass of int: send a plain int"),
    ([OrderedDict(a=1)], "message[0]", "subclass of dict: send a plain dict"),
    ([Pair(1, 2)], "message[0]", "subclass of tuple: send a plain tuple"),
    ([Stranger(1)], "message[0]", "registered with @wire_value"),
    ([_local_enum()], "message[0]", "define it at the top of a module"),
    ([msgpack.ExtType(1, b"\x90")], "message[0]", "cannot travel"),
    ([msgpack.Timestamp(1)], "message[0]", "cannot travel"),
    (ProxyCall(("f",), (1, {2}), {}), "message.args[1]", "set"),
    (ProxyCall(("f",), (), {"k": {2}}), "message.kwargs['k']", "set"),
    (ProxySetAttr(("f",), {2}), "message.value", "set"),
    ([memoryview(b"abcd")[::2]], "message[0]", "not contiguous"),
    ([1j], "message[0]", "a complex cannot travel"),
    ([print], "message[0]", "cannot travel"),
    (Point, "message", "a type cannot travel"),
]


@pytest.mark.parametrize(("message", "path", "problem"), REFUSED)
def test_a_refusal_names_the_path_and_the_problem(message: object, path: str, problem: str) -> None:
    with pytest.raises(MessageError) as caught:
        encode(message)
    assert caught.value.path == path
    assert problem in caught.value.problem


@pytest.mark.parametrize("size", [0, 5000])
def test_a_refusal_is_the_same_in_a_long_message(size: int) -> None:
    with pytest.raises(MessageError) as caught:
        encode({"pad": "x" * size, "list": [{}, {"a": 1, None: 2}]})
    assert caught.value.path == "message['list'][1][None]"


def test_a_codec_works_on_after_a_refusal() -> None:
    codec = Codec()
    for message, *_ in REFUSED:
        with pytest.raises(MessageError):
            codec.encode(message)
        assert codec.decode(codec.encode([1, (2, "x")])) == [1, (2, "x")]


def test_a_cycle_is_a_refusal() -> None:
    loop: list[object] = []
    loop.append(loop)
    table: dict[str, object] = {}
    table["self"] = (table,)
    for message in (loop, table, [1, loop], (loop,)):
        with pytest.raises(MessageError, match="nested too deeply"):
            encode(message)


def test_cycles_of_lists_and_tuples_do_not_overflow_the_stack_of_a_thread() -> None:
    def nested() -> object:
        value: object = None
        for _ in range(40):
            for _ in range(500):
                value = [value]
            value = (value,)
        return value

    raised: list[object] = []

    def send() -> None:
        with pytest.raises(MessageError) as caught:
            encode(nested())
        raised.append(caught.value.problem)

    thread = threading.Thread(target=send)
    thread.start()
    thread.join()
    assert "nested too deeply" in str(raised[0])


# ---- limits


def deep(levels: int, wrap: Any) -> object:
    value: object = wrap(None)
    for _ in range(levels - 1):
        value = wrap(value)
    return value


WRAPS = [
    lambda v: [v],
    lambda v: (v,),
    lambda v: {"k": v},
    lambda v: {5: v},
    lambda v: [1.5, True, v],
    lambda v: Point(v),
    lambda v: ["x" * 5000, v],
]


@pytest.mark.parametrize("wrap", WRAPS)
def test_both_sides_agree_on_the_depth(wrap: Any) -> None:
    free = Codec(Limits(depth=64))
    for limit in (2, 5, 32):
        codec = Codec(Limits(depth=limit))
        assert codec.decode(codec.encode(deep(limit, wrap))) is not None
        with pytest.raises(MessageError, match="nested too deeply"):
            codec.encode(deep(limit + 1, wrap))
        data = free.encode(deep(limit + 1, wrap))
        assert free.decode(data) is not None
        with pytest.raises(ProtocolError, match=f"nests deeper than {limit}"):
            codec.decode(data)


@pytest.mark.parametrize(
    "message", [ProxyCall(("a",), ([],), {}), ProxyCall(("a",), (), {"k": []}), ProxySetAttr(("a",), [[]])]
)
def test_both_sides_agree_on_the_depth_of_proxy_messages(message: object) -> None:
    assert Codec(Limits(depth=3)).decode(encode(message)) == message
    with pytest.raises(MessageError, match="nested too deeply"):
        Codec(Limits(depth=2)).encode(message)
    with pytest.raises(ProtocolError, match="nests deeper than 2"):
        Codec(Limits(depth=2)).decode(encode(message))


def test_leaves_with_a_list_inside_count_as_a_level() -> None:
    codec = Codec(Limits(depth=4))
    for leaf in (Colour.RED, ValueError(), _ActorStop()):
        free = Codec().encode([[[[leaf]]]])
        with pytest.raises(MessageError):
            codec.encode([[[[leaf]]]])
        with pytest.raises(ProtocolError):
            codec.decode(free)


def test_frames_have_a_longest_length_on_both_sides() -> None:
    codec = Codec(Limits(frame_bytes=100))
    fits = "x" * 98
    assert codec.decode(codec.encode(fits)) == fits
    with pytest.raises(MessageError, match="101 bytes when encoded; 100 are allowed"):
        codec.encode(fits + "x")
    with pytest.raises(ProtocolError, match="101 bytes; 100 are allowed"):
        codec.decode(encode(fits + "x"))
    with pytest.raises(ValueError, match="at least"):
        Limits(frame_bytes=0)
