"""Pure parts: what servers ask to wait, keys in texts, strict schemas, and conversations in order."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamlens.llm.model import Message, ToolCall, ToolSchema
from beamlens.llm.providers.errors import Scrubber, read_key, retry_after, status_failure
from beamlens.llm.providers.strict import NotStrict, all_required, closed, strict_tools, without_nulls
from beamlens.llm.providers.turns import turns_of
from beamlens.llm.schema import violations
from beamlens.testing import StubRequest
from beamlens.testing.anthropic_rules import refusal

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:07 GMT"}, 7.0),
        ({"retry-after": "Sun, 01 Mar 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "-4"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after-ms": "inf"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after(headers, NOON) == expected


@given(st.text(), st.text(min_size=1).filter(str.strip))
def test_a_scrubbed_text_has_no_key(around: str, key: str) -> None:
    secret = f"k3y{key}"
    assert secret not in Scrubber([secret])(f"{around}{secret}{around}")


def test_a_scrubber_is_not_told_by_repr_and_hides_what_looks_like_a_key() -> None:
    scrub = Scrubber(["abc", ""])
    assert repr(scrub) == "<Scrubber of 1 forms>"
    assert scrub("x abc y") == "x *** y"
    assert scrub("sk-ant-api03-zzzz AIzaSyD12345678 AKIAABCDEFGH1234 Bearer tok") == "*** *** *** ***"
    assert len(scrub("x" * 9999)) == 400


def test_keys_are_read_without_the_spaces_around_them() -> None:
    assert read_key("K", {"K": " sk-1\n"}) == "sk-1"
    assert read_key("K", {"K": "  "}) is None
    assert read_key("K", {}) is None
    with pytest.raises(ValueError, match="the value of K") as caught:
        read_key("K", {"K": "sk-ä"})
    assert "sk-ä" not in str(caught.value)


@pytest.mark.parametrize(
    "body", ['{"error": {"type": "t", "message": "m"}}', '[{"error": {"status": "t", "message": "m"}}]', "t: m"]
)
def test_errors_are_read_in_each_form(body: str) -> None:
    assert "t: m" in status_failure("p", 500, {}, body, Scrubber([])).text


@given(st.integers(100, 999), st.text())
def test_every_status_and_body_is_some_failure(status: int, body: str) -> None:
    said = status_failure("p", status, {}, body, Scrubber([]))
    assert said.status == status
    assert said.text


# ---------------------------------------------------------------------------------------------- schemas

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "kind": {"type": "string", "enum": ["a", "b"]},
        "ids": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "note": {"type": ["string", "null"]},
        "inner": {"type": "object", "properties": {"n": {"type": "integer", "maximum": 5}}},
    },
    "required": ["kind"],
}


def test_closed_schemas_say_their_bounds_in_words() -> None:
    strict = closed(SCHEMA)
    assert strict["additionalProperties"] is False
    assert strict["properties"]["inner"]["additionalProperties"] is False
    assert strict["properties"]["ids"]["description"] == "(minItems: 1)"
    assert "maximum" not in strict["properties"]["inner"]["properties"]["n"]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "additionalProperties": True},
        {"type": "array"},
        {},
        {"type": "object", "properties": {"any": {}}},
    ],
)
def test_what_strict_cannot_say_is_not_strict(schema: dict[str, Any]) -> None:
    with pytest.raises(NotStrict):
        closed(schema)


def test_a_request_stays_within_the_limits_of_strict_tools() -> None:
    def tool(number: int, optional: int) -> ToolSchema:
        properties = {f"p{place}": {"type": "string"} for place in range(optional)}
        return ToolSchema(f"t{number}", "", {"type": "object", "properties": properties})

    assert [schema is not None for schema in strict_tools([tool(1, 20), tool(2, 5), tool(3, 4)])] == [True, False, True]
    assert sum(schema is not None for schema in strict_tools([tool(n, 0) for n in range(30)])) == 20


@given(
    st.fixed_dictionaries(
        {"kind": st.sampled_from(["a", "b"])},
        optional={
            "ids": st.lists(st.text(), min_size=1),
            "note": st.none() | st.text(),
            "inner": st.fixed_dictionaries({}, optional={"n": st.integers(0, 5)}),
        },
    )
)
def test_arguments_with_nulls_for_what_is_left_out_come_back_as_they_were(arguments: dict[str, Any]) -> None:
    strict = all_required(closed(SCHEMA))
    sent = {name: arguments.get(name) for name in SCHEMA["properties"]}
    if sent["inner"] is not None:
        sent["inner"] = {"n": sent["inner"].get("n")}
    assert violations(sent, strict) == []
    back = without_nulls(sent, SCHEMA)
    assert {name: value for name, value in back.items() if value is not None} == {
        name: value for name, value in arguments.items() if value is not None
    }
    assert violations(back, SCHEMA) == []


# ---------------------------------------------------------------------------------------------- turns

CALLS = st.builds(ToolCall, st.sampled_from(["a", "b", "c!"]), st.just("done"), st.just({}))
USER = st.builds(
    Message, st.just("user"), st.sampled_from(["", "x", " "]), answers=st.sampled_from([None, "a", "b", "c!"])
)
ASSISTANT = st.builds(Message, st.just("assistant"), st.sampled_from(["", "y"]), call=st.none() | CALLS)


@given(st.lists(USER | ASSISTANT, max_size=12))
def test_every_conversation_becomes_one_that_servers_take(messages: list[Message]) -> None:
    turns = turns_of(messages)
    assert [turn.is_user for turn in turns] == [place % 2 == 0 for place in range(len(turns))]
    assert turns[-1].is_user
    said = [text for turn in turns for text in turn.texts] + [it.text for turn in turns for it in turn.results]
    for message in messages:
        assert not message.text.strip() or message.text in said
    for before, after in itertools.pairwise(turns):
        assert sorted(call.id for call in before.calls) == sorted(it.call_id for it in after.results)
    for turn in turns:
        assert turn.texts or turn.calls or turn.results or turn.images


@given(st.lists(USER | ASSISTANT, max_size=12))
def test_claudes_servers_would_take_it(messages: list[Message]) -> None:
    from beamlens.llm.providers.anthropic_wire import body_of
    from tests.beamlens.llm.providers.asking import request

    asked = request()
    body = body_of(type(asked)("sys", tuple(messages), asked.tools), "m", {}, [], strict=True, forced=True)
    assert refusal(body) is None


def test_a_recorded_request_does_not_show_its_key() -> None:
    sent = StubRequest("POST", "/", {"authorization": "Bearer secret-1", "x-api-key": "secret-2"}, b"{}", 0.0)
    assert "secret" not in repr(sent)
