"""The rules provider in the operator's own loop: its tools, a skill on its thread, Lua in the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from beamlens.agent.control import Control
from beamlens.agent.loop import AgentLoop, LoopPolicy, LoopState
from beamlens.agent.observer import Observer
from beamlens.domain import Notification
from beamlens.llm.model import ModelReply, ModelRequest
from beamlens.llm.rules import RulesModel
from beamlens.llm.rules.words import CONFIRMED
from beamlens.operator.events import OperatorEvents
from beamlens.operator.findings import Findings
from beamlens.operator.messages import Invoke
from beamlens.operator.role import OperatorRole, Subject
from beamlens.probe.remote import LocalSkill
from beamlens.sandbox import Sandbox, SandboxServer
from beamlens.skills.checks import Check, Threshold, Trend
from beamlens.skills.skill import Skill

RUN = "0" * 32
CHECK = Check(
    "table_growth",
    Trend("tables.*.rows", least_change=100, snapshots=4),
    "table {key} grew from {first} to {last} rows; {drill.keeper} keeps it",
    drill="local found, why = tables_keeper(check.key); return {keeper = found, why = why, rows = check.last}",
    confirm=Threshold("rows", ">", 0),
    cause="cache_growth",
    entities=("{drill.keeper}",),
)


class Tables(Skill):
    """Show a table that grows and one that does not."""

    id = "tables"
    title = "Tables"
    description = "Tables"
    system_prompt = "You watch tables."
    step = 100

    def __init__(self) -> None:
        self._looks = 0

    def snapshot(self) -> Mapping[str, Any]:
        self._looks += 1
        return {"tables": [{"name": 'or"ders', "rows": self._looks * self.step}, {"name": "users", "rows": 7}]}

    def callbacks(self) -> Mapping[str, Any]:
        return {"tables_keeper": self.keeper}

    def keeper(self, name: str) -> str:
        """Return who keeps a table."""
        if name != 'or"ders':
            raise ValueError(f"there is no table {name}")
        return "shop/orders.py:9"

    def checks(self) -> tuple[Check, ...]:
        return (CHECK,)


class Quiet(Tables):
    """Show nothing that grows."""

    id = "quiet"
    step = 0


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    server = SandboxServer.start()
    try:
        yield Sandbox(server.address)
    finally:
        server.stop()


def investigate(skill: type[Skill], sandbox: Sandbox) -> tuple[OperatorRole, str, list[Notification]]:
    local = LocalSkill((skill, {}))
    sent: list[Notification] = []
    subject = Subject("tables", skill.id, "t", "d", "p", "", tuple(skill().checks()), ("tables_keeper",), "host:1")

    def evaluate(code: str) -> tuple[Any, str | None]:
        result = sandbox.evaluate(code, {"tables_keeper": lambda *given: local.call("tables_keeper", *given)})
        return (None, result.error.text) if result.error is not None else (result.value, None)

    def ask(request: ModelRequest) -> ModelReply:
        return asyncio.run(RulesModel().complete(request))

    role = OperatorRole(
        subject,
        local,
        evaluate,
        Findings(Invoke(run_id=RUN)),
        OperatorEvents("tables", RUN),
        sent.append,
        pace=0.02,
        continuous=False,
        max_iterations=25,
    )
    request = ModelRequest("", (), run_id=RUN)
    loop = AgentLoop(role, ask, Control(30), Observer(), LoopPolicy(), None, request)
    try:
        ended = loop.run(LoopState())
    finally:
        local.close()
    return role, ended.ending, sent


def test_a_growing_table_is_found_by_name_and_its_keeper_by_lua(sandbox: Sandbox) -> None:
    role, ending, [told] = investigate(Tables, sandbox)
    assert (ending, role.findings.state) == ("done", "warning")
    assert told.observation == 'table or"ders grew from 100 to 500 rows; shop/orders.py:9 keeps it'
    assert told.entities == ("shop/orders.py:9", 'tables.or"ders.rows')
    assert told.cause == "cache_growth"
    assert CONFIRMED in told.context
    assert role.findings.loop.nonsense == 0


def test_nothing_is_told_of_tables_that_do_not_grow(sandbox: Sandbox) -> None:
    role, ending, sent = investigate(Quiet, sandbox)
    assert (ending, role.findings.state, sent) == ("done", "healthy", [])
