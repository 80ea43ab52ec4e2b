"""Legion beside BeamLens: an agent asks what the operators know, an operator calls an agent's tools."""

from __future__ import annotations

from typing import Any

from beamlens.legion import Legion, Ok
from beamlens.supervisor import Beamlens
from tests.beamlens.legion.conftest import reply
from tests.beamlens.legion.together import Reporter, ShopSkill


def script() -> dict[str, Any]:
    """The operator counts orders by a Legion tool and reports; the coordinator reads it; the agent asks both."""
    notification = {
        "type": "orders",
        "context": "the shop",
        "observation": {"$text": ["there are ", {"$result": "1"}, " orders"]},
        "severity": "warning",
        "snapshot_ids": [{"$last_snapshot_id": True}],
    }
    ask = "return Operators.ask('How is the shop?')"
    return {
        "operator:shop": [
            ["take_snapshot", {}],
            ["execute", {"code": "return {0, orders_count()}"}],
            ["send_notification", notification],
            ["done", {}],
        ],
        "coordinator": [
            ["invoke_operators", {"skills": ["shop"], "context": "look"}],
            {"tool": "wait", "arguments": {"ms": 100}, "repeat": 20},
            ["done", {}],
        ],
        "legion:Reporter": [reply("eval_and_complete", ask)],
    }


def test_an_agent_answers_a_question_about_the_running_application() -> None:
    lens = Beamlens.start(
        operators=[ShopSkill], provider="scripted", provider_options={"script": script()}, transcripts=False
    )
    try:

        def investigate(question: str) -> list[str]:
            return [found.observation for found in lens.run(question, deadline=30).notifications]

        tree = Legion.start(name="beside", beamlens=lens, application={"investigate": investigate})
        try:
            assert "gateway" not in tree
            assert tree.execute(Reporter, "How is the shop?") == Ok(["there are 2 orders"])
        finally:
            tree.stop()
    finally:
        lens.stop()
