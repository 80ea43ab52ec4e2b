"""One function's calls, within limits, and everything put back: by each way that this Python has."""

from __future__ import annotations

import _thread
import asyncio
import inspect
import json
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from beamlens.errors import SkillError
from beamlens.skills.skill import check_skill
from beamlens.skills.tracer import Tracer
from beamlens.skills.tracing.session import Session
from beamlens.skills.tracing.target import find_target
from beamlens.testing import SkillHarness
from supervision.testing import wait_until
from tests.beamlens.skills.tracer import functions
from tests.beamlens.skills.tracer.conftest import tools

_HERE = "tests.beamlens.skills.tracer.functions"


def has_ended(tracer: Tracer) -> bool:
    """Tell whether what the trace put in is out again."""
    return tracer._thread is not None and not tracer._thread.is_alive()


def test_it_is_a_good_skill_with_examples_that_run(way: str) -> None:
    assert check_skill(Tracer) is Tracer
    examples: dict[str, list[list[Any]]] = {"tracer_start": [[f"{_HERE}.place", 0.01, 5]], "tracer_get": [[], [3]]}
    before, watching = vars(functions).copy(), tools()
    with SkillHarness(Tracer) as harness:
        harness.assert_json_safe()
        harness.assert_quick()
        harness.assert_documented()
        harness.assert_robust(examples)
        for section in Tracer().callback_docs().split("```lua\n")[1:]:
            harness.lua(section.split("```")[0])
        for name, function in Tracer().callbacks().items():
            assert f"### {name}({', '.join(inspect.signature(function).parameters)})" in Tracer().callback_docs()
        for field in harness.call("tracer_get"):
            assert f"`{field}`" in Tracer().callback_docs()
    assert vars(functions) == before
    assert tools() == watching


def test_calls_are_told_with_types_times_and_callers_and_no_value(tracer: Tracer, way: str) -> None:
    original = functions.place
    started = tracer.begin(f"{_HERE}.place", 30.0, 50)
    assert started["at"].startswith("tests/beamlens/skills/tracer/functions.py:")
    assert started["how"] == way
    for number in range(5):
        assert functions.call_place(number) == "hunter2hunter2"
    with pytest.raises(ValueError, match="hunter2"):
        functions.place(-1, secret="hunter2hunter2")
    found = tracer.get()
    assert (found["active"], found["count"], found["raised"]) == (True, 6, {"ValueError": 1})
    assert (found["calls"][0]["returned"], found["calls"][0]["raised"]) == (None, "ValueError")
    assert (found["calls"][1]["returned"], found["calls"][1]["raised"]) == ("str", None)
    assert [row["arguments"] for row in found["calls"]] == [{"number": "int", "secret": "str"}] * 6
    assert found["ms"]["p50"] >= 2.0
    assert "call_place" in found["callers"][0]["at"]
    assert found["callers"][0]["calls"] == 5
    assert "hunter2" not in json.dumps([found, tracer.snapshot()])
    assert tracer.end() == {"stopped": True, "count": 6}
    assert functions.place is original
    functions.place(1)
    assert tracer.get()["count"] == 6


def test_arguments_of_every_kind_are_told_by_parameter_and_extra_ones_by_number(tracer: Tracer) -> None:
    tracer.begin(f"{_HERE}.collect")
    assert functions.collect(1, "a", 2.0, 3.0, flag=True, extra=1) == [(1, "a"), (2.0, 3.0), True, {"extra": 1}]
    others: dict[str, Any] = {"hunter2 key": 1, "other": 2}
    assert functions.collect(1, second="b", **others)[1] == ()
    with pytest.raises(TypeError):
        functions.collect()  # type: ignore[call-arg]
    rows = [row for row in tracer.get()["calls"] if row["raised"] is None]
    types = {"first": "int", "second": "str", "flag": "bool"}
    assert rows[1]["arguments"] == {**types, "*rest": "2 values", "**others": "1 value"}
    assert rows[0]["arguments"] == {**types, "*rest": "0 values", "**others": "2 values"}
    assert "hunter2" not in json.dumps(tracer.get())


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("Order.save", lambda: functions.Order().save()),
        ("Order.check", lambda: functions.Order.check(5)),
        ("Order.make", lambda: functions.Order.make()),
        ("place_later", lambda: asyncio.run(functions.place_later(5))),
    ],
)
def test_methods_and_coroutines_are_traced_and_stay_what_they_are(
    tracer: Tracer, name: str, call: Callable[[], Any]
) -> None:
    target = find_target(f"{_HERE}.{name}")
    expected = type(call())
    tracer.begin(f"{_HERE}.{name}")
    assert type(call()) is expected
    assert inspect.iscoroutinefunction(functions.place_later)
    assert tracer.get()["calls"][0]["returned"] == expected.__name__
    tracer.end()
    assert vars(target.holder)[target.attribute] is target.raw


def test_coroutines_that_raise_and_that_are_cancelled_are_told(tracer: Tracer) -> None:
    tracer.begin(f"{_HERE}.place_later")
    with pytest.raises(ValueError, match="-1"):
        asyncio.run(functions.place_later(-1))
    assert tracer.get()["raised"] == {"ValueError": 1}
    tracer.end()

    async def cancel() -> None:
        task = asyncio.create_task(functions.wait_for_ever())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    tracer.begin(f"{_HERE}.wait_for_ever")
    asyncio.run(cancel())
    assert tracer.get()["raised"] == {"CancelledError": 1}


