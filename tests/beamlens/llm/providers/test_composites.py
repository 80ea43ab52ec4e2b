"""Fallback and round robin: who is asked next, with how much time, and what all failures are together."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from beamlens.errors import ModelError
from beamlens.llm.model import Model, ModelFailure, ModelReply, ModelRequest
from beamlens.llm.providers.fallback import Fallback
from beamlens.llm.providers.round_robin import RoundRobin
from beamlens.llm.providers.scripted import Scripted
from beamlens.llm.registry import build, validate
from beamlens.testing import StubAnthropic, StubOpenAI, error_answer, tool_completion
from supervision.testing import FakeClock
from tests.beamlens.llm.providers.asking import KEY, ask, failure, reply, request


class Recording:
    """Answer with a text, or fail; keep what was asked."""

    def __init__(self, said: str | ModelFailure, takes: float = 0.0, clock: FakeClock | None = None) -> None:
        self.said, self.takes, self.clock = said, takes, clock
        self.asked: list[ModelRequest] = []

    async def complete(self, request: ModelRequest) -> ModelReply:
        self.asked.append(request)
        if self.clock is not None:
            self.clock.advance(self.takes)
        await asyncio.sleep(0)
        if isinstance(self.said, ModelFailure):
            raise ModelError(self.said)
        return ModelReply(text=self.said)


def fallback(*members: Model, clock: FakeClock | None = None) -> Fallback:
    return Fallback([(f"m{place}", each) for place, each in enumerate(members)], (clock or FakeClock()).monotonic)


def failing(kind: Any = "server", retryable: bool = True, after: float | None = None) -> ModelFailure:
    return ModelFailure(kind, f"it is {kind}", retryable, after)


@pytest.mark.parametrize(
    "kind", ["connection", "timeout", "rate_limited", "server", "malformed", "authentication", "refused", "not_found"]
)
def test_a_failure_goes_on_to_the_next(kind: str) -> None:
    second = Recording("from the second")
    assert reply(fallback(Recording(failing(kind, False)), second)).text == "from the second"
    assert len(second.asked) == 1


@pytest.mark.parametrize("kind", ["budget", "cancelled"])
def test_what_another_model_cannot_mend_does_not_go_on(kind: str) -> None:
    second = Recording("x")
    said = failure(fallback(Recording(failing(kind, False)), second))
    assert said.kind == kind
    assert second.asked == []


def test_the_first_that_answers_is_the_last_that_is_asked() -> None:
    second = Recording("x")
    assert reply(fallback(Recording("first"), second)).text == "first"
    assert second.asked == []


def test_an_answer_with_a_problem_is_an_answer() -> None:
    second = Recording("x")
    assert reply(fallback(Scripted(["words"]), second)).problem is not None
    assert second.asked == []


def test_all_failures_together_are_retryable_if_one_is() -> None:
    bad, busy, slow = (
        failing("authentication", False),
        failing("rate_limited", True, 30),
        failing("overloaded", True, 5),
    )
    said = failure(fallback(Recording(bad), Recording(busy), Recording(slow)))
    assert (said.kind, said.retryable, said.retry_after) == ("rate_limited", True, 5)
    assert "m0: it is authentication; m1: it is rate_limited; m2: it is overloaded" in said.text
    assert failure(fallback(Recording(busy), Recording(failing("server")))).retry_after is None
    assert failure(fallback(Recording(bad), Recording(bad))).retryable is False


def test_the_time_is_shared_so_that_a_slow_model_leaves_some_for_the_next() -> None:
    clock = FakeClock()
    slow, quick, last = (
        Recording(failing("timeout"), 20, clock),
        Recording(failing(), 0, clock),
        Recording("late", 0, clock),
    )
    assert reply(fallback(slow, quick, last, clock=clock), request(timeout=60.0)).text == "late"
    assert [each.asked[0].timeout for each in (slow, quick, last)] == [20, 20, 40]


def test_no_time_left_is_a_timeout() -> None:
    clock = FakeClock()
    second = Recording("x")
    said = failure(fallback(Recording(failing("timeout"), 99, clock), second, clock=clock), request(timeout=10.0))
    assert said.kind == "timeout"
    assert second.asked == []


def test_a_model_named_in_the_request_is_for_the_first_alone() -> None:
    first, second = Recording(failing()), Recording("x")
    reply(fallback(first, second), request(model="claude-opus-5-5"))
    assert (first.asked[0].model, second.asked[0].model) == ("claude-opus-5-5", None)


def test_round_robin_is_fair_whether_requests_end_or_not() -> None:
    members = [Recording(str(place)) for place in range(3)]
    model = RoundRobin([(each.said, each) for each in members if isinstance(each.said, str)])

    async def at_once() -> Counter[str]:
        return Counter(answer.text for answer in await asyncio.gather(*[model.complete(request()) for _ in range(30)]))

    assert asyncio.run(at_once()) == {"0": 10, "1": 10, "2": 10}


def test_round_robin_tells_a_failure_and_the_retry_goes_to_the_next() -> None:
    model = RoundRobin([("a", Recording(failing())), ("b", Recording("b"))])
    first, second = ask(model, request(), request())
    assert isinstance(first, ModelFailure)
    assert isinstance(second, ModelReply)
    assert second.text == "b"


def test_real_servers_of_two_protocols_behind_one_name() -> None:
    with StubAnthropic() as claude, StubOpenAI() as gpt:
        claude.always(error_answer(529))
        gpt.always(tool_completion("done"))
        clients = [
            {"name": "both", "provider": "fallback", "options": {"strategy": ["claude", "gpt"]}},
            {"name": "claude", "provider": "anthropic", "options": {"base_url": claude.url}},
            {"name": "gpt", "provider": "openai", "options": {"base_url": f"{gpt.url}/v1"}},
        ]
        models = build(validate({"clients": clients}), {"ANTHROPIC_API_KEY": KEY, "OPENAI_API_KEY": "sk-other-123456"})

        async def ask_both() -> ModelReply:
            said = await models["both"].complete(request())
            from beamlens.llm.registry import close

            await close(models)
            return said

        said = asyncio.run(ask_both())
        assert (len(claude.requests), len(gpt.requests)) == (1, 1)
        assert KEY not in str(gpt.requests[0].headers)
    assert said.model == "gpt-5-mini"
