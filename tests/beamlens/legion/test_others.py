"""Agents that ask people, other agents, and the application."""

from __future__ import annotations

import io
import os
import signal
import threading
import time
from typing import Any

import pytest

from beamlens import legion
from beamlens.legion import Cancelled, Ok
from supervision.testing import wait_until
from tests.beamlens.legion.agents import Clerk, Worker
from tests.beamlens.legion.caller import Caller
from tests.beamlens.legion.conftest import Told, Tree, reply
from tests.beamlens.legion.team import Chief, Lead, Recursor

ASK = "return HumanTool.ask('May I?')"


def test_a_person_answers_later_than_the_sandbox_would_wait(start: Tree) -> None:
    desk = legion.HumanDesk()
    agent = start([reply("eval_and_complete", ASK)], human=desk).start_agent(Lead)  # its sandbox_timeout is 0.5 s
    call = agent.cast("?")
    wait_until(lambda: len(desk.waiting()) == 1)
    (request,) = desk.waiting()
    assert request.question == "May I?"
    assert request.agent_id == agent.agent_id
    threading.Timer(1.0, desk.answer, (request.id, "yes")).start()
    assert agent.await_(call) == Ok("yes")
    assert desk.waiting() == []
    assert desk.answer(request.id, "again") is False


def test_a_tool_that_does_not_wait_for_others_is_cut_off(start: Tree) -> None:
    script = [reply("eval_and_continue", "return Marker.nap(30)"), reply("return", result={"$result": True})]
    began = time.monotonic()
    result = start(script).execute(Worker, "?", sandbox_timeout=0.5)
    assert "Marker.nap did not return within" in result.value
    assert time.monotonic() - began < 20


def test_nobody_answers_in_time(start: Tree) -> None:
    from tests.beamlens.legion.caller import Impatient

    script = [reply("eval_and_continue", ASK), reply("return", result={"$result": True})]
    desk = legion.HumanDesk()
    result = start(script, human=desk).execute(Impatient, "?")
    assert "no answer within" in result.value or "nobody answered within" in result.value
    wait_until(lambda: desk.waiting() == [])


def test_without_anybody_to_ask(start: Tree) -> None:
    script = [reply("eval_and_continue", ASK), reply("return", result={"$result": True})]
    assert "nobody answers questions here" in start(script).execute(Lead, "?").value


def test_a_question_must_be_a_text(start: Tree) -> None:
    script = [
        reply("eval_and_continue", "return HumanTool.ask({evil = 1})"),
        reply("return", result={"$result": True}),
    ]
    desk = legion.HumanDesk(notify=lambda request: pytest.fail("it was asked"))
    assert "question is {'evil': 1}; str is expected" in start(script, human=desk).execute(Lead, "?").value


def test_the_terminal() -> None:
    out = io.StringIO()
    assert legion.terminal("Why?", {"agent": "m:A"}, source=io.StringIO("so\n"), target=out) == "so"
    assert "m:A asks: Why?" in out.getvalue()
    with pytest.raises(EOFError):
        legion.terminal("Why?", {}, source=io.StringIO(""), target=out)


def test_cancelling_ends_the_wait_for_a_person(start: Tree) -> None:
    desk = legion.HumanDesk()
    agent = start([reply("eval_and_complete", ASK)], human=desk).start_agent(Lead)
    call = agent.cast("?")
    wait_until(lambda: len(desk.waiting()) == 1)
    assert agent.cancel() == 1
    assert agent.await_(call) == Cancelled("cancelled", "cancelled")
    wait_until(lambda: desk.waiting() == [])  # nobody is asked what nobody waits for


def test_a_question_of_a_dead_process_is_withdrawn(start: Tree) -> None:
    desk = legion.HumanDesk()
    script = {"*": {"position": "turns", "steps": [reply("eval_and_continue", ASK), reply("return", result="over")]}}
    agent = start(script, human=desk).start_agent(Lead)
    call = agent.cast("?")
    wait_until(lambda: len(desk.waiting()) == 1)
    os.kill(agent.ref.pid, signal.SIGKILL)
    assert agent.await_(call) == Ok("over")
    wait_until(lambda: desk.waiting() == [])


def test_a_handler_that_raises_is_an_error_of_the_tool(start: Tree) -> None:
    def ask(question: str, about: Any, timeout: Any) -> str:
        raise RuntimeError("the desk is on fire")

    script = [reply("eval_and_continue", ASK), reply("return", result={"$result": True})]
    assert "HumanTool.ask: RuntimeError: the desk is on fire" in start(script, human=ask).execute(Lead, "?").value


