"""`RulesModel`: a deterministic analyst behind the protocol of all models. It needs no network, no key and no SDK."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from beamlens.errors import ModelError
from beamlens.llm.model import ModelFailure, ModelReply, ModelRequest, checked_reply
from beamlens.llm.rules import compaction, coordinator, message, operator, pipeline
from beamlens.llm.rules.step import Step, fitted, listed

__all__ = ["RulesModel"]

NAME = "rules"


def _answer(request: ModelRequest) -> Step:
    return Step(text=message.answer(request.facts))


def _sum_up(request: ModelRequest) -> Step:
    return Step(text=compaction.sum_up(request))


_ROLES: dict[str, Callable[[ModelRequest], Step]] = {
    "operator": operator.next_step,
    "coordinator": coordinator.next_step,
    "message": _answer,
    "compaction": _sum_up,
    "classify": pipeline.classify,
    "synthesize": pipeline.synthesize,
}


class RulesModel:
    """Choose the next step from `request.facts` and the conversation, by declared checks and a table of causes.

    The same request always gives the same reply. `reply.model` is `rules`.

    Args:
        gather_seconds: how long a coordinator that waits again is answered later. Its waits end with each piece of
            news; a model takes its time to answer, and what comes in meanwhile is heard in one step. Rules answer at
            once, so that many operators that end one after another would use up the run's steps.
    """

    def __init__(self, gather_seconds: float = 0.2) -> None:
        self._gather_seconds = gather_seconds

    async def complete(self, request: ModelRequest) -> ModelReply:
        """Return the next step; runs in the gateway's event loop, which it gives way to first.

        Raises:
            ModelError: the request's facts name no role that rules know.
        """
        role = str(request.facts.get("role", ""))
        decide = _ROLES.get(role)
        if decide is None:
            raise ModelError(_unknown(role))
        await asyncio.sleep(self._gather_seconds if role == "coordinator" and _waits_again(request) else 0)
        step = decide(request)
        calls: list[tuple[str, str, Any]] = []
        if request.tools:
            calls.append((_call_id(request), step.tool, fitted(step, request)))
        return checked_reply(
            request, calls, text=step.text, model=NAME, stop_reason="tool_use" if calls else "end_turn"
        )


def _waits_again(request: ModelRequest) -> bool:
    """Tell whether operators run, and the last call was a wait."""
    calls = [message.call.name for message in request.messages if message.call is not None]
    return bool(listed(request.facts, "running")) and calls[-1:] == ["wait"]


def _call_id(request: ModelRequest) -> str:
    """Return an id that follows from the conversation; the iteration keeps it new after a compaction."""
    iteration = request.facts.get("iteration")
    return f"rules_{iteration if isinstance(iteration, int) else 0}_{len(request.messages)}"


def _unknown(role: str) -> ModelFailure:
    known = ", ".join(_ROLES)
    text = f"the rules provider cannot act as {role!r}: known are {known}; configure a model for it"
    return ModelFailure("configuration", text, retryable=False)
