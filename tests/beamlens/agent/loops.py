"""A loop without processes: a model that is a list, a role that records, a clock that is the real one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from beamlens.agent.control import Control
from beamlens.agent.loop import AgentLoop, Brief, Continue, Ended, LoopPolicy, LoopState, Outcome
from beamlens.agent.observer import Observer
from beamlens.errors import ModelError
from beamlens.llm.model import ModelFailure, ModelReply, ModelRequest, ToolCall, Usage

__all__ = ["Listed", "Recorded", "RecordingObserver", "call", "run"]


def call(name: str, /, **arguments: Any) -> ModelReply:
    """Return a reply that calls a tool."""
    return ModelReply(ToolCall(f"id-{name}", name, arguments), usage=Usage(10, 2))


class Listed:
    """Answer out of a list: replies, failures, or functions of the request; the last one for ever."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.requests: list[ModelRequest] = []

    def __call__(self, request: ModelRequest) -> ModelReply:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, ModelFailure):
            raise ModelError(answer)
        assert isinstance(answer, ModelReply)
        return answer


class Recorded:
    """Perform tools by a table; any other tool gives its name."""

    def __init__(self, **tools: Callable[[dict[str, Any]], Outcome] | Outcome) -> None:
        self.tools = tools
        self.performed: list[str] = []
        self.news: list[str] = []
        self.prompt = "Go on."

    def brief(self, iteration: int) -> Brief:
        news = self.news.pop(0) if self.news else ""
        return Brief("system", (), self.prompt, news, {"iteration": iteration})

    def perform(self, call: ToolCall, iteration: int) -> Outcome:
        self.performed.append(call.name)
        found = self.tools.get(call.name, Continue(call.name))
        return found(call.arguments) if callable(found) else found


class RecordingObserver(Observer):
    """Keep what was heard."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.states: list[LoopState] = []

    def iteration_started(self, iteration: int) -> None:
        self.heard.append(f"iteration {iteration}")

    def nonsense(self, iteration: int, problem: str, count: int) -> None:
        self.heard.append(f"nonsense {count}")

    def tool_started(self, iteration: int, call: ToolCall) -> None:
        self.heard.append(f"start {call.name}")

    def tool_stopped(self, iteration: int, call: ToolCall, result: Any, duration: int) -> None:
        self.heard.append(f"stop {call.name}")

    def tool_failed(self, iteration: int, call: ToolCall, error: BaseException, duration: int) -> None:
        self.heard.append(f"failed {call.name}")

    def step_finished(self, state: LoopState) -> None:
        self.states.append(state)


def run(
    answers: Iterable[Any],
    role: Recorded | None = None,
    *,
    control: Control | None = None,
    observer: Observer | None = None,
    state: LoopState | None = None,
    **policy: Any,
) -> tuple[Ended, Listed, AgentLoop]:
    """Run a loop to its end."""
    model = Listed(*answers)
    loop = AgentLoop(role or Recorded(), model, control or Control(), observer or Observer(), LoopPolicy(**policy))
    return loop.run(state or LoopState()), model, loop
