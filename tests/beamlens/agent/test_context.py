"""A conversation is a value, and knows how large it is."""

from __future__ import annotations

from beamlens.agent.context import Context
from beamlens.llm.model import Image, Message, ModelReply, ToolCall, Usage
from beamlens.llm.tokens import estimate_message, estimate_text
from supervision.process.wire import DEFAULT as CODEC


def chose(name: str = "think", usage: Usage | None = None) -> ModelReply:
    return ModelReply(ToolCall("c1", name, {"thought": "hm"}), usage=usage or Usage())


def test_each_step_gives_a_new_conversation() -> None:
    empty = Context()
    asked = empty.with_user("look")
    answered = asked.with_reply(chose()).with_result("c1", '{"recorded":true}')
    assert empty.messages == ()
    assert asked.messages == (Message("user", "look"),)
    assert [message.role for message in answered.messages] == ["user", "assistant", "user"]
    assert answered.messages[1].call == ToolCall("c1", "think", {"thought": "hm"})
    assert answered.messages[2] == Message("user", '{"recorded":true}', answers="c1")


def test_its_size_is_what_was_measured_and_an_estimate_of_the_rest() -> None:
    usage = Usage(input_tokens=100, output_tokens=20, cache_read_tokens=2000, cache_write_tokens=300)
    measured = Context().with_user("x" * 90_000).with_reply(chose(usage=usage))
    assert measured.tokens == 100 + 2000 + 300 + 20
    longer = measured.with_result("c1", "y" * 3000)
    assert longer.tokens == 2420 + estimate_message(longer.messages[-1])
    assert 1000 <= longer.tokens - 2420 <= 1010


def test_what_was_billed_before_is_not_its_size() -> None:
    """Ten calls of a conversation of 5,000 tokens are billed as 50,000; it still has 5,000."""
    context = Context().with_user("look")
    for _ in range(10):
        context = context.with_reply(chose(usage=Usage(input_tokens=5000, output_tokens=10))).with_result("c1", "ok")
    assert context.tokens < 5100


def test_where_nothing_measures_all_is_estimated() -> None:
    context = Context().with_user("x" * 3000).with_reply(chose()).with_result("c1", "y" * 3000)
    assert 2000 <= context.tokens <= 2100


def test_estimates_count_bytes_and_pictures() -> None:
    assert estimate_text("") == 0
    assert estimate_text("é" * 30) == 20
    assert estimate_text("\ud800") > 0
    assert estimate_message(Message("user", "", images=(Image(b"..."),))) > 1000


def test_it_crosses_processes() -> None:
    context = Context().with_user("look").with_reply(chose(usage=Usage(5, 5))).with_result("c1", "no", is_error=True)
    assert CODEC.decode(CODEC.encode(context)) == context
