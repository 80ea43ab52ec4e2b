"""A whole run over three operators with Anthropic's real SDK against a local server, event by event."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from beamlens.testing import StubAnthropic, error_answer, text_message, tool_message
from supervision.testing import wait_until
from tests.beamlens.e2e.trees import KEY, SECRET, Ear, Toy, asking

NAMES = ("alpha", "beta", "gamma")
OPERATORS = tuple({"name": name, "skill": Toy} for name in NAMES)

STEP = ["operator.iteration_start", "llm.start", "llm.stop", "tool.start"]
OPERATOR = [
    "operator.started",
    "operator.status_change",
    "operator.run_started",
    *(*STEP, "operator.take_snapshot", "tool.stop"),
    *(*STEP, "operator.execute_start", "operator.execute_complete", "tool.stop"),
    *(*STEP, "operator.state_change", "tool.stop"),
    *(*STEP, "operator.notification_sent", "tool.stop"),
    *(*STEP, "operator.done", "tool.stop"),
    "operator.loop_stopped",
    "operator.run_stopped",
    "operator.status_change",
]
FAILED_CALL = ["llm.start", "llm.exception", "operator.llm_error"]


def results(asked: dict[str, Any]) -> list[Any]:
    """Return the tool results in a request, decoded."""
    blocks = [
        block for message in asked["messages"] if isinstance(message["content"], list) for block in message["content"]
    ]
    return [json.loads(_text(block)) for block in blocks if block["type"] == "tool_result"]


def _text(block: dict[str, Any]) -> str:
    content = block["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def operate(asked: dict[str, Any]) -> dict[str, Any]:
    """Play an operator's model."""
    found = results(asked)
    name = next(word for word in NAMES if f'"operator": "{word}"' in str(asked["messages"][0]["content"]))
    evidence = {"context": "a toy", "severity": "warning", "type": "toy"}
    steps: list[Any] = [
        ("take_snapshot", {}),
        ("execute", {"code": "return toy_n() + 1"}),
        ("set_state", {"state": "warning", "reason": "it is 6"}),
        (
            "send_notification",
            {**evidence, "observation": f"{name} is 6", "snapshot_ids": [found[0]["id"] if found else ""]},
        ),
        ("done", {}),
    ]
    tool, arguments = steps[len(found)]
    return tool_message(tool, arguments)


