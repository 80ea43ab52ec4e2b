"""Agents that stay for long: their conversations are shortened, and they end themselves when nobody needs them."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from beamlens import telemetry as beamlens_telemetry
from beamlens.errors import ConfigurationError
from beamlens.legion import Cancelled, Image, Ok, Policy, Rule
from beamlens.legion.options import AgentOptions
from supervision.testing import wait_until
from tests.beamlens.legion.agents import Clerk, Rememberer, Worker
from tests.beamlens.legion.conftest import Told, Tree, reply
from tests.beamlens.legion.team import Lead

LARGE = {"input_tokens": 5000, "output_tokens": 10}


def large(action: str, **more: Any) -> dict[str, Any]:
    """Return a step after which the conversation is too long."""
    return {"tool": "reply", "arguments": {"action": action, **more}, "usage": LARGE}


def working(*steps: Any) -> dict[str, Any]:
    return {"*": list(steps), "compaction": [{"text": "Three numbers were found: 1, 2, 3."}] * 5}


def short(start: Tree, script: Any, **options: Any) -> Any:
    tree = start(script, **options)
    return tree.start_agent(Rememberer, compaction_max_tokens=4000, compaction_keep_last=2)


def test_a_long_conversation_becomes_a_summary_and_the_task_stays(start: Tree) -> None:
    steps = [large("eval_and_continue", code=f"return {number}") for number in (1, 2, 3)]
    agent = short(start, working(*steps, reply("return", result="6")))
    assert agent.call(["Add the numbers.", Image(url="https://example.org/numbers.png")]) == Ok("6")
    messages = agent.get_messages()
    assert "Three numbers were found" in messages[1]["content"]
    assert messages[1]["content"].endswith("word for word:\nAdd the numbers.")
    assert messages[1]["images"] == 1
    assert len(messages) < 8
    assert agent.status()["usage"]["requests"] > 4  # the summaries are counted as well


def test_without_it_the_conversation_grows(start: Tree) -> None:
    steps = [large("eval_and_continue", code=f"return {number}") for number in (1, 2, 3)]
    agent = start(working(*steps, reply("return", result="6"))).start_agent(Rememberer, compaction_max_tokens=None)
    agent.call("Add the numbers.")
    assert len(agent.get_messages()) == 10


def test_a_shortened_conversation_is_what_is_kept(start: Tree, tmp_path: Any, told: Told) -> None:
    steps = [large("eval_and_continue", code=f"return {number}") for number in (1, 2, 3)]
    slow = {"tool": "reply", "arguments": {"action": "return", "result": "6"}, "delay": 2.0}
    agent = short(start, working(*steps, slow, reply("return", result="again")), store=tmp_path / "s")
    agent.cast("Add the numbers.")
    wait_until(lambda: told.names().count("llm.request.start") == 4)
    before = agent.get_messages()
    assert any("Three numbers" in message["content"] for message in before)
    os.kill(agent.ref.pid, signal.SIGKILL)
    wait_until(lambda: told.names().count("agent.started") == 2, timeout=20)
    assert agent.get_messages()[: len(before)] == before


@pytest.mark.parametrize(("limit", "ends"), [(9_000, "exception"), (900_000, "stop")])
def test_shortening_is_told_and_limited(start: Tree, limit: int, ends: str) -> None:
    found: list[Any] = []
    names = [("beamlens", "compaction", name) for name in ("start", "stop", "exception")]
    beamlens_telemetry.attach_many("compacting", names, lambda name, _m, about, _c: found.append((name[-1], about)))
    try:
        steps = [large("eval_and_continue", code=f"return {number}") for number in (1, 2, 3)]
        tree = start(working(*steps, reply("return", result="6")))
        rule = Rule({"user": "ann"}, Policy(window_seconds=600, max_tokens=limit))
        options: dict[str, Any] = {"compaction_max_tokens": 4000, "compaction_keep_last": 2, "rate_limit": rule}
        agent = tree.start_agent(Rememberer, **options)
        assert agent.call("Add the numbers.").ok is (ends == "stop")
        wait_until(lambda: len(found) >= 2)
    finally:
        beamlens_telemetry.detach("compacting")
    assert [name for name, _ in found][:2] == ["start", ends]
    assert all(about["trace_id"] == agent.agent_id for _, about in found)


def test_what_the_model_cannot_read_any_more_is_shortened_at_once(start: Tree) -> None:
    steps = [reply("eval_and_continue", f"return {number}") for number in (1, 2, 3)]
    too_long = {"failure": "context_window", "text": "too long"}
    agent = start(working(*steps, too_long, reply("return", result="6"))).start_agent(Worker, compaction_keep_last=2)
    assert agent.call("Add the numbers.") == Ok("6")
    assert "Three numbers" in agent.get_messages()[1]["content"]


def test_what_cannot_be_shortened_ends_the_turn(start: Tree) -> None:
    too_long = {"failure": "context_window", "text": "too long", "repeat": 20}
    result = start(working(too_long)).execute(Worker, "?")
    assert result == Cancelled("llm_failed", "context_window: too long")


def test_a_summary_that_fails_loses_nothing(start: Tree) -> None:
    steps = [large("eval_and_continue", code=f"return {number}") for number in (1, 2, 3)]
    script = {"*": [*steps, reply("return", result="6")], "compaction": [{"failure": "server", "repeat": 20}]}
    agent = short(start, script)
    assert agent.call("Add the numbers.") == Ok("6")
    assert len(agent.get_messages()) == 10


def test_cancelling_a_summary_cancels_the_turn(start: Tree) -> None:
    steps = [large("eval_and_continue", code=f"return {number}") for number in (1, 2, 3)]
    script = {"*": [*steps, reply("return", result="6")], "compaction": [{"text": "slow", "delay": 30}]}
    agent = short(start, script)
    call = agent.cast("Add the numbers.")
    wait_until(lambda: agent.status()["iteration"] >= 2, timeout=20)
    assert agent.cancel(call) == 1
    assert agent.await_(call) == Cancelled("cancelled", "cancelled")


# -- idle agents -------------------------------------------------------------------------------------


def test_an_idle_agent_ends_and_can_be_resumed(start: Tree, told: Told) -> None:
    script = [reply("eval_and_complete", "kept = 7"), reply("eval_and_complete", "return kept")]
    tree = start(script)
    agent = tree.start_agent(Rememberer, agent_id="idle", idle_timeout=0.3)
    agent.call("remember")
    wait_until(lambda: not tree.running("idle"), timeout=20)
    assert agent.call("?") == Cancelled("gone", agent.call("?").detail)
    wait_until(lambda: told.names()[-1:] == ["agent.stopped"])
    assert tree.resume("idle", idle_timeout=None).call("what?") == Ok(7)


def test_one_that_works_does_not(start: Tree) -> None:
    slow = {"tool": "reply", "arguments": {"action": "done"}, "delay": 1.0}
    agent = start([slow, reply("done")]).start_agent(Worker, idle_timeout=0.3)
    assert agent.call("?") == Ok(None)
    pid = agent.ref.pid
    assert agent.eval("return Marker.nap(1.0)") == (True, True)
    assert agent.ref.pid == pid


def test_a_sub_agent_that_ended_itself_makes_room(start: Tree) -> None:
    code = """
    local first = AgentTool.start('Clerk')
    for i = 1, 2 do AgentTool.start('Clerk') end
    return first
    """
    script = {
        "legion:Lead": [
            reply("eval_and_complete", code),
            reply("eval_and_complete", "return AgentTool.start('Clerk')"),
        ],
        "legion:Clerk": [],
    }
    tree = start(script, agents={"idle_timeout": 0.5})
    lead = tree.start_agent(Lead, idle_timeout=None)
    first = lead.call("?").value
    wait_until(lambda: not tree.running(first), timeout=20)
    assert isinstance(lead.call("?").value, str)


def test_another_program_may_have_an_agent_that_ended_itself(start: Tree, tmp_path: Any) -> None:
    one = start([reply("done")], store=tmp_path / "s")
    two = start([reply("return", result="here")], store=tmp_path / "s")
    one.start_agent(Clerk, agent_id="idle", idle_timeout=0.2).call("?")
    wait_until(lambda: not one.running("idle"), timeout=20)
    assert two.resume("idle").call("?") == Ok("here")


@pytest.mark.parametrize(
    "bad", [{"idle_timeout": 0}, {"compaction_max_tokens": 0}, {"compaction_keep_last": None}, {"idle_timeout": "1"}]
)
def test_numbers_that_cannot_be(bad: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        AgentOptions(**bad)
