from __future__ import annotations

import asyncio
import re
import time
from typing import Any, cast

import pytest

from beamlens import telemetry
from tests.beamlens.telemetry.recording import RUN, Recorder

THINK = ("beamlens", "operator", "think")
TOOL: dict[str, object] = {**RUN, "tool_name": "think", "intent": "think"}
LLM: dict[str, object] = {**RUN, "context_size": 2}


def test_the_time_is_filled_in() -> None:
    heard, before = Recorder(), time.time_ns()
    telemetry.emit(THINK, None, {"operator": "vm", "thought": "hm", **RUN})
    [(name, measurements, metadata)] = heard.events
    assert name == THINK
    assert before <= measurements["system_time"] <= time.time_ns()
    assert metadata == {"operator": "vm", "thought": "hm", **RUN}
    assert heard.violations == []


def test_a_time_that_was_given_stays_and_none_is_added_where_the_table_has_none() -> None:
    heard = Recorder()
    telemetry.emit(THINK, {"system_time": 7}, {"operator": "vm", "thought": "hm", **RUN})
    telemetry.emit(("beamlens", "tool", "stop"), {"duration": 1}, {**TOOL, "result": {}})
    assert [measurements for _, measurements, _ in heard.events] == [{"system_time": 7}, {"duration": 1}]


@pytest.mark.parametrize("name", [None, "beamlens", [], ("beamlens", []), (), ("nobody", "attached")])
@pytest.mark.parametrize("measurements", [None, 3, [("a", 1)], {}])
@pytest.mark.parametrize("metadata", [None, 3, {}])
def test_nothing_that_is_given_raises(name: Any, measurements: Any, metadata: Any) -> None:
    heard = Recorder()
    telemetry.emit(name, measurements, metadata)
    telemetry.emit(THINK, measurements, cast(Any, {"not": "declared"}))
    assert set(heard.names) <= {"beamlens.operator.think"}


def test_a_handler_that_raises_does_not_hurt_the_emitter() -> None:
    def broken(*_: object) -> None:
        raise SystemExit("broken")

    telemetry.attach("broken", THINK, broken)
    telemetry.emit(THINK, None, {})
    assert telemetry.list_handlers(THINK) == []


def test_a_tool_is_told_from_start_to_stop() -> None:
    heard = Recorder()
    assert telemetry.tool_span(TOOL, lambda: {"ok": True}) == {"ok": True}
    assert heard.names == ["beamlens.tool.start", "beamlens.tool.stop"]
    assert heard.events[0][2] == TOOL
    assert heard.events[1][2] == {**TOOL, "result": {"ok": True}}
    assert heard.events[1][1]["duration"] >= 0
    assert heard.violations == []


@pytest.mark.parametrize(
    ("error", "kind"),
    [(ValueError("no"), "error"), (SystemExit(3), "exit"), (KeyboardInterrupt(), "exit"), (GeneratorExit(), "exit")],
)
def test_a_tool_that_fails_in_any_way_is_told_and_raises(error: BaseException, kind: str) -> None:
    heard = Recorder()

    def broken_tool() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        telemetry.tool_span(TOOL, broken_tool)
    assert raised.value is error
    assert heard.names == ["beamlens.tool.start", "beamlens.tool.exception"]
    metadata = heard.events[1][2]
    assert (metadata["kind"], metadata["reason"]) == (kind, error)
    assert "broken_tool" in metadata["stacktrace"][-1]
    assert heard.violations == []


def test_the_parts_of_a_tool_can_be_told_one_by_one() -> None:
    heard = Recorder()
    start = time.monotonic_ns()
    telemetry.emit_tool_start(TOOL)
    telemetry.emit_tool_stop(TOOL, [1], start)
    telemetry.emit_tool_exception(TOOL, ValueError("no"), start)
    telemetry.emit_tool_exception(TOOL, "gone", start, "exit", ["frame"])
    assert heard.names == [f"beamlens.tool.{name}" for name in ("start", "stop", "exception", "exception")]
    assert all(0 <= event[1]["duration"] <= time.monotonic_ns() - start for event in heard.events[1:])
    last = heard.events[-1][2]
    assert (last["kind"], last["reason"], last["stacktrace"]) == ("exit", "gone", ["frame"])
    assert heard.violations == []


def test_a_call_of_a_model_is_told_with_what_only_its_end_knows() -> None:
    heard = Recorder()
    with telemetry.llm_span(LLM) as call:
        call.add(tool_selected="think", intent="think", response=None)
        call.add(intent="again")
    assert heard.names == ["beamlens.llm.start", "beamlens.llm.stop"]
    assert heard.events[1][2] == {**LLM, "tool_selected": "think", "intent": "again", "response": None}
    assert heard.violations == []


def test_a_cancelled_call_of_a_model_ends_as_exception() -> None:
    heard = Recorder()

    async def ask() -> None:
        with telemetry.llm_span(LLM):
            await asyncio.sleep(60)

    async def cancel() -> None:
        asking = asyncio.create_task(ask())
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    asyncio.run(cancel())
    assert heard.names == ["beamlens.llm.start", "beamlens.llm.exception"]
    assert heard.events[1][2]["kind"] == "exit"
    assert heard.violations == []


def test_trace_ids_have_the_form_of_the_web_s_and_never_repeat() -> None:
    ids = {telemetry.generate_trace_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch("[0-9a-f]{32}", found) for found in ids)
