"""Messages in and out: texts, pictures, anything else; hints; the real SDK against a local server."""

from __future__ import annotations

import dataclasses
import math
from datetime import date, datetime, timedelta
from typing import Any, Literal

import pytest

from beamlens.errors import ConfigurationError
from beamlens.legion import Cancelled, Image, Ok
from beamlens.legion.content import content_of
from beamlens.legion.hints import Unfit, convert
from beamlens.legion.options import AgentOptions, merged
from beamlens.legion.output import Output
from beamlens.legion.reply import closed
from beamlens.legion.schemas import schema_of
from beamlens.legion.text import truncated
from beamlens.testing import StubAnthropic, tool_message
from supervision.testing import wait_until
from tests.beamlens.legion.agents import Buyer, Clerk, Colour, Item, Order
from tests.beamlens.legion.conftest import Told, Tree, reply

LINKED = Image(url="https://example.org/sales.png")
PIXEL = Image(b"\x89PNG\r\n\x1a\n", "image/png")


class Rude:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def test_messages_of_all_kinds() -> None:
    assert content_of("é" * 10, 5).text == "éé\n\n[... truncated 16 bytes ...]"
    assert content_of({"a": [1]}, 100).text == '{"a": [1]}'
    assert "its repr raised RuntimeError" in content_of(Rude(), 100).text
    assert "its repr raised RuntimeError" in content_of([Rude()], 100).text
    mixed = content_of(["look", PIXEL, "here"], 100)
    assert (mixed.text, mixed.images) == ("look\n\nhere", (PIXEL,))
    assert mixed.told == ["look\n\nhere", {"image": "image/png", "bytes": 8}]


def test_a_picture_may_be_an_address() -> None:
    linked = Image(url="https://example.org/a.png")
    assert content_of([linked], 100).told == [{"image_url": "https://example.org/a.png"}]
    for wrong in ({}, {"data": b"x", "url": "https://x"}, {"url": "file:///etc/passwd"}, {"url": "data:image/png,x"}):
        with pytest.raises(ValueError, match="a picture"):
            Image(**wrong)


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 7])
def test_a_cut_never_breaks_a_character(limit: int) -> None:
    for text in ("aé€😀" * 3, "😀😀😀"):
        kept = truncated(text, limit).split("\n\n[...")[0]
        assert text.startswith(kept)
        assert len(kept.encode()) <= limit


@pytest.mark.parametrize("limit", [0, -1, None, 2.5, True, "many"])
def test_limits_that_cannot_be(limit: Any) -> None:
    with pytest.raises(ConfigurationError):
        AgentOptions(max_message_length=limit)
    assert AgentOptions(max_message_length=math.inf).max_message_length == math.inf


def test_defaults_are_those_of_legion() -> None:
    found = AgentOptions()
    assert (found.max_iterations, found.max_retries, found.binding_scope) == (10, 3, "turn")
    assert (found.sandbox_timeout, found.max_message_length) == (60.0, 20_000)


def test_later_layers_go_before_earlier_ones_and_unknown_names_are_told() -> None:
    assert merged({"max_retries": 1}, {"max_retries": 2, "max_iterations": 4}, {}).max_retries == 2
    with pytest.raises(ConfigurationError, match=r"it has: .*max_iterations"):
        merged({"max_iteration": 4})
    for wrong in ({"max_iterations": 0}, {"binding_scope": "for ever"}, {"sandbox_timeout": 0}):
        with pytest.raises(ConfigurationError):
            merged(wrong)


@dataclasses.dataclass
class Everything:
    when: datetime
    day: date
    span: timedelta
    kind: Literal["a", "b"]
    pairs: dict[str, int]
    point: tuple[int, float]
    maybe: Item | None = None
    colours: set[Colour] = dataclasses.field(default_factory=set)