def test_a_page_that_cannot_be_told_leaves_no_question(start: Tree) -> None:
    desk = legion.HumanDesk(notify=lambda request: 1 / 0)
    script = [reply("eval_and_continue", ASK), reply("return", result={"$result": True})]
    assert "ZeroDivisionError" in start(script, human=desk).execute(Lead, "?").value
    assert desk.waiting() == []


# -- other agents ----------------------------------------------------------------------------------


def test_only_allowed_agents_and_nothing_is_started_before_that_is_clear(start: Tree, told: Told) -> None:
    code = "return {pcall(AgentTool.parallel, {{'Clerk', 'x'}, {'Rememberer', 'y'}})}"
    result = start({"legion:Lead": [reply("eval_and_complete", code)]}).execute(Lead, "?")
    assert result.value[0] is False
    assert "'Rememberer' is not allowed; these are: Clerk, Worker" in result.value[1]
    assert told.names().count("agent.started") == 1


@pytest.mark.parametrize("call", ["AgentTool.stop", "AgentTool.call", "AgentTool.cast"])
def test_a_foreign_id_is_refused(start: Tree, call: str) -> None:
    other = (
        f"return {{pcall({call}, 'ID', 'x')}}" if call != "AgentTool.stop" else "return {pcall(AgentTool.stop, 'ID')}"
    )
    tree = start({"legion:Lead": lambda_free(other)})
    foreign = tree.start_agent(Clerk, agent_id="foreign")
    result = tree.execute(Lead, "?")
    assert result.value[0] is False
    assert tree.running(foreign.agent_id)


def lambda_free(code: str) -> list[Any]:
    return [reply("eval_and_complete", code.replace("ID", "foreign"))]


def test_agents_that_stay_remember_and_can_be_stopped(start: Tree) -> None:
    code = """
    local id = AgentTool.start('Worker')
    local one = AgentTool.call(id, 'one')
    local two = AgentTool.call(id, 'two')
    AgentTool.stop(id)
    return {one.value, two.value, pcall(AgentTool.call, id, 'three')}
    """
    script = {
        "legion:Lead": [reply("eval_and_complete", code)],
        "legion:Worker": [reply("return", result="1"), reply("return", result="2")],
    }
    one, two, ok, why = start(script).execute(Lead, "?").value
    assert (one, two, ok) == ("1", "2", False)
    assert "not allowed" in why


def test_not_more_than_so_many_sub_agents(start: Tree) -> None:
    code = "for i = 1, 3 do AgentTool.start('Clerk') end return {pcall(AgentTool.start, 'Clerk')}"
    result = start({"legion:Lead": [reply("eval_and_complete", code)]}).execute(Lead, "?")
    assert "there are 3 agents already" in result.value[1]


def test_agents_that_start_their_own_kind_come_to_an_end(start: Tree, told: Told) -> None:
    code = "local ok, found = pcall(AgentTool.call, 'Recursor', 'x') return ok and found.value or found"
    step = {"tool": "reply", "arguments": {"action": "eval_and_complete", "code": code}, "repeat": "forever"}
    assert "there are 4 agents above this one" in start([step]).execute(Recursor, "?").value
    assert told.names().count("agent.started") == 5


def test_a_pipeline_of_agents(start: Tree) -> None:
    code = "return AgentTool.pipeline({{'Clerk', 'first'}, {'Worker', 'second'}}).value"
    script = {
        "legion:Lead": [reply("eval_and_complete", code)],
        "legion:Clerk": [reply("return", result="a")],
        "legion:Worker": [reply("return", result="b")],
    }
    assert start(script).execute(Lead, "?") == Ok("b")


def test_a_sub_agent_that_is_cancelled_is_a_result(start: Tree) -> None:
    script = {
        "legion:Lead": [reply("eval_and_complete", "return AgentTool.call('Clerk', 'x')")],
        "legion:Clerk": [{"failure": "authentication", "text": "no key"}],
    }
    assert start(script).execute(Lead, "?").value["reason"] == "llm_failed"


