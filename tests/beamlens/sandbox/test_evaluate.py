"""What a program gives: values, errors, bindings; the positive controls."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import pytest

from beamlens.errors import ConfigurationError
from beamlens.sandbox import Limits, Sandbox

VALUES: list[tuple[str, Any]] = [
    ("1 + 1", 2),
    ("return 1 + 1", 2),
    ("'text'", "text"),
    ("", None),
    ("-- nothing", None),
    ("local x = 1", None),
    ("return nil", None),
    ("return true, false", [True, False]),
    ("return 1, nil, 3", [1, None, 3]),
    ("return {}", []),
    ("return {1, 2, {3}}", [1, 2, [3]]),
    ("return {a = 1, b = {c = 2}}", {"a": 1, "b": {"c": 2}}),
    ("return {1, 2, x = 3}", {"1": 1, "2": 2, "x": 3}),
    ("return {[1] = 'a', [3] = 'c'}", {"1": "a", "3": "c"}),
    ("return {[true] = 1, [1.5] = 2}", {"true": 1, "1.5": 2}),
    ("return 10 / 2", 5.0),
    ("return 10 // 2", 5),
    ("return math.maxinteger, math.mininteger", [2**63 - 1, -(2**63)]),
    ("return 0/0, 1/0, -1/0", ["nan", "inf", "-inf"]),
    ("return {f = print or function() end}", {"f": "<function>"}),
    ("return '\\xff\\xfeok'", "\ufffd\ufffdok"),
    ("return ('x'):rep(70000):len()", 70000),
    ("return #table.concat({('y'):rep(70000)})", 70000),
    ("return ('y'):rep(70000)", "y" * 70000),
    ("return -1, -33, 127, 128, 256, 65536", [-1, -33, 127, 128, 256, 65536]),
    ("local t = {} for i = 1, 20 do t[i] = i end return t", list(range(1, 21))),
    ("local t = {} for i = 1, 20 do t['k' .. i] = i end return t", {f"k{i}": i for i in range(1, 21)}),
]


@pytest.mark.parametrize(("code", "value"), VALUES, ids=[code[:40] or "empty" for code, _ in VALUES])
def test_values_come_back_as_plain_data(sandbox: Sandbox, code: str, value: Any) -> None:
    found = sandbox.evaluate(code)
    assert found.error is None
    assert found.ok
    assert found.value == value
    assert type(found.value) is type(value)


CONTROLS: list[tuple[str, Any]] = [
    ("return 'os.execute(1)'", "os.execute(1)"),
    ("return {code = 'io.open', mod = 'os'}", {"code": "io.open", "mod": "os"}),
    ("return pcall(function() return 7 end)", [True, 7]),
    ("return (select(2, pcall(error, 'why')))", "why"),
    ("return os.time() > 1600000000, os.date('!%Y', 0), os.clock() >= 0", [True, "1970", True]),
    ("return os.time({year = 2020, month = 1, day = 1, hour = 0})", 1577836800),
    ("return ('abc'):upper(), ('a,b'):find(','), ('x'):rep(3, '-')", ["ABC", 2, "x-x-x"]),
    ("local function twice(x) return 2 * x end return twice(twice(3))", 12),
    ("local t = {3, 1, 2} table.sort(t, function(a, b) return a > b end) return t", [3, 2, 1]),
    ("return string.format('%5.2f|%s|%d|%%p', 3.14159, 'x', 7)", " 3.14|x|7|%p"),
    ("return (('a1b2'):gsub('%d', function(d) return '<' .. d .. '>' end))", "a<1>b<2>"),
    ("return utf8.len('äöü'), utf8.char(228)", [3, "ä"]),
    ("local s = 0 for k, v in pairs({a = 1, b = 2}) do s = s + v end return s", 3),
    ("return [[a 'quoted' \"string\"]]", "a 'quoted' \"string\""),
    ("return math.type(1), math.floor(1.5), tonumber('0x10'), select('#', 1, 2)", ["integer", 1, 16, 2]),
    ("_G.x = 5 return x, _ENV.x", [5, 5]),
    ("return string.unpack('<i4', string.pack('<i4', 77))", [77, 5]),
    ("return table.unpack({1, 2, 3})", [1, 2, 3]),
    ("return tostring(1), tostring(nil), tostring({}), tostring(pairs)", ["1", "nil", "table", "function"]),
]  # fmt: skip


@pytest.mark.parametrize(("code", "value"), CONTROLS, ids=[code[:40] for code, _ in CONTROLS])
def test_what_is_harmless_works(sandbox: Sandbox, code: str, value: Any) -> None:
    found = sandbox.evaluate(code)
    assert (found.error, found.value) == (None, value)


ERRORS: list[tuple[str, str, int | None, str]] = [
    ("x = = 1", "syntax", 1, "return <expression>"),
    ("local a = 1\nif a then", "syntax", 2, "end"),
    ("\n\nerror('mine')", "runtime", 3, "line 3: mine"),
    ("error({message = 'in a table'})", "runtime", None, "in a table"),
    ("error({code = 5})", "runtime", None, '{"code": 5}'),
    ("error(nil)", "runtime", None, "without a message"),
    ("error('two\\nlines \\0 \\27[31m')", "runtime", 1, "two\nlines"),
    ("nope()", "runtime", 1, "nil value (global 'nope')"),
    ("prob()", "runtime", 1, "did you mean probe?"),
    ("something_else()", "runtime", 1, "there are these callbacks: probe"),
    ("print(1)", "runtime", 1, "return the value instead"),
    ("os.execute('true')", "runtime", 1, "execute is sandboxed"),
    ("return probe", "runtime", None, "is a function"),
    ("local t = {} t.t = t return t", "runtime", None, "contains itself"),
    ("return {[{}] = 1}", "runtime", None, "key"),
    ("return ('x'):rep(300000)", "too_large", None, "262144 bytes"),
    ("local t = {} for i = 1, 40 do t = {t} end return t", "too_large", None, "16 levels"),
    ("local a = probe(function() end)", "runtime", 1, "argument 1 of probe is a function"),
    ("local t = {} t.t = t probe(1, t)", "runtime", 1, "argument 2 of probe contains itself"),
    ("local a = probe(('x'):rep(100000))", "runtime", 1, "argument 1 of probe is too large"),
    ("local function f() return f() + 1 end f()", "memory", None, "recurse less deeply"),
    ("return (('x'):gsub('.', function() return (nil)() end))", "runtime", 1, "call a nil value"),
    ("while true do end", "instructions", None, "20000000 instructions"),
    ("local t = {} while true do t[#t + 1] = ('x'):rep(1000000) .. #t end", "memory", None, "33554432 bytes"),
    ("#", "syntax", 1, ""),
]


@pytest.mark.parametrize(("code", "kind", "line", "text"), ERRORS, ids=[code[:40] for code, *_ in ERRORS])
def test_errors_say_what_to_do(sandbox: Sandbox, code: str, kind: str, line: int | None, text: str) -> None:
    found = sandbox.evaluate(code, {"probe": lambda *arguments: None})
    assert found.error is not None
    assert not found.ok
    assert (found.error.kind, found.error.line) == (kind, line)
    assert text in found.error.text
    assert not any(ord(letter) < 32 and letter not in "\n\t" for letter in found.error.text)


def test_a_long_error_is_cut_and_keeps_its_hint(sandbox: Sandbox) -> None:
    found = sandbox.evaluate("error(('long '):rep(10000))", limits=Limits(error_chars=200))
    assert found.error is not None
    assert len(found.error.text) <= 200
    assert found.error.text.startswith("line 1: long long")


@pytest.mark.parametrize("code", [None, b"return 1", 7])
def test_what_is_no_text_is_refused(sandbox: Sandbox, code: Any) -> None:
    found = sandbox.evaluate(code)
    assert found.error is not None
    assert found.error.kind == "refused"


def test_code_that_is_too_long_does_not_run(sandbox: Sandbox) -> None:
    just = "return 1 --" + "x" * (65536 - 11)
    assert sandbox.evaluate(just).value == 1
    found = sandbox.evaluate(just + "x")
    assert found.error is not None
    assert found.error.kind == "too_large"


# -- bindings --------------------------------------------------------------------------------------


def test_bindings_are_set_and_plain_globals_come_back(sandbox: Sandbox) -> None:
    code = """
    count = count + 1
    seen = {count, {deep = true}, f = function() end}
    helper = function() end
    cyclic = {} cyclic.itself = cyclic
    local hidden = 1
    string = 'overwritten'
    """
    first = sandbox.evaluate(code, bindings={"count": 1}, globals_kept=True)
    assert first.bindings == {"count": 2, "seen": [2, {"deep": True}]}
    second = sandbox.evaluate("count = count + 1; return ('x'):upper()", bindings=first.bindings, globals_kept=True)
    assert second.bindings["count"] == 3
    assert second.value == "X"


def test_a_failure_leaves_the_former_bindings(sandbox: Sandbox) -> None:
    former = {"a": 1}
    found = sandbox.evaluate("a = 2 error('no')", bindings=former, globals_kept=True)
    assert found.bindings == former
    big = sandbox.evaluate("a = 2 b = ('x'):rep(300000)", bindings=former, globals_kept=True)
    assert big.error is not None
    assert (big.error.kind, big.bindings) == ("too_large", former)


def test_bindings_that_are_too_large_do_not_run(sandbox: Sandbox) -> None:
    found = sandbox.evaluate("return 1", bindings={"a": "x" * 300_000})
    assert found.error is not None
    assert found.error.kind == "too_large"


def test_nothing_is_left_for_the_next_evaluation(sandbox: Sandbox) -> None:
    with sandbox.session() as session:
        session.evaluate("x = 1 string.upper = nil math.floor = nil table.sort = function() end pairs = nil")
        found = session.evaluate("return x, ('a'):upper(), math.floor(1.5), pairs ~= nil")
        assert found.value == [None, "A", 1, True]


def test_globals_that_are_rebound_do_not_reach_the_export(sandbox: Sandbox) -> None:
    found = sandbox.evaluate("x = 1 _G = {y = 2} next = nil pairs = nil type = nil", globals_kept=True)
    assert found.bindings == {"x": 1}


# -- time ------------------------------------------------------------------------------------------


def test_it_can_be_cancelled(sandbox: Sandbox) -> None:
    cancel = threading.Event()
    timer = threading.Timer(0.2, cancel.set)
    timer.start()
    begun = time.monotonic()
    found = sandbox.evaluate("while true do pcall(string.rep, 'x', 9) end", limits=_patient(), cancel=cancel)
    timer.join()
    assert found.error is not None
    assert found.error.kind == "cancelled"
    assert time.monotonic() - begun < 10
    with sandbox.session() as session:
        assert session.evaluate("return 1", cancel=cancel).error is not None
        assert session.evaluate("return 1").value == 1


def _patient() -> Limits:
    return Limits(wall_seconds=50.0, instructions=1 << 50)


def test_the_deadline_kills_what_no_hook_can_stop(sandbox: Sandbox) -> None:
    code = "return ('x'):rep(1000000):find('.-.-.-.-b')"
    begun = time.monotonic()
    found = sandbox.evaluate(code, limits=Limits(wall_seconds=0.3))
    assert found.error is not None
    assert found.error.kind == "deadline"
    assert time.monotonic() - begun < 10


def test_without_the_deadline_the_same_goes_on(sandbox: Sandbox) -> None:
    """The negative control: what ended above is the deadline's doing."""
    cancel = threading.Event()
    timer = threading.Timer(1.0, cancel.set)
    timer.start()
    found = sandbox.evaluate("return ('x'):rep(1000000):find('.-.-.-.-b')", limits=_patient(), cancel=cancel)
    timer.join()
    assert found.error is not None
    assert found.error.kind == "cancelled"
    assert found.seconds > 0.9


