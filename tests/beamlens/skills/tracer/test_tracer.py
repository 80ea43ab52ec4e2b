"""One function's calls, within limits, and everything put back."""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from beamlens.errors import SkillError
from beamlens.skills.skill import check_skill
from beamlens.skills.tracer import Tracer
from beamlens.skills.tracing.hooks import MonitoringHook
from beamlens.skills.tracing.session import Session
from beamlens.skills.tracing.target import find_target
from beamlens.testing import SkillHarness
from supervision.testing import wait_until
from tests.beamlens.skills.tracer import functions

_HERE = "tests.beamlens.skills.tracer.functions"


@pytest.fixture
def tracer() -> Iterator[Tracer]:
    skill = Tracer()
    yield skill
    skill.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "beamlens-tracer-end"]


def test_it_is_a_good_skill_with_examples_that_run() -> None:
    assert check_skill(Tracer) is Tracer
    examples: dict[str, list[list[Any]]] = {"tracer_start": [[f"{_HERE}.place", 0.01, 5]], "tracer_get": [[], [3]]}
    before = vars(functions).copy()
    with SkillHarness(Tracer) as harness:
        harness.assert_json_safe()
        harness.assert_quick()
        harness.assert_documented()
        harness.assert_robust(examples)
        for section in Tracer().callback_docs().split("```lua\n")[1:]:
            harness.lua(section.split("```")[0])
        for name, function in Tracer().callbacks().items():
            assert f"### {name}({', '.join(inspect.signature(function).parameters)})" in Tracer().callback_docs()
    assert vars(functions) == before


def test_calls_are_told_with_types_times_and_callers_and_no_value(tracer: Tracer) -> None:
    original = functions.place
    started = tracer.begin(f"{_HERE}.place", 30.0, 50)
    assert started["at"].startswith("tests/beamlens/skills/tracer/functions.py:")
    for number in range(5):
        assert functions.call_place(number) == "hunter2hunter2"
    with pytest.raises(ValueError, match="hunter2"):
        functions.place(-1, secret="hunter2hunter2")
    found = tracer.get()
    assert (found["active"], found["count"], found["raised"]) == (True, 6, {"ValueError": 1})
    assert found["calls"][0]["named"] == {"secret": "str"}
    assert found["calls"][1]["arguments"] == ["int", "str"]
    assert (found["calls"][1]["returned"], found["calls"][1]["raised"]) == ("str", None)
    assert found["ms"]["p50"] >= 2.0
    assert "call_place" in found["callers"][0]["at"]
    assert found["callers"][0]["calls"] == 5
    assert "hunter2" not in json.dumps([found, tracer.snapshot()])
    assert tracer.end() == {"stopped": True, "count": 6}
    assert functions.place is original
    functions.place(1)
    assert tracer.get()["count"] == 6


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


def test_it_ends_by_itself_after_its_calls_and_after_its_time(tracer: Tracer) -> None:
    original = functions.place
    tracer.begin(f"{_HERE}.place", 30.0, 3)
    for _ in range(10):
        functions.place(1)
    assert (tracer.get()["ended"], len(tracer.get()["calls"])) == ("enough calls were recorded", 3)
    wait_until(lambda: functions.place is original)
    tracer.begin(f"{_HERE}.place", 0.05)
    wait_until(lambda: functions.place is original)
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
    wait_until(lambda: vars(functions.Order)["check"] is original)


def test_a_second_trace_is_refused_while_one_runs(tracer: Tracer) -> None:
    tracer.begin(f"{_HERE}.place")
    with pytest.raises(SkillError, match="a trace runs already"):
        tracer.begin(f"{_HERE}.place")
    tracer.end()
    tracer.begin(f"{_HERE}.place")


def test_who_replaced_the_function_meanwhile_keeps_its_place(tracer: Tracer, monkeypatch: pytest.MonkeyPatch) -> None:
    original = functions.place
    tracer.begin(f"{_HERE}.place")
    traced = functions.place

    def theirs(number: int, secret: str = "") -> str:
        return "theirs " + traced(number, secret)

    functions.place = theirs
    try:
        tracer.end()
        assert functions.place is theirs
        assert functions.place(1) == "theirs "
        assert tracer.snapshot()["wrappers_left_behind"] == 1
        assert tracer.get()["count"] == 0
    finally:
        functions.place = original


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
    with pytest.raises(SkillError, match=why) as raised:
        tracer.begin(name)
    assert raised.value.kind == "refused"
    assert "not_loaded_at_all" not in sys.modules


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


# -- the interpreter's own way, from Python 3.12 on -----------------------------------------------------


class _Events:
    PY_START, PY_RETURN = 1, 4


class StandInMonitoring:
    """Be `sys.monitoring` where this Python has none: what it is told, and calls as it would make them."""

    events = _Events

    def __init__(self) -> None:
        self.tools: dict[int, str] = {}
        self.callbacks: dict[tuple[int, int], Any] = {}
        self.local: dict[Any, int] = {}

    def get_tool(self, number: int) -> str | None:
        return self.tools.get(number)

    def use_tool_id(self, number: int, name: str) -> None:
        assert number not in self.tools
        self.tools[number] = name

    def free_tool_id(self, number: int) -> None:
        del self.tools[number]

    def register_callback(self, number: int, event: int, callback: Any) -> None:
        self.callbacks[number, event] = callback

    def set_local_events(self, number: int, code: Any, events: int) -> None:
        self.local[code] = events


def test_monitoring_watches_one_code_object_and_leaves_the_interpreter_as_it_was() -> None:
    target = find_target(f"{_HERE}.place")
    session = Session(target, 10.0, 20, 500.0, lambda: None)
    monitoring = StandInMonitoring()
    monitoring.tools[4] = "somebody else's"
    hook = MonitoringHook(session, monitoring)
    hook.put()
    assert monitoring.tools[3] == "beamlens-tracer"
    assert monitoring.local == {target.code: _Events.PY_START | _Events.PY_RETURN}
    begun, returned = monitoring.callbacks[3, _Events.PY_START], monitoring.callbacks[3, _Events.PY_RETURN]

    def traced(raises: bool) -> None:
        begun(target.code, 0)
        if not raises:
            returned(target.code, 0, "hunter2")

    traced(False)
    traced(True)
    traced(False)
    assert session.count == 3
    assert [record["returned"] for record in session.records] == ["str", "str"]
    assert "test_monitoring_watches" in session.callers.most_common(1)[0][0]
    assert hook.remove()
    assert monitoring.tools == {4: "somebody else's"}
    assert monitoring.local == {target.code: 0}
    assert set(monitoring.callbacks.values()) == {None}