class Coordinate:
    """Play the coordinator's model."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def __call__(self, asked: dict[str, Any]) -> dict[str, Any]:
        tool, arguments = self.choose(asked)
        self.steps.append(tool)
        return tool_message(tool, arguments)

    def choose(self, asked: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        if not self.steps:
            return "invoke_operators", {"skills": ["alpha", "beta", "gamma"], "context": "memory alert"}
        if "Operators at work: none" not in str(asked["messages"][-1]):
            return "wait", {"ms": 5000}
        if self.steps[-1] == "wait":
            return "get_notifications", {"status": "unread"}
        if self.steps[-1] == "produce_insight":
            return "done", {}
        inbox = results(asked)[-1]
        return "produce_insight", {
            "notification_ids": [entry["id"] for entry in inbox],
            "correlation_type": "symptomatic",
            "summary": "all toys are 6",
            "matched_observations": [entry["observation"] for entry in inbox],
            "hypothesis_grounded": True,
            "root_cause_hypothesis": "toy_n",
            "confidence": "high",
        }


def of(ear: Ear, who: str) -> list[str]:
    return [name for name in ear.of(who) if name != "llm.usage"]


def test_a_run_over_three_operators_event_by_event(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    coordinate = Coordinate()
    with StubAnthropic() as stub, asking(stub, OPERATORS, transcripts=tmp_path) as (lens, ear):
        with caplog.at_level(logging.DEBUG):
            stub.enqueue(error_answer(529), when='\\"operator\\": \\"beta\\"')
            stub.enqueue(*[operate] * 15, when="You watch a toy")
            stub.enqueue(*[coordinate] * 20, when="You coordinate operators")
            outcome = lens.run("memory alert", timeout=40)
        usage = lens.usage()
        environments = [read_environment(pid) for pid in pids(lens)]
        gateway = read_environment(lens["gateway"].pid)

    # What came of it.
    assert outcome.ending == "done"
    assert [insight.summary for insight in outcome.insights] == ["all toys are 6"] == outcome.answer.splitlines()
    assert {found.observation for found in outcome.notifications} == {f"{name} is 6" for name in NAMES}
    assert [result.ending for result in outcome.operator_results] == ["done"] * 3
    assert usage.by_caller["coordinator"].calls == len(coordinate.steps)

    # Operators, event by event.
    for name in ("alpha", "gamma"):
        assert of(ear, name) == OPERATOR
    at = OPERATOR.index("llm.start")
    assert of(ear, "beta") == [*OPERATOR[:at], *FAILED_CALL, *OPERATOR[at:]]
    (error,) = (event.metadata for event in ear.named("operator.llm_error"))
    assert (error["retry_count"], error["will_retry"], error["reason"].status) == (
        1,
        True,
        529,
    )

    # The coordinator; what operators tell comes in between.
    told = [name for name in of(ear, "coordinator") if name not in REPORTS]
    tools = {"invoke_operators": "invoke_operators", "produce_insight": "insight_produced"}
    expected = ["coordinator.started", "coordinator.run_started"]
    for tool in coordinate.steps:
        step = ["coordinator.iteration_start", "llm.start", "llm.stop", "tool.start"]
        expected += [*step, f"coordinator.{tools.get(tool, tool)}", "tool.stop"]
    assert told == [*expected, "coordinator.loop_stopped", "coordinator.run_stopped"]
    assert len(ear.named("coordinator.operator_notification_received")) == 3
    assert len(ear.named("coordinator.operator_complete")) == 3

    # One trace id for each run, and the operators' runs know whose they are.
    parents = {event.metadata["parent_trace_id"] for event in ear.named("operator.run_started")}
    assert parents == {outcome.trace_id}
    for result in outcome.operator_results:
        traces = {
            event.metadata["trace_id"]
            for event in ear.events
            if event.who == result.operator and "trace_id" in event.metadata
        }
        assert traces == {result.trace_id}

    # The key is in the gateway's environment at most, and in nothing that is told or written.
    assert not any(SECRET in environment or KEY in environment for environment in environments)
    assert SECRET not in repr(ear.events) + caplog.text + repr(outcome) + gateway
    assert not any(SECRET.encode() in path.read_bytes() for path in tmp_path.iterdir())
    assert len(list(tmp_path.iterdir())) == 4
    assert all(SECRET in str(request.headers) for request in stub.requests)


REPORTS = ("coordinator.operator_notification_received", "coordinator.operator_complete")


def pids(lens: Any) -> list[int]:
    return [lens.coordinator.pid, *(lens["operators"][name].pid for name in NAMES)]


def read_environment(pid: int) -> str:
    with open(f"/proc/{pid}/environ", "rb") as file:
        return file.read().decode(errors="replace")


def test_a_final_error_of_the_coordinators_model_is_answered_to_the_caller() -> None:
    with StubAnthropic() as stub, asking(stub) as (lens, ear):
        stub.always(error_answer(529))
        with pytest.raises(Exception, match="overloaded") as raised:
            lens.run("memory alert", timeout=30)
        assert type(raised.value).__name__ == "ModelFailed"
        wait_until(lambda: len(ear.named("coordinator.llm_error")) == 3)  # events have a thread of their own
        assert [(e.metadata["retry_count"], e.metadata["will_retry"]) for e in ear.named("coordinator.llm_error")] == [
            (1, True),
            (2, True),
            (3, False),
        ]
        stub.always(tool_message("done"))
        assert lens.run("again", timeout=30).ending == "done"


def test_what_cannot_succeed_is_not_tried_again() -> None:
    with StubAnthropic() as stub, asking(stub) as (lens, ear):
        stub.always(error_answer(401))
        completion = lens.operator("toy").run("look", timeout=30)
    assert completion.ending == "llm_failed"
    assert "authentication" in str(completion.reason)
    assert [event.metadata["will_retry"] for event in ear.named("operator.llm_error")] == [False]


def test_words_in_place_of_a_tool_are_fed_back_and_end_the_run_at_the_third() -> None:
    with StubAnthropic() as stub, asking(stub) as (lens, ear):
        stub.enqueue(text_message("I would rather talk."))
        stub.enqueue(tool_message("done"))
        assert lens.operator("toy").run("look", timeout=30).ending == "done"
        assert "no tool was called" in str(stub.requests[-1].json["messages"])
        stub.enqueue(*[text_message("Talk, talk.")] * 3)
        completion = lens.operator("toy").run("look", timeout=30)
    assert completion.ending == "llm_failed"
    assert "3 unusable answers" in str(completion.reason)
    assert [event.metadata["count"] for event in ear.named("operator.nonsense")] == [1, 1, 2, 3]


def test_no_key_is_needed_where_the_test_has_none() -> None:
    assert KEY not in os.environ
