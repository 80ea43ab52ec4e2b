"""The interpreter's own way, `sys.monitoring`, with the real one: from Python 3.12 on."""

from __future__ import annotations

import cProfile
import sys
import threading
from collections.abc import Iterator
from types import CodeType
from typing import Any

import pytest

from beamlens.errors import SkillError
from beamlens.skills.tracer import Tracer
from beamlens.skills.tracing.hooks import hook_for
from beamlens.skills.tracing.monitored import MonitoringHook
from beamlens.skills.tracing.session import Session
from beamlens.skills.tracing.target import find_target
from supervision.testing import wait_until
from tests.beamlens.skills.tracer import functions
from tests.beamlens.skills.tracer.conftest import MONITORING, tools

_HERE = "tests.beamlens.skills.tracer.functions"

pytestmark = pytest.mark.skipif(MONITORING is None, reason="sys.monitoring came with Python 3.12")


@pytest.fixture
def monitored() -> Iterator[Tracer]:
    before = tools()
    tracer = Tracer()
    yield tracer
    tracer.stop()
    assert tools() == before


def _left_of(tool: int, code: CodeType) -> list[Any]:
    """Return what is still registered under a number that nobody uses."""
    events = MONITORING.events
    MONITORING.use_tool_id(tool, "the test's")
    try:
        callbacks = [
            MONITORING.register_callback(tool, event, None)
            for event in (events.PY_START, events.PY_RETURN, events.PY_UNWIND)
        ]
        return [MONITORING.get_events(tool), MONITORING.get_local_events(tool, code), callbacks]
    finally:
        MONITORING.free_tool_id(tool)


def test_nothing_of_a_trace_is_left_in_the_interpreter(monitored: Tracer) -> None:
    code = functions.place.__code__
    monitored.begin(f"{_HERE}.place")
    assert MONITORING.get_tool(4) == "beamlens-tracer"
    assert MONITORING.get_local_events(4, code) != 0
    functions.place(1)
    monitored.end()
    assert _left_of(4, code) == [0, 0, [None, None, None]]


def test_a_number_that_another_tool_uses_is_left_to_it(monitored: Tracer) -> None:
    MONITORING.use_tool_id(4, "another's")
    try:
        assert monitored.begin(f"{_HERE}.place")["how"] == "monitoring"
        assert (MONITORING.get_tool(3), MONITORING.get_tool(4)) == ("beamlens-tracer", "another's")
        functions.place(1)
        assert monitored.end()["count"] == 1
        assert (MONITORING.get_tool(3), MONITORING.get_tool(4)) == (None, "another's")
    finally:
        MONITORING.free_tool_id(4)


def test_a_number_that_is_taken_at_the_last_moment_is_a_refusal() -> None:
    session = Session(find_target(f"{_HERE}.place"), 10.0, 20, 500.0, lambda: None)
    hook = hook_for(session)
    assert isinstance(hook, MonitoringHook)
    MONITORING.use_tool_id(4, "another's")
    try:
        with pytest.raises(SkillError, match="another tool has begun to watch"):
            hook.put()
        assert hook.remove()
        assert MONITORING.get_tool(4) == "another's"
    finally:
        MONITORING.free_tool_id(4)


class _Coverage:
    """Watch the lines of one function, as coverage does, and its returns, as debuggers do."""

    def __init__(self, code: CodeType) -> None:
        self.lines: list[int] = []
        self.returns = 0
        self._code = code

    def __enter__(self) -> _Coverage:
        events = MONITORING.events
        MONITORING.use_tool_id(MONITORING.COVERAGE_ID, "coverage")
        MONITORING.register_callback(MONITORING.COVERAGE_ID, events.LINE, lambda _code, line: self.lines.append(line))
        MONITORING.set_local_events(MONITORING.COVERAGE_ID, self._code, events.LINE | events.PY_START)
        MONITORING.use_tool_id(MONITORING.DEBUGGER_ID, "debugger")
        MONITORING.register_callback(MONITORING.DEBUGGER_ID, events.PY_RETURN, self._returned)
        MONITORING.set_events(MONITORING.DEBUGGER_ID, events.PY_RETURN)
        return self

    def __exit__(self, *_: object) -> None:
        for tool in (MONITORING.COVERAGE_ID, MONITORING.DEBUGGER_ID):
            MONITORING.set_events(tool, 0)
        MONITORING.set_local_events(MONITORING.COVERAGE_ID, self._code, 0)
        MONITORING.register_callback(MONITORING.COVERAGE_ID, MONITORING.events.LINE, None)
        MONITORING.register_callback(MONITORING.DEBUGGER_ID, MONITORING.events.PY_RETURN, None)
        MONITORING.free_tool_id(MONITORING.COVERAGE_ID)
        MONITORING.free_tool_id(MONITORING.DEBUGGER_ID)

    def _returned(self, code: CodeType, _offset: int, _value: object) -> None:
        self.returns += code is self._code

    def of_one_call(self) -> tuple[int, int]:
        """Return how many lines and returns one call is told of."""
        self.lines.clear()
        self.returns = 0
        functions.place(1)
        return len(self.lines), self.returns