def test_without_the_instruction_budget_the_deadline_is_what_ends_a_loop(sandbox: Sandbox) -> None:
    """The negative control of the hook."""
    found = sandbox.evaluate("while true do end", limits=Limits(wall_seconds=0.5, instructions=1 << 50))
    assert found.error is not None
    assert found.error.kind == "deadline"


def test_without_the_memory_limit_the_address_space_is_what_ends_growth(sandbox: Sandbox) -> None:
    """The negative control of Lua's own limit: 1 GiB is allowed to Lua, and a gibibyte is taken."""
    code = "local t = {} for i = 1, 60 do t[i] = ('x'):rep(1000000) .. i end return #t"
    assert sandbox.evaluate(code, limits=Limits(memory_bytes=1 << 28)).value == 60
    found = sandbox.evaluate(code)
    assert found.error is not None
    assert found.error.kind == "memory"


# -- where there is no server ----------------------------------------------------------------------


def test_without_a_server_it_is_unavailable_at_once(tmp_path: Any) -> None:
    begun = time.monotonic()
    found = Sandbox(os.path.join(tmp_path, "none", "s")).evaluate("return 1")
    assert found.error is not None
    assert found.error.kind == "unavailable"
    assert "try again" in found.error.text
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("address", ["", None, 7])
def test_an_address_that_is_none_is_the_callers_fault(address: Any) -> None:
    with pytest.raises(ConfigurationError, match="address"):
        Sandbox(address)


def test_an_interpreter_of_its_own_does_the_same() -> None:
    found = Sandbox("exec:").evaluate("return add(1, 2), os.date('!%Y', 0)", {"add": lambda a, b: a + b})
    assert found.value == [3, "1970"]
    looping = Sandbox("exec:").evaluate("while true do end", limits=Limits(wall_seconds=0.5, instructions=1 << 50))
    assert looping.error is not None
    assert looping.error.kind == "deadline"
