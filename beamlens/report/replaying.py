"""Drive a recorded run again, through the loop as it is now, without a model and without a subject.

The model's recorded choices are checked against today's tools as a provider's answers are, the tools give what they
gave, and what the loop makes of it is held against what was recorded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from rich.text import Text

from beamlens.agent.control import Control, Interrupted
from beamlens.agent.loop import AgentLoop, Brief, Continue, Ended, Finish, LoopPolicy, LoopState, Outcome, Sleep
from beamlens.agent.observer import Observer
from beamlens.errors import ModelError
from beamlens.llm.model import Message, ModelFailure, ModelReply, ModelRequest, ToolCall, checked_reply
from beamlens.report.story import RunStory, Step
from beamlens.report.text import one_line

__all__ = ["Replayed", "replay"]

_NONSENSE: Final = re.compile(r"unusable answers in a row; the last: (?P<problem>.*)\Z", re.DOTALL)
_KIND: Final = re.compile(r"(?P<kind>[a-z_]+): ")


@dataclass(frozen=True, slots=True)
class Replayed:
    """Tell one step of a replay.

    Args:
        iteration: counts from 0.
        tool: what was chosen.
        arguments: with what.
        result: what it gave.
        differences: what went another way than it was recorded.
    """

    iteration: int
    tool: str
    arguments: dict[str, Any]
    result: str
    differences: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        return {
            "iteration": self.iteration,
            "tool": self.tool,
            "arguments": self.arguments,
            "result": self.result,
            "differences": list(self.differences),
        }

    def line(self) -> Text:
        """Return it as text for a terminal."""
        arguments = one_line(json.dumps(self.arguments, default=str), 90) if self.arguments else ""
        text = Text(f"{self.iteration:4}  {self.tool} {arguments} -> {one_line(self.result, 90)}")
        for each in self.differences:
            text.append(f"\n      differs: {one_line(each, 300)}", "yellow")
        return text


def replay(run: RunStory) -> Iterator[Replayed]:
    """Yield each step of a run as the loop performs it again, and at last how it ends."""
    watcher = _Watcher(run)
    role = _Recorded(run)
    control = Control()
    policy = LoopPolicy(max_iterations=_bound(run))
    loop = AgentLoop(role, role.ask, control, watcher, policy)
    if not run.steps and run.ending is None:
        return
    ended = loop.run(LoopState())
    yield from watcher.steps
    yield _end(run, ended, len(watcher.steps))


def _bound(run: RunStory) -> int:
    # Where the run was not stopped by its bound, the bound must not stop it here either.
    return len(run.steps) if run.ending == "max_iterations" else 10**9


def _end(run: RunStory, ended: Ended, iteration: int) -> Replayed:
    recorded = run.ending or "cancelled"
    wanted = "cancelled" if recorded == "crashed" else recorded
    problems = [] if ended.ending == wanted else [f"it ends as {ended.ending} and was recorded as {recorded}"]
    if iteration < len(run.steps):
        problems.append(f"it ends after {iteration} of {len(run.steps)} steps")
    return Replayed(iteration, f"(end: {ended.ending})", {}, ended.reason or "", tuple(problems))


class _Recorded:
    """Be the role and the model of a recorded run."""

    def __init__(self, run: RunStory) -> None:
        self._run = run
        self._tools = _tools(run)
        self._iteration = 0

    def brief(self, iteration: int) -> Brief:
        """Return what the model was told."""
        self._iteration = iteration
        told = self._run.steps[iteration].told if iteration < len(self._run.steps) else ()
        return Brief("", self._tools, news="\n".join(told))

    def ask(self, request: ModelRequest) -> ModelReply:
        """Return what the model answered."""
        if self._iteration >= len(self._run.steps):
            return self._last(request)
        step = self._run.steps[self._iteration]
        if step.call is None:
            return ModelReply(None, _problem(step), step.said)
        call = step.call
        return checked_reply(request, [(call.id, call.name, call.arguments)], text=step.said)

    def perform(self, call: ToolCall, iteration: int) -> Outcome:
        """Return what the tool gave."""
        if iteration >= len(self._run.steps):
            return Finish()
        step = self._run.steps[iteration]
        return Sleep(0.0, step.result) if call.name == "wait" else Continue(step.result, step.is_error)

    def _last(self, request: ModelRequest) -> ModelReply:
        # The step that ends a run leaves no record of its own.
        why = self._run.why or ""
        if self._run.ending == "done":
            return ModelReply(ToolCall("end", "done", {}))
        if self._run.ending == "deadline":
            raise Interrupted("deadline", why)
        if self._run.ending == "llm_failed":
            if (found := _NONSENSE.search(why)) is not None:
                return ModelReply(None, found["problem"])
            raise ModelError(_failure(why))
        raise Interrupted("cancelled", why or "the recording ends here")


def _tools(run: RunStory) -> Any:
    if run.owner == "coordinator":
        from beamlens.coordinator.schemas import TOOLS as COORDINATOR

        return COORDINATOR
    from beamlens.operator.schemas import TOOLS as OPERATOR

    return OPERATOR


def _problem(step: Step) -> str:
    return str(step.result.get("error", "")) if isinstance(step.result, dict) else str(step.result or "")


def _failure(why: str) -> ModelFailure:
    found = _KIND.match(why)
    text = why[found.end() :] if found is not None else why
    return ModelFailure(found["kind"] if found is not None else "connection", text, retryable=False)  # type: ignore[arg-type]


class _Watcher(Observer):
    """Hold what each step adds against what was recorded."""

    def __init__(self, run: RunStory) -> None:
        self._run = run
        self._seen = 0
        self.steps: list[Replayed] = []

    def step_finished(self, state: LoopState) -> None:
        """Compare a step."""
        added = state.context.messages[self._seen :]
        self._seen = len(state.context.messages)
        step = self._run.steps[state.iteration - 1]
        result = next((each.text for each in reversed(added) if each.role == "user"), "")
        found = tuple(_differences(added, step))
        self.steps.append(Replayed(state.iteration - 1, step.tool, step.arguments, result, found))


def _differences(added: tuple[Message, ...], step: Step) -> Iterator[str]:
    now, then = _spoken(added), _spoken(step.messages)
    for at in range(max(len(now), len(then))):
        mine = now[at] if at < len(now) else "nothing"
        recorded = then[at] if at < len(then) else "nothing"
        if mine != recorded:
            yield f"now {one_line(mine, 130)}; then {one_line(recorded, 130)}"


def _spoken(messages: tuple[Message, ...]) -> list[str]:
    # What was told before the choice comes as one message here, and as several perhaps in the record.
    told = "\n".join(each.text for each in messages if each.role == "user" and each.answers is None)
    rest = [each for each in messages if each.role == "assistant" or each.answers is not None]
    return [told, *(_one(each) for each in rest)]


def _one(message: Message) -> str:
    if message.call is not None:
        return f"{message.text}{message.call.name} {json.dumps(message.call.arguments, sort_keys=True, default=str)}"
    return f"{'error ' if message.is_error else ''}{message.text}"