def test_coverage_and_a_debugger_see_the_same_before_during_and_after_a_trace(monitored: Tracer) -> None:
    with _Coverage(functions.place.__code__) as others:
        before = others.of_one_call()
        monitored.begin(f"{_HERE}.place", 30.0, 2)
        during = [others.of_one_call() for _ in range(4)]  # the last ones after its end, where it is switched off
        assert monitored.end()["count"] == 2
        assert during == [before] * 4
        assert others.of_one_call() == before == (3, 1)


def test_it_works_beside_settrace_and_a_profiler(monitored: Tracer) -> None:
    seen: list[str] = []

    def follow(frame: Any, event: str, _argument: object) -> Any:
        if frame.f_code is functions.collect.__code__:
            seen.append(event)
        return follow

    previous = sys.gettrace()
    monitored.begin(f"{_HERE}.collect")
    sys.settrace(follow)
    try:
        functions.collect(1, "a")
    finally:
        sys.settrace(previous)
    profile = cProfile.Profile()
    result = profile.runcall(functions.collect, 1, "b")
    assert result[0] == (1, "b")
    assert (seen[0], seen[-1]) == ("call", "return")
    assert any(entry.code is functions.collect.__code__ for entry in profile.getstats())
    found = monitored.get()
    assert found["count"] == len(found["calls"]) == 2
    assert found["calls"][0]["arguments"]["second"] == "str"


def test_calls_by_a_name_that_was_imported_before_are_seen(monitored: Tracer) -> None:
    imported = functions.place
    monitored.begin(f"{_HERE}.place")
    imported(1)
    assert monitored.get()["count"] == 1
    assert functions.place is imported


@pytest.mark.parametrize(
    ("name", "call", "count"),
    [
        ("decorated", lambda: functions.decorated(4), 2),
        ("cached", lambda: [functions.cached(5), functions.cached(5)], 1),
        ("Order.total", lambda: functions.Order().total, 1),
    ],
)
def test_what_is_below_decorators_is_followed(monitored: Tracer, name: str, call: Any, count: int) -> None:
    functions.cached.cache_clear()
    started = monitored.begin(f"{_HERE}.{name}")
    assert started["at"].startswith("tests/beamlens/skills/tracer/functions.py:")
    call()
    assert monitored.get()["count"] == count


class _Thing:
    def __init__(self, freed: list[bool]) -> None:
        self._freed = freed

    def __del__(self) -> None:
        self._freed.append(True)


def test_arguments_live_no_longer_than_without_a_trace(monitored: Tracer) -> None:
    freed: list[bool] = []
    before = functions.hand_over(_Thing(freed), freed)  # not in an assertion, which would hold the argument itself
    monitored.begin(f"{_HERE}.hand_over")
    during = functions.hand_over(_Thing(freed), freed)
    assert (before, during) == (1, 2)
    assert monitored.get()["calls"][0]["arguments"] == {"thing": "_Thing", "freed": "list"}


def test_a_hot_function_is_rid_of_the_trace_before_the_thread_that_ends_it_wakes(
    monitored: Tracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitored.begin(f"{_HERE}.Order.check", 30.0, 50)
    session, entered = monitored._session, 0
    assert session is not None
    enter = session.enter

    def counting(*args: Any) -> Any:
        nonlocal entered
        entered += 1
        return enter(*args)

    monkeypatch.setattr(session, "enter", counting)
    with monitored._lock:  # which the thread needs to take the trace out
        for _ in range(10_000):
            functions.Order.check(1)
        assert MONITORING.get_tool(4) == "beamlens-tracer"
    assert not session.active
    assert entered == 51
    wait_until(lambda: MONITORING.get_tool(4) is None)
    # What was switched off is on again in the next trace.
    monitored.begin(f"{_HERE}.Order.check")
    functions.Order.check(1)
    assert monitored.get()["count"] == 1


def test_where_exceptions_fly_by_the_thousand_they_are_not_followed_and_the_answer_says_so(monitored: Tracer) -> None:
    def fly(times: int) -> bool:
        for _ in range(times):
            with pytest.raises(KeyError):
                functions.fail_below(50)
        return not monitored.get()["sees_raised"]

    monitored.begin(f"{_HERE}.place", 30.0)
    assert fly(20) is False
    assert MONITORING.get_events(4) != 0
    wait_until(lambda: fly(500))
    assert MONITORING.get_events(4) == 0
    functions.place(1)
    with pytest.raises(ValueError, match="secret"):
        functions.place(-1)
    found = monitored.get()
    assert (found["count"], found["raised"]) == (2, {})
    assert [row["returned"] for row in found["calls"]] == ["str"]


def test_a_function_that_runs_while_the_trace_begins_and_ends_is_not_disturbed(monitored: Tracer) -> None:
    ended, problems = threading.Event(), []

    def work() -> None:
        while not ended.is_set():
            try:
                assert functions.recurse(20) == 0
                assert functions.Order.check(3)
            except BaseException as error:
                problems.append(error)
                raise

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for name in ("recurse", "Order.check") * 15:
            monitored.begin(f"{_HERE}.{name}")
            wait_until(lambda: monitored.get()["count"] > 0)
            monitored.end()
    finally:
        ended.set()
        for thread in threads:
            thread.join(30)
    assert problems == []
    assert MONITORING.get_tool(4) is None
