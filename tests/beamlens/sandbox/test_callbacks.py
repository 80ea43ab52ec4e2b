"""Callbacks: data in, data out, and whatever they do is an answer and never the host's trouble."""

from __future__ import annotations

import contextvars
import math
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beamlens.errors import ConfigurationError
from beamlens.sandbox import Limits, Sandbox
from beamlens.sandbox.plain import NotPlain, is_plain, to_plain
from supervision.testing import wait_until


class _Colour(Enum):
    RED = "red"


class _Number(IntEnum):
    ONE = 1


class _Pair(NamedTuple):
    left: int
    right: str


@dataclass
class _Record:
    name: str
    _hidden: str = "secret"
    token: str = field(default="secret", repr=False)


PLAIN: list[tuple[object, object]] = [
    (None, None),
    (True, True),
    (7, 7),
    (1.5, 1.5),
    ("text", "text"),
    ("\ud800", "?"),
    (b"by\xfftes", "by\ufffdtes"),
    (2**63, str(2**63)),
    ((1, 2), [1, 2]),
    (_Pair(1, "r"), [1, "r"]),
    ({3, 1, 2}, [1, 2, 3]),
    (frozenset({"a", 1}), [1, "a"]),
    (deque([1]), [1]),
    ({1: "a", None: 2, (1, 2): 3, False: 4}, {"1": "a", "None": 2, "(1, 2)": 3, "false": 4}),
    ({_Colour.RED: 1}, {"red": 1}),
    (_Colour.RED, "red"),
    (_Number.ONE, 1),
    (_Record("n"), {"name": "n"}),
    (datetime(2026, 1, 2, 3, tzinfo=UTC), "2026-01-02T03:00:00+00:00"),
    (date(2026, 1, 2), "2026-01-02"),
    (timedelta(minutes=1), 60.0),
    (Decimal("1.5"), 1.5),
    (UUID(int=0), "00000000-0000-0000-0000-000000000000"),
    (PurePosixPath("/a"), "/a"),
    (ValueError("why"), "ValueError: why"),
    (10**5000, hex(10**5000)),
]


@pytest.mark.parametrize(
    ("value", "plain"), PLAIN, ids=[type(value).__name__ + str(n) for n, (value, _) in enumerate(PLAIN)]
)
def test_results_are_reduced_to_plain_data(value: object, plain: object) -> None:
    found = to_plain(value, 10_000, 8)
    assert found == plain
    assert type(found) is type(plain)
    assert is_plain(found, 8)


def _cycle() -> list[object]:
    items: list[object] = []
    items.append(items)
    return items


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (object(), "an object of type object"),
        ([{"a": sys}], "module"),
        (len, "builtin_function_or_method"),
        (_Record, "type"),
        ((number for number in range(3)), "generator"),
        (_cycle(), "contains itself"),
        ("x" * 20_000, "larger than 10000 bytes"),
        (list(range(20_000)), "larger than 10000 bytes"),
        ({object(): 1}, "key of type object"),
    ],
)
def test_what_cannot_be_reduced_is_told_with_its_place(value: object, text: str) -> None:
    with pytest.raises(NotPlain, match=text):
        to_plain(value, 10_000, 8)


def test_what_a_child_sent_is_checked() -> None:
    assert is_plain([{"a": [None, 1.5]}], 3)
    assert not is_plain([{"a": [None]}], 2)
    assert not is_plain([b"bytes"], 3)
    assert not is_plain({1: 2}, 3)


# -- through the sandbox ---------------------------------------------------------------------------


def test_data_goes_there_and_back(sandbox: Sandbox) -> None:
    data = {"list": [1, "two", 3.5, True, {"deep": []}], "text": "ä\0b", "large": 2**62, "negative": -(2**40)}
    found = sandbox.evaluate(
        "return echo(data(), 1, 'x')", {"echo": lambda *arguments: list(arguments), "data": lambda: data}
    )
    assert found.value == [data, 1, "x"]
    assert found.callback_calls == 2