def test_nothing_is_kept_of_sub_agents_that_ended(start: Tree) -> None:
    code = """
    AgentTool.parallel({{'Clerk', 'one'}, {'Clerk', 'two'}})
    AgentTool.stop(AgentTool.start('Clerk'))
    return AgentTool.start('Clerk')
    """
    script = {"legion:Lead": [reply("eval_and_complete", code)], "legion:Clerk": [reply("return", result="r")] * 2}
    tree = start(script)
    lead = tree.start_agent(Lead)
    (last,) = [lead.call("?").value]
    assert {kept.agent_id for kept in tree.kept()} == {lead.agent_id, last}
    lead.stop()
    wait_until(lambda: [kept.agent_id for kept in tree.kept()] == [lead.agent_id], timeout=20)


def test_a_sub_agent_that_cannot_start_is_told_without_a_traceback(start: Tree) -> None:
    code = "return {pcall(AgentTool.parallel, {{'Clerk', 'one'}, {'Broken', 'two'}})}"
    script = {"legion:Chief": [reply("eval_and_complete", code)], "legion:Clerk": [reply("return", result="r")]}
    tree = start(script)
    ok, why = tree.execute(Chief, "?").value
    assert ok is False
    assert "could not be started" in why
    assert "the prompt cannot be built" in why
    assert "Traceback" not in why
    wait_until(lambda: tree.kept() == [], timeout=20)  # the other one was ended


# -- the application -------------------------------------------------------------------------------


def test_a_tool_calls_what_the_application_offers(start: Tree) -> None:
    state = {"n": 20}
    tree = start([reply("eval_and_complete", "return Bridge.ask(1)")], application={"add": lambda n: state["n"] + n})
    assert tree.execute(Caller, "?") == Ok(21)


def test_and_nothing_else(start: Tree) -> None:
    script = [reply("eval_and_continue", "return Bridge.ask(1)"), reply("return", result={"$result": True})]
    assert "offers no function 'add'" in start(script).execute(Caller, "?").value


# -- functions -------------------------------------------------------------------------------------


def test_parallel_pipeline_and_then(start: Tree) -> None:
    script = {
        "legion:Clerk": {
            "steps": [{"tool": "reply", "arguments": {"action": "return", "result": {"$fact": "agent"}}}],
            "position": "turns",
        },
        "legion:Worker": {"steps": [{"failure": "authentication"}], "position": "turns"},
    }
    tree = start(script)
    name = "tests.beamlens.legion.agents.Clerk"
    assert legion.parallel([(Clerk, "a"), (Clerk, "b")], tree=tree) == Ok([name, name])
    result = legion.parallel([(Clerk, "a"), (Worker, "b")], tree=tree)
    assert isinstance(result, Cancelled)
    seen: list[Any] = []

    def next_task(value: Any) -> str:
        seen.append(value)
        return "b"

    assert legion.pipeline([(Clerk, "a"), (Clerk, next_task)], tree=tree) == Ok(name)
    assert seen == [name]
    assert isinstance(legion.pipeline([(Worker, "a"), (Clerk, next_task)], tree=tree), Cancelled)
    assert seen == [name]
    assert legion.pipeline([], tree=tree) == Ok(None)
    assert legion.then(result, Clerk, next_task) is result
    with pytest.raises(legion_error()):
        legion.pipeline(["a"], tree=tree)  # type: ignore[list-item]


def legion_error() -> type[Exception]:
    from beamlens.errors import ConfigurationError

    return ConfigurationError


def test_the_programs_own_tree() -> None:
    step = {"tool": "reply", "arguments": {"action": "return", "result": "x"}, "repeat": "forever"}
    legion.start(provider="scripted", provider_options={"script": [step]})
    try:
        assert legion.execute(Clerk, "?") == Ok("x")
        assert legion.then(Ok("y"), Clerk, str) == Ok("x")
        agent = Clerk.start()
        assert agent.call("?") == Ok("x")
        with pytest.raises(legion_error(), match="already"):
            legion.start()
    finally:
        legion.stop()


async def execute_twice() -> Any:
    import asyncio

    return await asyncio.gather(legion.aexecute(Clerk, "a"), legion.aexecute(Clerk, "b"))


def test_from_an_event_loop() -> None:
    import asyncio

    step = {"tool": "reply", "arguments": {"action": "return", "result": "x"}, "repeat": "forever"}
    legion.start(provider="scripted", provider_options={"script": [step]})
    try:
        assert asyncio.run(execute_twice()) == [Ok("x"), Ok("x")]
    finally:
        legion.stop()


def test_without_a_model_that_writes_code() -> None:
    with pytest.raises(legion_error(), match="ANTHROPIC_API_KEY"):
        legion.start(provider="rules")
