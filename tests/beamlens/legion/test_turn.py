"""Turns of real agents in real processes, their code in the real sandbox; the model follows a script."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from beamlens.legion import Cancelled, Ok
from tests.beamlens.legion.agents import Buyer, Clerk, Item, Order, Rememberer, Returner, Worker
from tests.beamlens.legion.conftest import Tree, reply


def test_returns_at_once(start: Tree) -> None:
    assert start([reply("return", result="hello")]).execute(Clerk, "Say hello.") == Ok("hello")


def test_done_is_no_value(start: Tree) -> None:
    assert start([reply("done")]).execute(Clerk, "Do nothing.") == Ok(None)


def test_solves_a_task_with_two_tools(start: Tree) -> None:
    code = "sum = 0; for _, order in ipairs(Shop.orders()) do sum = sum + order.total end; return sum"
    script = [reply("eval_and_continue", code), reply("eval_and_complete", "today() .. ': ' .. sum")]
    assert start(script).execute(Clerk, "What were the sales?") == Ok("Tuesday: 42")


def test_an_error_is_fed_back_and_mended(start: Tree) -> None:
    script = [reply("eval_and_continue", "return Shop.order()"), reply("return", result={"$result": True})]
    result = start(script).execute(Clerk, "?")
    assert "Shop.orders" in result.value  # the error names the near one


def test_a_tool_that_fails_raises_in_lua(start: Tree) -> None:
    code = "local ok, why = pcall(Shop.fail); return {ok, why}"
    result = start([reply("eval_and_complete", code)]).execute(Clerk, "?")
    assert result.value[0] is False
    assert "Shop.fail: RuntimeError: the shop is closed" in result.value[1]


def test_a_tool_cannot_end_its_process(start: Tree) -> None:
    script = [reply("eval_and_continue", "return Shop.leave()"), reply("return", result={"$result": True})]
    assert "Shop.leave: SystemExit: 3" in start(script).execute(Clerk, "?").value


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("Shop.double()", "Shop.double takes 1 argument, 0 given: Shop.double(number: int) -> int"),
        ("Shop.double('x')", "number is 'x'; int is expected"),
        ("Shop.place({number = 1})", "order has no items; Order(number, items, placed) is expected"),
        ("Shop._secret()", "nil value"),
        ("return os.getenv('HOME')", "sandboxed"),
    ],
)
def test_wrong_calls_say_what_is_expected(start: Tree, code: str, text: str) -> None:
    script = [reply("eval_and_continue", code), reply("return", result={"$result": True})]
    assert text in start(script).execute(Clerk, "?").value


def test_arguments_become_dataclasses_enums_and_datetimes(start: Tree) -> None:
    code = "Shop.place({number = 7, items = {{name = 'tea'}}, placed = '2026-05-04T10:00:00'}, 'blue')"
    assert start([reply("eval_and_complete", code)]).execute(Clerk, "?") == Ok("7 tea 2026 BLUE")


def test_results_arrive_typed_and_wrong_ones_are_mended(start: Tree) -> None:
    good = {"number": 1, "items": [{"name": "tea", "count": 2}], "placed": "2026-05-04T00:00:00+00:00"}
    script = [reply("return", result={"number": 1, "items": [], "placed": "soon"}), reply("return", result=good)]
    result = start(script).execute(Buyer, "Order tea.")
    assert result == Ok(Order(1, [Item("tea", 2)], datetime(2026, 5, 4, tzinfo=UTC)))


def test_max_iterations(start: Tree) -> None:
    step = {"tool": "reply", "arguments": {"action": "eval_and_continue", "code": "return 1"}, "repeat": "forever"}
    tree = start([step])
    assert tree.execute(Clerk, "?", max_iterations=3).reason == "reached_max_iterations"


def test_max_retries_and_the_agent_goes_on(start: Tree) -> None:
    bad = {"tool": "reply", "arguments": {"action": "eval_and_continue", "code": "error('no')"}, "repeat": 4}
    agent = start([bad, reply("return", result="fine")]).start_agent(Clerk)
    assert agent.call("?").reason == "reached_max_retries"
    assert agent.call("again?") == Ok("fine")


def test_a_success_resets_the_retries(start: Tree) -> None:
    bad = reply("eval_and_continue", "error('no')")
    good = reply("eval_and_continue", "return 1")
    script = [bad, bad, bad, good, bad, bad, bad, reply("return", result="fine")]
    assert start(script).execute(Clerk, "?") == Ok("fine")


def test_an_action_that_is_not_allowed_is_dropped_from_the_history(start: Tree) -> None:
    agent = start([reply("eval_and_continue", "return 1"), reply("return", result="ok")]).start_agent(Returner)
    assert agent.call("?") == Ok("ok")
    said = [message for message in agent.get_messages() if message["role"] == "assistant"]
    assert [message["action"] for message in said] == ["return"]


def test_requests_that_fail_are_tried_again(start: Tree) -> None:
    script = [{"failure": "overloaded"}, {"failure": "connection"}, reply("return", result="ok")]
    assert start(script).execute(Worker, "?") == Ok("ok")


def test_a_failure_that_cannot_pass_ends_the_turn(start: Tree) -> None:
    result = start([{"failure": "authentication", "text": "no key"}]).execute(Worker, "?")
    assert result == Cancelled("llm_failed", "authentication: no key")


@pytest.mark.parametrize(
    ("scope", "within", "across"), [("iteration", None, None), ("turn", 5, None), ("conversation", 5, 5)]
)
def test_bindings_last_as_long_as_the_scope_says(start: Tree, scope: str, within: Any, across: Any) -> None:
    script = [
        reply("eval_and_continue", "kept = 5; return kept"),
        reply("eval_and_complete", "return {kept}"),
        reply("eval_and_complete", "return {kept}"),
    ]
    agent = start(script).start_agent(Clerk, binding_scope=scope)
    assert agent.call("?") == Ok([] if within is None else [within])
    assert agent.call("?") == Ok([] if across is None else [across])


def test_a_failed_evaluation_keeps_the_former_bindings(start: Tree) -> None:
    script = [
        reply("eval_and_continue", "a = 1"),
        reply("eval_and_continue", "a = 2; error('no')"),
        reply("eval_and_complete", "return a"),
    ]
    assert start(script).execute(Rememberer, "?") == Ok(1)


def test_long_results_are_cut_without_breaking_characters(start: Tree) -> None:
    script = [reply("eval_and_continue", "return string.rep('é', 500)"), reply("return", result={"$result": True})]
    result = start(script).execute(Clerk, "?", max_message_length=101)
    kept, _, note = result.value.rpartition("\n\n")
    assert len(kept.encode()) <= 101
    assert "�" not in kept
    assert note.startswith("[... truncated ")


def test_tools_see_their_config_and_the_vault_and_code_does_not(start: Tree) -> None:
    from tests.beamlens.legion.secrets import Keeper

    script = [
        reply("eval_and_continue", "return {Door.open(), peek()}"),
        reply("eval_and_complete", "local found = {} for k in pairs(_G) do found[#found + 1] = k end return found"),
    ]
    agent = start(script).start_agent(Keeper, vault={"user": "ann"})
    assert "hunter2" not in str(agent.call("?").value)
    messages = agent.get_messages()
    assert '["ann opened with 7 letters", 0]' in str(messages)
    assert "hunter2" not in str(messages)


def test_variables_that_grow_beyond_their_limit_are_an_error_and_the_former_ones_stay(start: Tree) -> None:
    grow = "a = (a or '') .. string.rep('x', 600)"
    script = [
        reply("eval_and_continue", grow),
        reply("eval_and_continue", grow),
        reply("eval_and_complete", "return #a"),
    ]
    agent = start(script).start_agent(Rememberer, max_bindings_bytes=1000)
    assert agent.call("?") == Ok(600)
    assert "the globals are larger than 1000 bytes" in str(agent.get_messages())


def test_a_flood_of_output_is_cut(start: Tree) -> None:
    script = [reply("eval_and_continue", "return string.rep('x', 900000)"), reply("return", result="ok")]
    agent = start(script).start_agent(Clerk)
    assert agent.call("?") == Ok("ok")
    assert max(len(message["content"]) for message in agent.get_messages()[1:]) < 21_000