def test_calls_inside_of_calls_are_told_apart(tracer: Tracer) -> None:
    tracer.begin(f"{_HERE}.recurse")
    assert functions.recurse(3) == 0
    found = tracer.get()
    assert found["count"] == len(found["calls"]) == 4
    taken = [row["ms"] for row in found["calls"]]
    assert taken == sorted(taken, reverse=True), "the newest row is the outermost call, which took the longest"


def test_a_call_that_comes_from_no_python_code_is_told(tracer: Tracer) -> None:
    tracer.begin(f"{_HERE}.recurse")
    _thread.start_new_thread(functions.recurse, (0,))
    wait_until(lambda: tracer.get()["calls"])
    assert tracer.get()["callers"] == [{"at": "no Python code", "calls": 1}]
    assert tracer.get()["calls"][0]["thread"] == "?"
    assert [thread for thread in threading.enumerate() if "Dummy" in thread.name] == []


def test_calls_of_many_threads_are_all_counted(tracer: Tracer) -> None:
    def call() -> None:
        for _ in range(50):
            functions.Order.check(1)

    tracer.begin(f"{_HERE}.Order.check", 30.0, 50)
    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert 50 <= tracer.get()["count"] <= 200
    assert tracer.get()["ended"] == "enough calls were recorded"


def test_it_ends_by_itself_after_its_calls_and_after_its_time(tracer: Tracer) -> None:
    original, before = functions.place, tools()
    tracer.begin(f"{_HERE}.place", 30.0, 3)
    for _ in range(10):
        functions.place(1)
    assert (tracer.get()["ended"], len(tracer.get()["calls"])) == ("enough calls were recorded", 3)
    wait_until(lambda: has_ended(tracer))
    assert (functions.place, tools()) == (original, before)
    tracer.begin(f"{_HERE}.place", 0.05)
    wait_until(lambda: has_ended(tracer))
    assert (functions.place, tools()) == (original, before)
    assert tracer.get()["ended"] == "the time was over"
    assert tracer.snapshot()["active"] is False


def test_a_function_that_is_too_hot_ends_its_trace(tracer: Tracer) -> None:
    original = vars(functions.Order)["check"]
    tracer.begin(f"{_HERE}.Order.check", 30.0, 50)
    session = tracer._session
    assert session is not None
    session.records = type(session.records)(maxlen=10**6)
    session._most = 10**6
    for _ in range(100_000):
        functions.Order.check(1)
        if not session.active:
            break
    assert "too often to be traced" in str(session.ended)
    wait_until(lambda: has_ended(tracer))
    assert vars(functions.Order)["check"] is original


def test_a_second_trace_is_refused_while_one_runs(tracer: Tracer) -> None:
    tracer.begin(f"{_HERE}.place")
    with pytest.raises(SkillError, match="a trace runs already"):
        tracer.begin(f"{_HERE}.place")
    tracer.end()
    tracer.begin(f"{_HERE}.place")


def test_a_trace_that_nobody_could_end_is_refused_and_leaves_nothing(
    tracer: Tracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, before = functions.place, tools()

    def cannot(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", cannot)
        with pytest.raises(SkillError, match="can't start new thread"):
            tracer.begin(f"{_HERE}.place")
    assert (functions.place, tools()) == (original, before)
    assert tracer.begin(f"{_HERE}.place")["function"] == f"{_HERE}.place"


def test_trouble_while_a_call_is_noted_ends_the_trace_and_is_not_seen_by_the_call() -> None:
    ended = threading.Event()
    session = Session(find_target(f"{_HERE}.place"), 10.0, 20, 500.0, ended.set)

    def types() -> dict[str, str]:
        raise RecursionError

    assert session.enter(None, types) is None
    assert session.ended == "tracing failed: RecursionError"
    assert ended.is_set()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("json.dumps", "standard library"),
        ("logging.Logger.info", "standard library"),
        ("pytest.fixture", "installed library"),
        ("beamlens.skills.tracer.Tracer.begin", "belongs to BeamLens"),
        ("math.sqrt", "no function written in Python"),
        (f"{_HERE}.not_a_function", "no function written in Python"),
        (f"{_HERE}.Order", "no function written in Python"),
        (f"{_HERE}.numbers", "generator"),
        (f"{_HERE}.nothing", "has no 'nothing'"),
        (f"{_HERE}.Order.nothing", "has no 'nothing'"),
        (f"{_HERE}.place.inner", "no class"),
        ("not_loaded_at_all.place", "no loaded module"),
    ],
)
def test_what_must_not_be_traced_is_refused_with_the_reason(tracer: Tracer, name: str, why: str) -> None:
    before = tools()
    with pytest.raises(SkillError, match=why) as raised:
        tracer.begin(name)
    assert raised.value.kind == "refused"
    assert "not_loaded_at_all" not in sys.modules
    assert tools() == before
    assert tracer.get()["function"] is None


@pytest.mark.parametrize(
    "arguments",
    [
        ("",), ("place",), ("*",), ("shop.*",), ("shop.place()",), ("a b.c",), (5,), (None,), ("x." * 200 + "y",),
        (f"{_HERE}.place", 0), (f"{_HERE}.place", 61), (f"{_HERE}.place", "5"), (f"{_HERE}.place", float("nan")),
        (f"{_HERE}.place", 5, 0), (f"{_HERE}.place", 5, 51), (f"{_HERE}.place", 5, 1.5), (f"{_HERE}.place", 5, True),
    ],
)  # fmt: skip
def test_wrong_arguments_are_refused_with_what_is_expected(tracer: Tracer, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(SkillError, match=r"tracer_start: .* expected") as raised:
        tracer.begin(*arguments)
    assert raised.value.kind == "bad_arguments"
