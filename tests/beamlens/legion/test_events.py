"""The 14 events of Legion 0.4.0, in order, for the flows that there are."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest

from beamlens import legion
from beamlens.errors import ConfigurationError
from beamlens.legion import Ok, telemetry
from beamlens.legion.default_logger import line
from beamlens.legion.llm_observer import LlmObserver
from supervision.testing import wait_until
from tests.beamlens.legion.agents import Clerk, Returner, Worker
from tests.beamlens.legion.conftest import Told, Tree, reply
from tests.beamlens.legion.failing import Failing
from tests.beamlens.legion.hasty import Hasty
from tests.beamlens.legion.speaking import Speaker
from tests.beamlens.legion.team import Lead

LLM = ["llm.request.start", "llm.request.stop"]
EVAL = ["sandbox.eval.start", "sandbox.eval.stop"]


def flow(told: Told, start: Tree, script: list[Any], agent: Any = Clerk, **options: Any) -> list[str]:
    """Execute, and return the names of what was told."""
    tree = start(script)
    tree.execute(agent, "the task", **options)
    wait_until(lambda: "agent.stopped" in told.names())
    return told.names()


def around(*inside: str) -> list[str]:
    return ["agent.started", "agent.message.start", *inside, "agent.message.stop", "agent.stopped"]


def test_returns_at_once(told: Told, start: Tree) -> None:
    names = flow(told, start, [reply("return", result="hi")])
    assert names == around("iteration.start", *LLM, "iteration.stop")
    (stop,) = told.of("agent.message.stop")
    assert (stop["iterations"], stop["status"], stop["result"], stop["bindings"]) == (1, "ok", "hi", {})
    assert stop["message"] == "the task"
    assert told.of("llm.request.stop")[0]["object"] == {"action": "return", "code": "", "result": "hi"}
    runs = {metadata["run_id"] for _, _, metadata in told.events}
    assert len(runs) == 1
    assert not any("parent_run_id" in metadata for _, _, metadata in told.events)


def test_continues_then_completes(told: Told, start: Tree) -> None:
    names = flow(told, start, [reply("eval_and_continue", "x = 2"), reply("eval_and_complete", "return x")])
    step = ["iteration.start", *LLM, *EVAL]
    assert names == around(*step, *step, "iteration.stop", "iteration.stop")
    stops = told.of("iteration.stop")
    assert [(stop["iteration"], stop["action"]) for stop in stops] == [
        (1, "eval_and_complete"),
        (0, "eval_and_continue"),
    ]
    durations = [measured["duration"] for name, measured, _ in told.events if name == "iteration.stop"]
    assert durations[0] < durations[1]  # the first contains the second
    assert told.of("agent.message.stop")[0]["bindings"] == {"x": 2}
    assert told.of("sandbox.eval.stop")[1]["result"] == 2


def test_error_retry_return(told: Told, start: Tree) -> None:
    names = flow(told, start, [reply("eval_and_continue", "error('no')"), reply("return", result="hi")])
    assert names == around(
        *["iteration.start", *LLM, *EVAL, "iteration.start", *LLM, "iteration.stop", "iteration.stop"]
    )
    assert [metadata["iteration"] for metadata in told.of("iteration.start")] == [0, 0]
    assert [metadata["action"] for metadata in told.of("iteration.stop")] == ["return", None]
    failed = told.of("sandbox.eval.stop")[0]
    assert failed["success"] is False
    assert "no" in failed["error"]
    assert told.of("agent.message.stop")[0]["iterations"] == 2


def test_llm_error(told: Told, start: Tree) -> None:
    names = flow(told, start, [{"failure": "overloaded"}, reply("return", result="hi")], Worker)
    assert names == around("iteration.start", *LLM, "iteration.start", *LLM, "iteration.stop", "iteration.stop")
    assert told.of("llm.request.stop")[0]["error"].kind == "overloaded"
    assert told.of("agent.message.stop")[0]["iterations"] == 1


def test_disallowed_action(told: Told, start: Tree) -> None:
    names = flow(told, start, [reply("eval_and_continue", "return 1"), reply("return", result="hi")], Returner)
    assert names == around("iteration.start", *LLM, "iteration.start", *LLM, "iteration.stop", "iteration.stop")
    assert told.of("agent.message.stop")[0]["iterations"] == 1


def test_max_iterations(told: Told, start: Tree) -> None:
    script = [reply("eval_and_continue", "return 1")] * 2
    names = flow(told, start, script, max_iterations=2)
    step = ["iteration.start", *LLM, *EVAL]
    assert names == around(*step, *step, "iteration.stop", "iteration.stop")
    (stop,) = told.of("agent.message.stop")
    assert (stop["status"], stop["result"], stop["iterations"]) == ("cancel", "reached_max_iterations", 2)


def test_max_retries(told: Told, start: Tree) -> None:
    names = flow(told, start, [reply("eval_and_continue", "error('no')")] * 4)
    step = ["iteration.start", *LLM, *EVAL]
    assert names == around(*step * 4, *["iteration.stop"] * 4)
    assert [metadata["iteration"] for metadata in told.of("iteration.start")] == [0, 0, 0, 0]
    assert told.of("agent.message.stop")[0]["result"] == "reached_max_retries"


def test_sub_agents_in_parallel(told: Told, start: Tree) -> None:
    code = "return AgentTool.parallel({{'Clerk', 'one'}, {'Clerk', 'two'}})"
    script = {"legion:Lead": [reply("eval_and_complete", code)], "legion:Clerk": [reply("return", result="r")] * 2}
    tree = start(script)
    result = tree.execute(Lead, "lead")
    assert result.value == [{"status": "ok", "value": "r"}] * 2
    wait_until(lambda: told.names().count("agent.stopped") == 3)
    by_run: dict[str, list[str]] = {}
    for name, _, metadata in told.events:
        by_run.setdefault(metadata["run_id"], []).append(name)
    lead = told.of("agent.started")[0]["run_id"]
    assert by_run.pop(lead) == around("iteration.start", *LLM, *EVAL, "iteration.stop")
    assert list(by_run.values()) == [around("iteration.start", *LLM, "iteration.stop")] * 2
    children = [metadata for _, _, metadata in told.events if metadata["run_id"] != lead]
    assert {metadata["parent_run_id"] for metadata in children} == {lead}


def test_an_agent_whose_start_fails_tells_nothing(told: Told, start: Tree) -> None:
    from supervision import StartError
    from tests.beamlens.legion.team import Broken

    with pytest.raises(StartError, match="the prompt cannot be built"):
        start([]).start_agent(Broken)
    assert told.names() == []


def test_a_span_tells_and_raises_again() -> None:
    found = Told()
    telemetry.attach_many(
        "spans", [("legion", "x", "start"), ("legion", "x", "stop"), ("legion", "x", "exception")], found
    )
    try:
        assert telemetry.span(("legion", "x"), {"a": 1, "b": 1}, lambda: (7, {"b": 2})) == 7
        with pytest.raises(ZeroDivisionError):
            telemetry.span(("legion", "x"), {}, lambda: (1 // 0, {}))
        with pytest.raises(TypeError, match="expected"):
            telemetry.span(("legion", "x"), {}, lambda: 5)  # type: ignore[arg-type, return-value]
    finally:
        telemetry.detach("spans")
    assert found.names() == ["x.start", "x.stop", "x.start", "x.exception", "x.start", "x.exception"]
    assert found.events[1][2] == {"a": 1, "b": 2}
    assert set(found.events[0][1]) == {"system_time"}
    assert set(found.events[1][1]) == {"duration"}
    assert found.events[3][2]["kind"] == "error"


def test_ids_are_put_where_there_are_none() -> None:
    import contextvars

    found = Told()
    telemetry.attach("ids", ("legion", "x"), found)

    def within() -> None:
        telemetry.set_run("run", "parent")
        telemetry.emit(("legion", "x"))
        telemetry.emit(("legion", "x"), {}, {"run_id": "own"})

    contextvars.copy_context().run(within)
    telemetry.emit(("legion", "x"))
    telemetry.detach("ids")
    assert [metadata for _, _, metadata in found.events] == [
        {"run_id": "run", "parent_run_id": "parent"},
        {"run_id": "own", "parent_run_id": "parent"},
        {},
    ]


def test_the_default_logger_writes_lines(start: Tree, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "beamlens.legion")
    legion.telemetry.attach_default_logger()
    try:
        with pytest.raises(telemetry.AlreadyExistsError):
            telemetry.attach_default_logger()
        start([reply("eval_and_continue", "error('no')"), reply("return", result="hi")]).execute(Clerk, "the task")
        wait_until(lambda: any("agent:stopped" in record.message for record in caplog.records))
    finally:
        telemetry.detach_default_logger()
    with pytest.raises(telemetry.NotFoundError):
        telemetry.detach_default_logger()
    text = "\n".join(record.message for record in caplog.records)
    for expected in (
        "agent:started Clerk",
        'message:start Clerk "the task"',
        "  iteration:start Clerk #0",
        "    eval:start\n      error",
    ):
        assert expected in text
    assert "iteration:stop Clerk #0 action= " in text
    levels = {record.levelname for record in caplog.records if "eval:stop error" in record.message}
    assert levels == {"WARNING"}


RUN = {"agent": "shop.Clerk", "run_id": "1"}
TIME = {"duration": 12_900_000}


@pytest.mark.parametrize(
    ("name", "metadata", "text"),
    [
        ("agent.started", {}, "agent:started Clerk"),
        ("agent.stopped", {}, "agent:stopped Clerk"),
        (
            "agent.message.start",
            {"message": 'say "hi"\n' + "x" * 99},
            'message:start Clerk "say \\"hi\\"\\n' + "x" * 71 + '"',
        ),
        ("agent.message.start", {"message": ["a", {"n": 1}]}, "message:start Clerk \"['a', {'n': 1}]\""),
        ("agent.message.stop", {"iterations": 2}, "message:stop Clerk iterations=2 12ms"),
        ("agent.message.exception", {"reason": ValueError("x")}, "message:exception Clerk ValueError('x') 12ms"),
        ("iteration.start", {"iteration": 3}, "  iteration:start Clerk #3"),
        ("iteration.stop", {"iteration": 3, "action": "done"}, "  iteration:stop Clerk #3 action=done 12ms"),
        ("iteration.stop", {"iteration": 3, "action": None}, "  iteration:stop Clerk #3 action= 12ms"),
        ("iteration.exception", {"iteration": 3, "reason": "r"}, "  iteration:exception Clerk #3 'r' 12ms"),
        ("llm.request.start", {"model": "m", "message_count": 4}, "    llm:start m messages=4"),
        ("llm.request.stop", {"model": "m", "error": "e"}, "    llm:stop m 12ms"),
        ("llm.request.exception", {"model": "m", "reason": "r"}, "    llm:exception m 'r' 12ms"),
        ("sandbox.eval.start", {"code": "a = 1\nreturn a"}, "    eval:start\n      a = 1\n      return a"),
        ("sandbox.eval.stop", {"success": True, "result": 1}, "    eval:stop ok 12ms"),
        ("sandbox.eval.stop", {"success": False, "error": "no"}, "    eval:stop error 12ms\n      no"),
        ("sandbox.eval.exception", {"reason": "r"}, "    eval:exception 'r' 12ms"),
    ],
)
def test_the_layout_of_each_line(name: str, metadata: dict[str, Any], text: str) -> None:
    written = line(("legion", *name.split(".")), TIME, {**RUN, **metadata})
    assert re.fullmatch("\033\\[[0-9]+m┃ \033\\[0m " + re.escape(text), written), written


def test_levels_and_categories_of_the_default_logger(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "beamlens.legion")
    telemetry.attach_default_logger(level="debug", events=["llm", "sandbox"])
    try:
        telemetry.emit(("legion", "agent", "started"), {}, RUN)
        telemetry.emit(("legion", "llm", "request", "start"), {}, {**RUN, "model": "m", "message_count": 1})
        telemetry.emit(("legion", "sandbox", "eval", "stop"), TIME, {**RUN, "success": False, "error": "no"})
        telemetry.emit(("legion", "sandbox", "eval", "exception"), TIME, {**RUN, "reason": "r"})
    finally:
        telemetry.detach_default_logger()
    telemetry.emit(("legion", "llm", "request", "start"), {}, {**RUN, "model": "m", "message_count": 1})
    assert [record.levelname for record in caplog.records] == ["DEBUG", "WARNING", "ERROR"]
    for wrong in ({"level": "loud"}, {"events": ["everything"]}):
        with pytest.raises(ConfigurationError):
            telemetry.attach_default_logger(**wrong)


def test_what_is_nobodys_normal_course_is_told_as_exceptions_from_inside_out(told: Told, start: Tree) -> None:
    store = Failing()
    store.left = 0
    tree = start({"*": {"steps": [reply("eval_and_complete", "return touch()")], "position": "turns"}}, store=store)
    agent = tree.start_agent(Hasty)
    store.left, store.first = 40, 1  # the message is kept, what the model decides on it is not
    call = agent.cast("?")
    wait_until(lambda: "agent.message.exception" in told.names(), timeout=20)
    store.left = 0
    assert agent.await_(call) == Ok("touched")
    raised = [name for name in told.names() if name.endswith(".exception")][:3]
    assert raised == ["sandbox.eval.exception", "iteration.exception", "agent.message.exception"]
    (first, *_) = told.of("sandbox.eval.exception")
    assert first["kind"] == "error"
    assert "the disk is full" in str(first["reason"])
    tree.stop()
    store.close()


def test_a_client_that_raises_is_told_as_an_exception_of_the_request(told: Told) -> None:
    observer = LlmObserver("shop.Clerk", "m")
    telemetry.set_run("1", None)
    observer.llm_started(0, 1)
    observer.llm_raised(LookupError("there is no gateway"))
    telemetry.set_run(None, None)
    assert told.names() == ["llm.request.start", "llm.request.exception"]
    assert told.of("llm.request.exception")[0]["message_count"] == 1


def test_ids_cross_threads_tasks_and_processes(start: Tree) -> None:
    found = Told()
    telemetry.attach("emitted", ("legion", "x"), found)
    try:
        script = {
            "legion:Speaker": [
                reply("eval_and_complete", "return {Voice.speak(), AgentTool.call('Echo', 'x').status}")
            ],
            "legion:Echo": [reply("eval_and_complete", "return Voice.speak()")],
        }
        assert start(script).execute(Speaker, "?") == Ok([3, "ok"])
        wait_until(lambda: len(found.events) == 6)
    finally:
        telemetry.detach("emitted")
    parents = {about["run_id"] for about in found.of("x") if "parent_run_id" not in about}
    children = [about for about in found.of("x") if "parent_run_id" in about]
    assert len(parents) == 1
    assert [about["where"] for about in found.of("x")] == ["tool", "thread", "task"] * 2
    assert {about["parent_run_id"] for about in children} == parents
    assert not {about["run_id"] for about in children} & parents


def test_a_run_has_its_marker_and_a_child_another() -> None:
    plain = line(("legion", "agent", "started"), {}, {"agent": "a.B", "run_id": "1"})
    child = line(("legion", "agent", "started"), {}, {"agent": "a.B", "run_id": "1", "parent_run_id": "0"})
    assert "┃ \033[0m agent:started B" in plain
    assert "┃▸\033[0m" in child
    assert plain.split("┃")[0] == child.split("┃")[0]
    assert "unhandled event" in line(("legion", "what", "ever"), {}, {})
