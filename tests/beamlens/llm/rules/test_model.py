"""The provider as the gateway sees it: roles, replies, texts."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from typing import Any

import pytest

from beamlens.agent.tool_schema import tool
from beamlens.coordinator.schemas import TOOLS as COORDINATOR_TOOLS
from beamlens.errors import ModelError
from beamlens.llm.model import Message, ModelReply, ModelRequest, ToolCall, ToolSchema
from beamlens.llm.rules import RulesModel
from beamlens.operator.schemas import TOOLS as OPERATOR_TOOLS
from tests.beamlens.llm.rules.notices import completion, notice


def test_a_coordinator_that_waits_again_is_answered_a_little_later() -> None:
    waited = Message("assistant", call=ToolCall("1", "wait", {"ms": 500}))
    facts = {"role": "coordinator", "operators": [{"name": "vm"}], "running": ["vm"], "iteration": 3}

    def seconds(gather: float, *messages: Message) -> float:
        begun = time.monotonic()
        request = ModelRequest("", (*messages, Message("user", "go")), COORDINATOR_TOOLS, facts=facts)
        asyncio.run(RulesModel(gather).complete(request))
        return time.monotonic() - begun

    assert seconds(0.5, waited) >= 0.5
    assert seconds(0.5) < 0.4
    assert seconds(0.0, waited) < 0.4


def ask(facts: dict[str, Any], *messages: Message, tools: tuple[ToolSchema, ...] = ()) -> ModelReply:
    request = ModelRequest("", messages or (Message("user", "go"),), tools, facts=facts)
    first = asyncio.run(RulesModel(gather_seconds=0).complete(request))
    assert asyncio.run(RulesModel(gather_seconds=0).complete(request)) == first
    return first


@pytest.mark.parametrize("facts", [{}, {"role": "poet"}])
def test_an_unknown_role_is_a_final_failure_that_says_what_is_known(facts: dict[str, Any]) -> None:
    with pytest.raises(ModelError) as caught:
        ask(facts)
    assert (caught.value.failure.kind, caught.value.failure.retryable) == ("configuration", False)
    assert "operator, coordinator, message" in caught.value.failure.text


@pytest.mark.parametrize("role", ["operator", "coordinator"])
def test_facts_that_lack_everything_are_enough_to_go_on(role: str) -> None:
    tools = OPERATOR_TOOLS if role == "operator" else COORDINATOR_TOOLS
    assert ask({"role": role}, tools=tools).problem is None
    strange = {"checks": 5, "snapshots": "x", "notifications": {}, "operators": [None], "inbox": 3, "crashed": ["a"]}
    for field, value in strange.items():
        assert ask({"role": role, field: value}, tools=tools).problem is None


def test_a_tool_that_wants_every_field_gets_null_for_none() -> None:
    strict = tool("take_snapshot", "Look.", ("why",), why={"type": ["string", "null"]})
    reply = ask({"role": "operator", "iteration": 5}, tools=(strict,))
    assert reply.call is not None
    assert reply.call.arguments == {"why": None}


SNAPSHOTS = [
    {
        "id": "00000000000000a1",
        "captured_at": "2026-03-01T12:00:00+00:00",
        "data": {"threads": 10, "memory": {"mb": 5}},
    },
    {
        "id": "00000000000000a2",
        "captured_at": "2026-03-01T12:00:09+00:00",
        "data": {"threads": 40, "memory": {"mb": 5}},
    },
]


def test_a_question_is_answered_in_sentences() -> None:
    told = notice("vm", "thread_growth", number=7, observation="threads grew", remedy="End them.")
    facts = {
        "role": "message",
        "operator": "vm",
        "state": "warning",
        "question": "How many threads do you see?",
        "snapshots": SNAPSHOTS,
        "notifications": [told.to_dict(snapshots=False)],
    }
    assert ask(facts).text == (
        "Operator vm answers by rules, without a model. State: warning. 1 finding reported: "
        "thread_growth (warning, 0000000000000007): threads grew What to do: End them. "
        "Snapshot 00000000000000a2: threads is 40 (first 10)."
    )


def test_a_question_about_nothing_that_is_known() -> None:
    facts = {"role": "message", "operator": "vm", "question": "weather?", "snapshots": SNAPSHOTS}
    text = ask(facts).text
    assert "Nothing was reported." in text
    assert text.endswith("Nothing in it has the question's words in its name.")
    assert "No snapshot was taken yet." in ask({"role": "message", "question": "threads?"}).text


def test_a_summary_of_messages_has_every_id() -> None:
    sent = ToolCall("1", "send_notification", {"type": "leak", "snapshot_ids": ["00000000000000a1"]})
    failed = ToolCall("2", "execute", {"code": "return vm_locks()"})
    text = ask(
        {"role": "compaction"},
        Message("assistant", call=sent),
        Message("user", '{"notification_sent": "00000000000000b1"}', answers="1"),
        Message("assistant", call=failed),
        Message("user", '{"error": "boom"}', answers="2", is_error=True),
        Message("user", "summarise"),
    ).text
    assert "execute 1x, send_notification 1x" in text
    assert "- send_notification type: leak; snapshot_ids: ['00000000000000a1']" in text
    assert "- execute code: return vm_locks() failed: boom" in text
    assert text.endswith("Ids: 00000000000000a1, 00000000000000b1.")


def test_a_summary_of_a_real_compaction_keeps_the_conversation_going() -> None:
    from beamlens.agent.compaction import Compaction, compact
    from beamlens.agent.context import Context

    messages: list[Message] = [Message("user", "begin")]
    for place in range(6):
        call = ToolCall(f"c{place}", "set_state", {"state": "warning", "reason": f"reason {place}"})
        messages += [Message("assistant", "", call), Message("user", f'{{"id": "{place:016x}"}}', answers=f"c{place}")]
    context = Context(tuple(messages))
    shorter = compact(
        context, 9, lambda request: asyncio.run(RulesModel(gather_seconds=0).complete(request)), Compaction()
    )
    summary = shorter.messages[0].text
    assert "Summed up by rules" in summary
    assert "set_state 4x" in summary
    assert "- set_state state: warning; reason: reason 3" in summary
    assert all(f"{place:016x}" in summary for place in range(4))


PIPELINE = {
    "question": "Why is the database slow?",
    "operators": [
        {"name": "vm", "description": "memory and threads"},
        {"name": "sql", "description": "databases, slow queries"},
    ],
}


def test_a_query_chooses_operators_as_text_and_as_a_tool() -> None:
    wanted = {"intent": "question", "skills": ["sql"], "operator_context": "Why is the database slow?"}
    assert json.loads(ask({"role": "classify", **PIPELINE}).text) == wanted
    schema = tool("classify", "", ("intent", "skills"), intent={}, skills={}, operator_context={})
    reply = ask({"role": "classify", **PIPELINE}, tools=(schema,))
    assert reply.call is not None
    assert reply.call.arguments == wanted
    everything = json.loads(ask({"role": "classify", **PIPELINE, "question": "look around"}).text)
    assert (everything["skills"], everything["intent"]) == (["vm", "sql"], "investigation")


def test_findings_are_put_into_one_answer() -> None:
    found = notice("sql", "slow_query", cause="slow_query", observation="a query took 3 s")
    facts = {"role": "synthesize", "inbox": [found.to_dict(snapshots=False)]}
    text = ask(facts).text
    assert "sql: a query took 3 s." in text
    assert "slow_query: a database query takes long" in text
    nothing = {"role": "synthesize", "completed": [completion("vm").to_dict()]}
    reply = ask(nothing, tools=(tool("synthesize", "", ("answer",), answer={}),))
    assert reply.call is not None
    assert reply.call.arguments["answer"].endswith("No anomaly found by 1 operator: vm.")


def test_the_provider_brings_no_sdk_along() -> None:
    code = (
        "import sys; import beamlens.llm.rules; "
        "print([name for name in ('anthropic', 'lupa', 'httpx2', 'psutil', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "[]"
