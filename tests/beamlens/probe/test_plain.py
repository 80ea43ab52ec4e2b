"""Reducing what skills return to plain JSON data, within limits."""

from __future__ import annotations

import json
import math
import tracemalloc
import uuid
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamlens.errors import SkillError
from beamlens.probe.plain import reduced
from supervision.process.wire import decode, encode

Point = namedtuple("Point", ["x", "y"])


class Colour(Enum):
    """A colour."""

    RED = "red"


class Level(IntEnum):
    """A level."""

    HIGH = 3


@dataclass
class Row:
    """A row."""

    name: str
    parts: tuple[int, ...]


class Shouting(str):
    """A text with a text of its own."""

    def __str__(self) -> str:
        raise RuntimeError("never called")


class Index:
    """A number of another library."""

    def __index__(self) -> int:
        return 7


class Own(Mapping[str, int]):
    """A mapping of somebody's own."""

    def __getitem__(self, key: str) -> int:
        return {"a": 1}[key]

    def __iter__(self) -> Iterator[str]:
        return iter(["a"])

    def __len__(self) -> int:
        return 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, (2, [3])), [1, [2, [3]]]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset(["b", "a", 1]), [1, "a", "b"]),
        (deque([1, 2]), [1, 2]),
        ({1: 2}.keys(), [1]),
        ((n for n in range(3)), [0, 1, 2]),
        (Counter("aab"), {"a": 2, "b": 1}),
        (defaultdict(int, a=1), {"a": 1}),
        (OrderedDict(a=1), {"a": 1}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (Own(), {"a": 1}),
        (Row("n", (1, 2)), {"name": "n", "parts": [1, 2]}),
        (Point(1, 2), {"x": 1, "y": 2}),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (
            {Colour.RED: 1, 2: 3, None: 4, True: 5, 1.5: 6, b"b": 7},
            {"red": 1, "2": 3, "null": 4, "true": 5, "1.5": 6, "b": 7},
        ),
        ({date(2026, 1, 2): 1}, {"2026-01-02": 1}),
        (datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "2026-01-02T03:04:00+00:00"),
        (timedelta(minutes=1.5), 90.0),
        (Decimal("1.5"), 1.5),
        (Fraction(1, 2), 0.5),
        (Decimal("NaN"), None),
        (Decimal("1e999"), None),
        ([math.nan, math.inf, -math.inf, 1.5], [None, None, None, 1.5]),
        (b"caf\xc3\xa9 \xff", "café \\xff"),
        (bytearray(b"a"), "a"),
        (memoryview(b"a"), "a"),
        ("lone \ud800", "lone \\ud800"),
        (Shouting("loud"), "loud"),
        (Index(), 7),
        (2**63 - 1, 2**63 - 1),
        (2**63, float(2**63)),
        (10**5000, None),
        (Path("/tmp/x"), "/tmp/x"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ([None, True, False], [None, True, False]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_get_a_plain_form(value: Any, expected: Any) -> None:
    found = reduced(value)
    assert found == expected
    assert json.loads(json.dumps(found)) == expected
    assert decode(encode(found)) == expected


def test_true_stays_true_and_one_stays_one() -> None:
    assert [type(each) for each in reduced([True, 1, 1.0])] == [bool, int, float]


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (object(), "the result itself is of type object"),
        ({"a": [1, {"b": object()}]}, "result.a[1].b is of type object"),
        ({"a": len}, "result.a is of type builtin_function_or_method"),
        ({"a": Row}, "result.a is of type type"),
        ({"a": 1j}, "result.a is of type complex"),
        ({"a": ValueError("x")}, "result.a is of type ValueError"),
        ({("a", "b"): 1}, "the result itself has a key of type tuple"),
        ({1: "a", "1": "b"}, "has two keys that become '1'"),
    ],
)
def test_what_has_no_form_is_named_by_its_path(value: Any, path: str) -> None:
    with pytest.raises(SkillError) as raised:
        reduced(value)
    assert raised.value.kind == "unserializable"
    assert path in raised.value.text


def test_a_cycle_ends() -> None:
    loop: dict[str, Any] = {}
    loop["self"] = [loop, loop]
    with pytest.raises(SkillError, match="contains itself"):
        reduced(loop)


@pytest.mark.parametrize("size", [100, 262_144])
def test_the_limit_is_that_of_the_json(size: int) -> None:
    fits = ["x" * 7 for _ in range(size // 10 - 1)]
    assert len(json.dumps(reduced(fits, size=size), separators=(",", ":"))) <= size
    with pytest.raises(SkillError) as raised:
        reduced(["x" * 7 for _ in range(size // 10 + 2)], size=size)
    assert raised.value.kind == "too_large"


@pytest.mark.parametrize(
    "value",
    [
        range(10**12),
        ("y" * 1000 for _ in iter(int, 1)),
        [["z" * 1000] * 1000] * 1000,
        dict.fromkeys(range(100000), "w" * 100),
        "v" * 10**7,
        b"\xff" * 10**7,
        "\x00" * 100_000,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_too_large_is_never_built(value: Any) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(SkillError) as raised:
            reduced(value)
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()
    assert raised.value.kind == "too_large"


def test_without_the_limit_it_would_be_built() -> None:
    tracemalloc.start()
    try:
        reduced(dict.fromkeys(range(100_000), "w" * 100), size=2**40)
        assert tracemalloc.get_traced_memory()[1] > 8 * 2**20
    finally:
        tracemalloc.stop()


_PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=5)
    ),
    max_leaves=20,
)


@given(_PLAIN)
def test_plain_data_stays_as_it_is(value: Any) -> None:
    assert reduced(value) == value


@given(_PLAIN)
def test_no_result_is_longer_than_what_was_counted(value: Any) -> None:
    size = len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
    try:
        reduced(value, size=size + 40 + 8 * size)
    except SkillError:
        pytest.fail("counted as more than nine times its length")
