"""Rate limits by identity, under concurrency; guards, which fail closed."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

import pytest

from beamlens.errors import ConfigurationError
from beamlens.legion import Cancelled, Ok, Policy, Rule
from beamlens.legion.guards import GuardContext, Verdict, guard_of, judge
from beamlens.legion.rules import Used, exceeded
from beamlens.llm.budget import Budget
from beamlens.llm.prices import Price
from supervision.testing import wait_until
from tests.beamlens.legion import guarding
from tests.beamlens.legion.agents import Clerk, Worker
from tests.beamlens.legion.conftest import Told, Tree, reply

EVERYBODY: dict[str, str] = {}


def limit(**limits: Any) -> tuple[Rule, ...]:
    return (Rule({"user": "ann"}, Policy(window_seconds=600, **limits)),)


def test_twenty_starts_at_once_with_room_for_one(start: Tree) -> None:
    tree = start([{"tool": "reply", "arguments": {"action": "done"}, "repeat": "forever"}])
    results: list[Any] = []

    def execute() -> None:
        results.append(tree.execute(Clerk, "?", rate_limit=limit(max_agents=1)))

    threads = [threading.Thread(target=execute) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(result == Ok(None) for result in results) == 1
    assert sum(isinstance(result, Cancelled) and result.reason == "rate_limited" for result in results) == 19


def test_starts_are_counted_when_the_agents_are_gone(start: Tree) -> None:
    tree = start([{"tool": "reply", "arguments": {"action": "done"}, "repeat": "forever"}])
    rules = limit(max_agents=2)
    assert [tree.execute(Clerk, "?", rate_limit=rules).ok for _ in range(3)] == [True, True, False]
    assert tree.execute(Clerk, "?").ok
    assert tree.kept() == []


def test_a_turn_over_the_limit_leaves_the_conversation_as_it_was(start: Tree, told: Told) -> None:
    rules = limit(max_tokens=1)
    agent = start([reply("return", result="a")] * 2).start_agent(Clerk, rate_limit=rules)
    assert agent.call("one") == Ok("a")
    before = agent.get_messages()
    result = agent.call("two")
    assert result.reason == "rate_limited"
    assert result.data[0]["violations"] == ["max_tokens"]
    assert agent.get_messages() == before
    wait_until(lambda: told.names().count("rate_limit.exceeded") == 1)
    assert told.of("rate_limit.exceeded")[0]["identity"] == {"user": "ann"}


def test_evaluations_are_limited_within_a_turn_and_the_conversation_stays_whole(start: Tree) -> None:
    step = {"tool": "reply", "arguments": {"action": "eval_and_continue", "code": "return 1"}, "repeat": "forever"}
    agent = start([step]).start_agent(Clerk, rate_limit=limit(max_evals=2))
    assert agent.call("?").data[0]["usage"]["evals"] == 2
    messages = agent.get_messages()
    assert messages[-2]["role"] == "assistant"  # its call has an answer, as providers want it
    assert "ended before" in messages[-1]["content"]


def test_only_so_many_run_at_once(start: Tree) -> None:
    slow = {"tool": "reply", "arguments": {"action": "done"}, "delay": 0.5, "repeat": "forever"}
    tree = start([slow])
    agents = [tree.start_agent(Clerk, rate_limit=limit(max_running_agents=2)) for _ in range(4)]
    results: list[Any] = []
    threads = [threading.Thread(target=lambda agent=agent: results.append(agent.call("?"))) for agent in agents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(result == Ok(None) for result in results) == 2


def test_sub_agents_are_counted_with_their_parent(start: Tree) -> None:
    from tests.beamlens.legion.team import Lead

    script = {"legion:Lead": [reply("eval_and_complete", "return {pcall(AgentTool.call, 'Clerk', 'x')}")]}
    result = start(script).execute(Lead, "?", rate_limit=limit(max_agents=1))
    assert "max_agents 1" in str(result.value)


PRICED = {"tool": "reply", "arguments": {"action": "done"}, "model": "house-model", "repeat": "forever"}
TOKENS = {"input_tokens": 1_000_000, "output_tokens": 0}


def test_a_trees_own_prices_count_for_money(start: Tree) -> None:
    script = [{**PRICED, "usage": TOKENS}]
    tree = start(script, prices={"house-model": Price(2.0, 2.0)})
    agent = tree.start_agent(Clerk, rate_limit=limit(max_money=3.0))
    assert [agent.call("?").ok for _ in range(3)] == [True, True, False]  # a request that is on may go beyond
    assert agent.status()["usage"]["money"] == 4.0
    wait_until(lambda: tree.usage().total.money == 4.0)
    assert tree.usage().by_caller["legion:Clerk"].calls == 2


def test_without_a_price_money_is_not_known(start: Tree) -> None:
    agent = start([{**PRICED, "usage": TOKENS}]).start_agent(Clerk, rate_limit=limit(max_money=3.0))
    assert all(agent.call("?").ok for _ in range(4))
    assert agent.status()["usage"]["money"] == 0.0


def test_what_was_used_outlives_the_agents_process_and_the_gateways(start: Tree) -> None:
    tree = start(
        [{**PRICED, "usage": TOKENS}], prices={"house-model": Price(2.0, 2.0)}, budget=Budget(calls_per_hour=3)
    )
    agent = tree.start_agent(Clerk)
    agent.call("?")
    agent.call("?")
    for pid in (agent.ref.pid, tree["gateway"].pid):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: agent.call("?").ok, timeout=20)
    assert agent.status()["usage"]["requests"] == 3
    assert tree.usage().total.calls == 3
    assert "budget" in agent.call("?").detail


def test_usage_is_told_by_the_status(start: Tree) -> None:
    agent = start([reply("eval_and_complete", "return 1")]).start_agent(Clerk)
    agent.call("?")
    used = agent.status()["usage"]
    assert (used["requests"], used["evaluations"]) == (1, 1)
    assert used["tokens"] > 0


@pytest.mark.parametrize(
    ("asked", "used", "limits"),
    [
        ("agent", Used(agents=1), ("max_agents",)),
        ("turn", Used(running=1), ("max_running_agents",)),
        ("turn", Used(agents=5), ()),
        ("eval", Used(evals=1, tokens=99), ("max_evals",)),
        ("request", Used(tokens=1, money=1.0, evals=9), ("max_tokens", "max_money")),
    ],
)
def test_what_is_asked_for_decides_which_limits_count(asked: str, used: Used, limits: tuple[str, ...]) -> None:
    all_one = Policy(window_seconds=1, max_agents=1, max_running_agents=1, max_tokens=1, max_evals=1, max_money=1.0)
    assert exceeded(Rule(EVERYBODY, all_one), used, asked) == limits


def test_none_is_unlimited_and_nought_is_nothing() -> None:
    assert exceeded(Rule(EVERYBODY, Policy(window_seconds=1)), Used(9, 9, 9, 9, 9.0), "turn") == ()
    assert exceeded(Rule(EVERYBODY, Policy(window_seconds=1, max_evals=0)), Used(), "eval") == ("max_evals",)


@pytest.mark.parametrize("bad", [{"window_seconds": 0}, {"window_seconds": 1, "max_evals": -1}])
def test_limits_that_cannot_be(bad: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Policy(**bad)


# -- guards ----------------------------------------------------------------------------------------


def context() -> GuardContext:
    return GuardContext("a", "1", (), lambda request: pytest.fail("nobody asks"))


@pytest.mark.parametrize("said", [False, None, 1, "no", object(), Verdict(False, "no"), Verdict("yes")])  # type: ignore[arg-type]
def test_whatever_is_no_clear_allowance_is_a_denial(said: object) -> None:
    assert judge(lambda code, about: said, "x", context()).allowed is False


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_a_guard_that_raises_denies(error: type[BaseException]) -> None:
    def check(code: str, about: GuardContext) -> bool:
        raise error

    assert judge(check, "x", context()).allowed is False


def test_a_guard_that_hangs_denies_and_can_be_cancelled() -> None:
    release = threading.Event()

    def check(code: str, about: GuardContext) -> bool:
        return release.wait(30)

    try:
        assert judge(check, "x", context(), seconds=0.1) == Verdict(False, "the guard could not decide")
        cancelled = threading.Event()
        threading.Timer(0.1, cancelled.set).start()
        assert judge(check, "x", context(), 30, cancelled).allowed is False
    finally:
        release.set()
    wait_until(lambda: not any(thread.name == "beamlens-callbacks" for thread in threading.enumerate()))


def test_an_agent_whose_guard_hangs_goes_on(start: Tree) -> None:
    script = [reply("eval_and_continue", "return 1"), reply("return", result={"$result": True})]
    agent = start(script).start_agent(Worker, eval_guard=f"{guarding.__name__}:hangs", request_seconds=0.5)
    assert "refused by hangs: the guard could not decide" in agent.call("?").value


def test_a_guard_may_allow() -> None:
    assert judge(lambda code, about: True, "x", context()).allowed is True
    assert judge(lambda code, about: Verdict(True), "x", context()).allowed is True


def test_no_guard_and_no_such_guard() -> None:
    assert guard_of(None) is None
    with pytest.raises(ConfigurationError, match="cannot be found"):
        guard_of("nowhere:guard")
    with pytest.raises(ConfigurationError, match="callable"):
        guard_of(7)


def test_refused_code_is_not_run_and_the_model_is_told(start: Tree, told: Told, tmp_path: Any) -> None:
    path = tmp_path / "marks"
    script = [
        reply("eval_and_continue", f"return Marker.mark('{path}', 'no')"),
        reply("return", result={"$result": True}),
    ]
    guard = f"{guarding.__name__}:no_marks"
    result = start(script).execute(Worker, "?", eval_guard=guard)
    assert "refused by no_marks: marks are not allowed" in result.value
    assert not path.exists()
    wait_until(lambda: "agent.message.stop" in told.names())
    assert told.of("eval_guard.denied")[0]["reason"] == "marks are not allowed"
    assert told.of("sandbox.eval.stop")[0]["success"] is False


def test_without_the_guard_it_would_run(start: Tree, tmp_path: Any) -> None:
    path = tmp_path / "marks"
    start([reply("eval_and_complete", f"return Marker.mark('{path}', 'no')")]).execute(Worker, "?")
    assert path.exists()


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (["verdict", {"verdict": "allow", "reason": "fine"}], "1"),
        (["verdict", {"verdict": "deny", "reason": "too risky"}], "too risky"),
        ({"failure": "overloaded"}, "could not decide"),
        ({"text": "allow, allow!"}, "could not decide"),
    ],
)
def test_a_model_as_a_guard(start: Tree, verdict: Any, expected: str) -> None:
    script = [reply("eval_and_continue", "return 1"), verdict, reply("return", result={"$result": True})]
    guard = f"{guarding.__name__}:JUDGE"
    assert expected in start(script).execute(Worker, "?", eval_guard=guard).value