def test_arguments_are_plain_data(sandbox: Sandbox) -> None:
    seen: list[Any] = []
    code = "f({}, {1, 2}, {a = 1}, 'x', 1.5, 7, true, nil, 0/0, {print or function() end})"
    sandbox.evaluate(code, {"f": lambda *arguments: seen.extend(arguments)})
    assert seen == [[], [1, 2], {"a": 1}, "x", 1.5, 7, True, None, "nan", ["<function>"]]


def test_infinities_enter_lua_as_numbers(sandbox: Sandbox) -> None:
    found = sandbox.evaluate("local a = f() return a > 1e300, a", {"f": lambda: math.inf})
    assert found.value == [True, "inf"]


def _raising(error: BaseException) -> Callable[..., object]:
    def function(*_: object) -> object:
        raise error

    return function


class _Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize("seconds", [None, 10.0])
@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("bad limit"), "ValueError: bad limit"),
        (SystemExit(3), "SystemExit: 3"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (GeneratorExit(), "GeneratorExit"),
        (_Unprintable(), "_Unprintable: (no message: RuntimeError)"),
        (KeyError("k"), "KeyError: 'k'"),
        (RuntimeError("x" * 5000), "RuntimeError: " + "x" * (500 - 14)),
    ],
)
def test_what_a_callback_raises_is_a_pair_in_lua(
    sandbox: Sandbox, error: BaseException, text: str, seconds: float | None
) -> None:
    limits = Limits(callback_seconds=seconds)
    found = sandbox.evaluate("local r, e = f() return {r == nil, e}", {"f": _raising(error)}, limits=limits)
    assert found.value == [True, text]


def _two(first: int, second: int = 0) -> int:
    return first + second


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ("two()", "two takes 1 to 2 arguments, 0 given"),
        ("two(1, 2, 3)", "two takes 1 to 2 arguments, 3 given"),
        ("none(1)", "none takes 0 arguments, 1 given"),
        ("many()", "many takes at least 1 argument, 0 given"),
        ("two('a', 1)", "can only concatenate str"),
    ],
)
def test_a_wrong_number_of_arguments_is_told(sandbox: Sandbox, call: str, text: str) -> None:
    callbacks: dict[str, Callable[..., object]] = {"two": _two, "none": lambda: 0, "many": lambda first, *rest: 0}
    found = sandbox.evaluate(f"local _, e = {call} return e", callbacks)
    assert text in found.value


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (object(), "ResultError: f: the result is an object of type object"),
        (_cycle(), "contains itself"),
        ("x" * 300_000, "larger than 262144 bytes"),
        (sys, "module"),
    ],
)
def test_a_result_that_is_no_data_is_told(sandbox: Sandbox, result: object, text: str) -> None:
    found = sandbox.evaluate("local r, e = f() return e", {"f": lambda: result})
    assert text in found.value


def test_tools_are_tables_of_functions(sandbox: Sandbox) -> None:
    callbacks: dict[str, Callable[..., object]] = {
        "tool.double": lambda x: 2 * x,
        "tool.name": lambda: "tool",
        "string.own": lambda: "own",
        "plain": lambda: 1,
    }
    code = "return tool.double(4), tool.name(), string.own(), ('x'):upper(), string.upper, plain(), type(tool)"
    found = sandbox.evaluate(code, callbacks)
    assert found.value == [8, "tool", "own", "X", None, 1, "table"]
    kept = sandbox.evaluate("tool = {stolen = true} x = 1", callbacks, globals_kept=True)
    assert kept.bindings == {"x": 1}
    again = sandbox.evaluate("return tool.double(1)", callbacks, bindings={"tool": 5, "tool2": 1})
    assert again.value == 2


@pytest.mark.parametrize("name", ["", "1a", "a b", "a.b.c", "end", "a.end", "_G", "a-b", "a\n", "ä", 5])
def test_a_name_that_lua_could_not_call_is_the_callers_fault(sandbox: Sandbox, name: Any) -> None:
    with pytest.raises(ConfigurationError, match="name"):
        sandbox.evaluate("return 1", {name: len})


def test_callbacks_that_cannot_be_are_the_callers_fault(sandbox: Sandbox) -> None:
    with pytest.raises(ConfigurationError, match="not a function"):
        sandbox.evaluate("return 1", {"a": 5})  # type: ignore[dict-item]
    with pytest.raises(ConfigurationError, match="rename"):
        sandbox.evaluate("return 1", {"a": len, "a.b": len})


