"""Agents that are not right say so when they are started, and leave nothing behind."""

from __future__ import annotations

from typing import Any

import pytest

from beamlens.errors import ConfigurationError
from beamlens.legion import Ok
from beamlens.legion.output import Output
from supervision import StartError
from tests.beamlens.legion import wrong
from tests.beamlens.legion.agents import Buyer
from tests.beamlens.legion.conftest import Tree, reply

CASES = [
    (wrong.NoType, "output schema.properties.a has the type 'text'; some of object"),
    (wrong.NoPattern, "output schema has the pattern '('"),
    (wrong.NoSchema, "the output schema is 7; a JSON Schema"),
    (wrong.NumberTool, "3 is no tool; a module, class, object or function is expected"),
    (wrong.NoTools, "tools() returned None; a list of tools is expected"),
    (wrong.OneTool, "tools() returned 'Orders'; a list of tools is expected"),
    (wrong.NoPassword, "the tool Locked cannot be made of its tool_config"),
    (wrong.NoConfig, "config() returned None; a mapping of options is expected"),
    (wrong.TextActions, "action_types() returned 'return'; a list of"),
    (wrong.Flies, "action_types() has 'fly'"),
    (wrong.Endless, "with which no task ever ends"),
    (wrong.NumberPrompt, "system_prompt() returned 7; a text, or None, is expected"),
    (wrong.WantsMore, "missing a required argument: 'name'; agents take no arguments"),
]


def test_what_is_wrong_is_told_and_the_id_is_free_again(start: Tree) -> None:
    tree = start([])
    for agent, text in CASES:
        with pytest.raises((ConfigurationError, StartError)) as caught:
            tree.start_agent(agent, agent_id="one")
        assert text in str(caught.value)
        assert not tree.running("one")


def test_the_model_is_told_which_part_of_a_result_does_not_fit(start: Tree) -> None:
    good = {"number": 1, "items": [{"name": "tea", "count": 2}], "placed": "2026-05-04T00:00:00+00:00"}
    script = [reply("return", result={"number": "one", "items": [{}], "placed": "soon"}), reply("return", result=good)]
    agent = start(script).start_agent(Buyer)
    assert agent.call("?").ok
    told = str(agent.get_messages())
    assert "result.number is 'one'; integer is expected" in told
    assert "result.items[0].name is missing" in told


def test_json_schema_is_held_to(start: Tree) -> None:
    schema = {
        "type": "object",
        "properties": {
            "code": {"type": "string", "pattern": "^[A-Z]{3}$"},
            "share": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
            "kind": {"oneOf": [{"const": "a"}, {"const": "b"}]},
        },
        "required": ["code"],
    }
    output = Output(schema)
    assert output.problem({"code": "ABC", "share": 1, "kind": "a"}) is None
    for bad, text in (
        ({"code": "abc"}, "code is 'abc'; a text like ^[A-Z]{3}$ is expected"),
        ({"code": "ABC", "share": 0}, "share is 0; more than 0 is expected"),
        ({"code": "ABC", "kind": "c"}, "kind is 'c', which fits none of the 2 alternatives"),
        ({}, "code is missing"),
    ):
        assert text in str(output.problem(bad))


def test_a_result_of_any_type(start: Tree) -> None:
    assert start([reply("return", result=None)]).execute(Buyer, "?", max_retries=0).reason == "reached_max_retries"
    assert Output(int | None).problem(None) is None
    assert Output(dict[str, list[int]]).typed({"a": [1]}) == {"a": [1]}
    assert start([reply("done")]).execute(Buyer, "?") == Ok(None)


@pytest.mark.parametrize(
    ("schema", "good", "bad", "text"),
    [
        ({"allOf": [{"type": "integer"}, {"minimum": 2}]}, 2, 1, "at least 2"),
        ({"not": {"const": 1}}, 2, 1, "that is what it must not be"),
        ({"oneOf": [{"minimum": 1}, {"maximum": 5}]}, 9, 3, "fits 2 alternatives; exactly one"),
        ({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]}, None, 0, "at least 1"),
        ({"anyOf": [{"type": "integer"}, {"type": "string", "minLength": 2}]}, "ab", "a", "at least 2 are expected"),
        ({"type": "array", "uniqueItems": True}, [1, 2], [1, 1], "an item twice"),
        ({"prefixItems": [{"type": "string"}], "items": {"type": "integer"}}, ["a", 1], ["a", "b"], "[1] is 'b'"),
        ({"multipleOf": 0.1}, 0.3, 0.35, "a multiple of 0.1"),
        ({"exclusiveMaximum": 1}, 0, 1, "less than 1"),
    ],
)
def test_keywords_of_json_schema(schema: dict[str, Any], good: Any, bad: Any, text: str) -> None:
    assert Output(schema).problem(good) is None
    assert text in str(Output(schema).problem(bad))