def test_hints_there_and_back() -> None:
    given = {
        "when": "2026-01-02T03:04:05",
        "day": "2026-01-02",
        "span": 90,
        "kind": "a",
        "pairs": [],
        "point": [1.0, 2],
        "maybe": {"name": "x"},
        "colours": ["red"],
    }
    found = convert(given, Everything)
    moment = datetime(2026, 1, 2, 3, 4, 5)
    wanted: tuple[Any, ...] = (
        moment,
        date(2026, 1, 2),
        timedelta(seconds=90),
        "a",
        {},
        (1, 2.0),
        Item("x"),
        {Colour.RED},
    )
    assert dataclasses.astuple(found)[:6] == wanted[:6]
    assert (found.maybe, found.colours) == wanted[6:]
    schema = schema_of(Everything)
    assert schema["required"] == ["when", "day", "span", "kind", "pairs", "point"]
    assert schema["properties"]["maybe"]["anyOf"][1] == {"type": "null"}


@pytest.mark.parametrize(
    ("value", "hint", "text"),
    [
        (True, int, "int is expected"),
        (1.5, int, "int is expected"),
        ("x", datetime, "ISO 8601"),
        ([1], tuple[int, int], "2"),
        ("c", Literal["a"], "Literal"),
        (None, str, "str is expected"),
        ({"name": "x", "more": 1}, Item, "not known"),
        ("green", Colour, "'red', 'blue'"),
    ],
)
def test_what_does_not_fit_says_what_would(value: Any, hint: Any, text: str) -> None:
    with pytest.raises(Unfit, match=text.replace("(", "\\(")):
        convert(value, hint)


class Duck:
    """What a pydantic model looks like from outside."""

    def __init__(self, name: str) -> None:
        self.name = name

    @classmethod
    def model_json_schema(cls) -> dict[str, Any]:
        return {
            "$defs": {"N": {"type": "string"}, "R": {"type": "array", "items": {"$ref": "#/$defs/R"}}},
            "type": "object",
            "properties": {"name": {"$ref": "#/$defs/N"}, "deep": {"$ref": "#/$defs/R"}},
            "required": ["name"],
        }

    @classmethod
    def model_validate(cls, value: Any) -> Duck:
        if not value.get("name"):
            raise ValueError("name: too short")
        return cls(value["name"])


def test_models_of_pydantics_kind_and_the_real_one() -> None:
    output = Output(Duck)
    assert output.schema["properties"] == {"name": {"type": "string"}, "deep": {"type": "array", "items": {}}}
    assert output.problem({"name": ""}) == "the result is no Duck: name: too short"
    assert output.typed({"name": "x"}).name == "x"
    pydantic = pytest.importorskip("pydantic")
    real = pydantic.create_model("Real", name=(str, ...), item=(Item | None, None))
    checked = Output(real)
    assert checked.problem({"name": 3}) is not None
    assert checked.typed({"name": "x", "item": {"name": "tea"}}).item.name == "tea"


def test_schemas_are_closed_all_the_way_down() -> None:
    deep = closed(schema_of(Order))
    assert deep["additionalProperties"] is False
    assert deep["properties"]["items"]["items"]["additionalProperties"] is False
    assert closed({"type": "object", "properties": {"properties": {"type": "object", "properties": {}}}}) == {
        "type": "object",
        "properties": {"properties": {"type": "object", "properties": {}, "additionalProperties": False}},
        "additionalProperties": False,
    }


@pytest.mark.parametrize("bad", [None, 3, object()])
def test_an_output_schema_that_is_none(bad: Any) -> None:
    if bad is None:
        assert Output(None).problem(None) is None
        return
    with pytest.raises((ConfigurationError, TypeError)):
        Output(bad)


def test_an_agent_needs_a_docstring() -> None:
    from beamlens.legion import Agent

    with pytest.raises(ConfigurationError, match="docstring"):
        type("Silent", (Agent,), {})