# -- time ------------------------------------------------------------------------------------------


def test_a_callback_that_hangs_is_left_behind(sandbox: Sandbox) -> None:
    let_go = threading.Event()
    limits = Limits(callback_seconds=0.2)
    try:
        code = "local r, e = hang() return e, quick()"
        found = sandbox.evaluate(code, {"hang": let_go.wait, "quick": lambda: "yes"}, limits=limits)
        assert found.value == ["TimeoutError: hang took longer than 0.2 seconds", "yes"]
    finally:
        let_go.set()


def test_without_that_limit_it_is_waited_for(sandbox: Sandbox) -> None:
    """The negative control."""
    let_go = threading.Event()
    threading.Timer(1.0, let_go.set).start()
    found = sandbox.evaluate("return hang()", {"hang": let_go.wait}, limits=Limits(callback_seconds=None))
    assert found.value is True
    assert found.seconds > 0.9


def test_the_time_of_callbacks_is_not_luas(sandbox: Sandbox) -> None:
    slow = {"slow": lambda: time.sleep(0.3)}
    code = "for i = 1, 3 do slow() end return 'done'"
    assert sandbox.evaluate(code, slow, limits=Limits(wall_seconds=0.5)).value == "done"
    counted = sandbox.evaluate(code, slow, limits=Limits(wall_seconds=0.5, pause_in_callbacks=False))
    assert counted.error is not None
    assert counted.error.kind == "deadline"
    total = sandbox.evaluate(code, slow, limits=Limits(wall_seconds=0.5, total_seconds=0.5))
    assert total.error is not None
    assert total.error.kind == "deadline"
    assert "callbacks did not end" in total.error.text


def test_an_evaluation_is_cancelled_in_the_middle_of_a_callback(sandbox: Sandbox) -> None:
    cancel, let_go = threading.Event(), threading.Event()

    def hang() -> None:
        cancel.set()
        let_go.wait()

    try:
        found = sandbox.evaluate("return hang()", {"hang": hang}, cancel=cancel)
        assert found.error is not None
        assert found.error.kind == "cancelled"
    finally:
        let_go.set()


def test_a_flood_of_calls_is_ended(sandbox: Sandbox) -> None:
    calls: list[int] = []
    found = sandbox.evaluate("for i = 1, 1e7 do pcall(f, i) end", {"f": calls.append})
    assert found.error is not None
    assert (found.error.kind, found.callback_calls, len(calls)) == ("callback_flood", 200, 200)


def test_with_a_higher_limit_the_same_number_is_no_flood(sandbox: Sandbox) -> None:
    """The negative control."""
    code = "local n = 0 for i = 1, 300 do n = n + f() end return n"
    assert sandbox.evaluate(code, {"f": lambda: 1}, limits=Limits(callback_calls=300)).value == 300


_LEAVES = st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(exclude_categories=["Cs"]))
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text("ab1 .", max_size=3), inner),
    max_leaves=30,
)


def _as_it_returns(value: Any) -> Any:
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    if isinstance(value, list):
        return [_as_it_returns(item) for item in value]
    if isinstance(value, dict):
        return {key: _as_it_returns(item) for key, item in value.items()} or []
    return value


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=_VALUES)
def test_any_data_comes_back_as_it_went(sandbox: Sandbox, value: Any) -> None:
    given_back: list[Any] = []
    with sandbox.session() as session:
        found = session.evaluate("local v = f() g(v) return v", {"f": lambda: value, "g": given_back.append})
    assert found.error is None
    assert found.value == _as_it_returns(value)
    assert given_back == [_as_it_returns(value)]


def test_callbacks_see_the_context_of_the_caller(sandbox: Sandbox) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("mine")
    assert sandbox.evaluate("return f()", {"f": variable.get}).value == "mine"


def test_its_threads_end_with_it(sandbox: Sandbox) -> None:
    before = threading.active_count()
    for _ in range(5):
        assert sandbox.evaluate("return f()", {"f": lambda: 1}).value == 1
    wait_until(lambda: threading.active_count() == before)