def test_agents_in_functions_cannot_be_found(start: Tree) -> None:
    from beamlens.legion import Agent

    class Local(Agent):
        """You are local."""

    with pytest.raises(ConfigurationError, match="top of its module"):
        start([]).start_agent(Local)
    with pytest.raises(ConfigurationError, match="no agent"):
        start([]).start_agent(Colour)


# -- the real SDK ----------------------------------------------------------------------------------


def anthropic(server: StubAnthropic) -> dict[str, Any]:
    options = {"base_url": server.url, "model": "claude-haiku-5-5"}
    return {"provider": "anthropic", "provider_options": options}


def test_a_task_through_the_real_sdk(start: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
    code = "local sum = 0 for _, order in ipairs(Shop.orders()) do sum = sum + order.total end return sum"
    with StubAnthropic() as server:
        server.enqueue(tool_message("reply", {"action": "eval_and_continue", "code": code, "result": None}))
        server.enqueue(tool_message("reply", {"action": "return", "code": "", "result": "42 in all"}))
        server.enqueue(tool_message("reply", {"action": "return", "code": "", "result": "still 42"}))
        agent = start(**anthropic(server)).start_agent(Clerk)
        assert agent.call(["What were the sales?", PIXEL, LINKED]) == Ok("42 in all")
        assert agent.call("And now?") == Ok("still 42")
        requests = [request.json for request in server.requests]
    assert "Shop.orders() -> list[dict[str, Any]]" in str(requests[0]["system"])
    assert requests[0]["tools"][0]["name"] == "reply"
    assert "image/png" in str(requests[0]["messages"])
    assert {"type": "image", "source": {"type": "url", "url": LINKED.url}} in requests[0]["messages"][0]["content"]
    assert "42" in str(requests[1]["messages"][-1])


def test_a_typed_result_through_the_real_sdk(start: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
    order = {"number": 1, "items": [{"name": "tea", "count": 2}], "placed": "2026-05-04T00:00:00"}
    with StubAnthropic() as server:
        server.enqueue(tool_message("reply", {"action": "return", "code": "", "result": order}))
        result = start(**anthropic(server)).execute(Buyer, "Order tea.")
    assert result == Ok(Order(1, [Item("tea", 2)], datetime(2026, 5, 4)))


def test_agents_have_no_key(start: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    from pathlib import Path

    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret-of-the-test")
    with StubAnthropic() as server:
        agent = start(**anthropic(server)).start_agent(Clerk)
        environment = Path(f"/proc/{agent.ref.pid}/environ").read_bytes()
    assert b"sk-secret-of-the-test" not in environment


# -- cancelling ------------------------------------------------------------------------------------


def test_cancelling_and_going_on(start: Tree, told: Told) -> None:
    slow = {"tool": "reply", "arguments": {"action": "done"}, "delay": 2.0, "repeat": "forever"}
    agent = start([slow]).start_agent(Clerk)
    first = agent.cast("one")
    second = agent.cast("two")
    wait_until(lambda: told.names().count("llm.request.start") == 1)
    assert agent.cancel(first) == 1
    assert agent.await_(first) == Cancelled("cancelled", "cancelled")
    wait_until(lambda: told.names().count("llm.request.start") == 2)
    assert agent.cancel() == 1
    assert agent.await_(second) == Cancelled("cancelled", "cancelled")
    assert agent.call("three") == Ok(None)


def test_a_deadline(start: Tree) -> None:
    slow = {"tool": "reply", "arguments": {"action": "done"}, "delay": 20}
    assert start([slow]).execute(Clerk, "?", deadline=0.3).reason == "deadline"


def test_endless_code_is_ended_by_cancelling(start: Tree) -> None:
    agent = start([reply("eval_and_complete", "while true do end"), reply("done")]).start_agent(Clerk)
    call = agent.cast("?")
    wait_until(lambda: agent.status()["usage"]["evaluations"] == 1)
    assert agent.cancel(call) == 1
    assert agent.await_(call).reason == "cancelled"
    assert agent.call("?") == Ok(None)
