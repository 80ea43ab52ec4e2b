"""What happened in a run, and in the runs of the operators that it set to work."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from beamlens.domain import Insight, Notification, Snapshot
from beamlens.llm.model import Message, ToolCall

__all__ = ["Death", "RunStory", "Step", "Story", "clock"]


def clock(at: float) -> str:
    """Return seconds since the epoch as ISO text, in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True, slots=True)
class Step:
    """Hold one step of a run.

    Args:
        iteration: counts from 0.
        at: when it was finished, seconds since the epoch.
        told: what the model was told before it, beside the results of tools.
        said: what the model said beside its choice.
        call: the tool it chose; None where its answer could not be used.
        result: what the tool gave, as data.
        is_error: whether that is an error.
        seconds: what the step took: `llm` and `tool`.
        state: the operator's word on its subject's health, after the step; empty for a coordinator.
        notification: the id of the notification it sent, if any.
        messages: what the step added to the conversation.
        shortened: whether the conversation was shortened before it.
        context_tokens: about how long the conversation was after it.
    """

    iteration: int
    at: float
    told: tuple[str, ...]
    said: str
    call: ToolCall | None
    result: Any
    is_error: bool
    seconds: dict[str, float]
    state: str = ""
    notification: str | None = None
    messages: tuple[Message, ...] = ()
    shortened: bool = False
    context_tokens: int = 0

    @property
    def tool(self) -> str:
        """Return the tool's name."""
        return self.call.name if self.call is not None else "(no usable answer)"

    @property
    def arguments(self) -> dict[str, Any]:
        """Return the tool's arguments."""
        return self.call.arguments if self.call is not None else {}

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        return {
            "iteration": self.iteration,
            "at": clock(self.at),
            "told": list(self.told),
            "said": self.said,
            "tool": self.call.name if self.call is not None else None,
            "arguments": self.arguments,
            "result": self.result,
            "is_error": self.is_error,
            "seconds": self.seconds,
            "state": self.state or None,
            "notification": self.notification,
            "conversation_shortened": self.shortened,
        }


@dataclass(frozen=True, slots=True)
class Death:
    """Tell that the process that performed a run died, and when and where the run went on."""

    at: float
    crashes: int
    pid: int

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        return {"resumed_at": clock(self.at), "crashes": self.crashes, "pid": self.pid}


@dataclass(frozen=True, slots=True)
class RunStory:
    """Tell one run.

    Args:
        owner: `operator:vm`, `coordinator`.
        run_id: its trace id.
        reason: what it was about.
        began: seconds since the epoch.
        ended: as `began`; None where the transcript does not say.
        ending, why: how it ended.
        steps, deaths: in their order.
        snapshots, notifications, insights: what it found.
        operator_runs: (operator, run id) of those it set to work.
        crashed: (operator, reason) of their deaths.
        answer: the coordinator's last word.
        max_iterations: its bound, where it was asked for.
        damage: what could not be read of the transcript; empty where all could.
    """

    owner: str
    run_id: str
    reason: dict[str, Any]
    began: float
    ended: float | None = None
    ending: str | None = None
    why: str | None = None
    steps: tuple[Step, ...] = ()
    deaths: tuple[Death, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    notifications: tuple[Notification, ...] = ()
    insights: tuple[Insight, ...] = ()
    operator_runs: tuple[tuple[str, str], ...] = ()
    crashed: tuple[tuple[str, str], ...] = ()
    answer: str = ""
    damage: str = ""

    @property
    def name(self) -> str:
        """Return the operator's name, or `coordinator`."""
        return self.owner.removeprefix("operator:")

    @property
    def last(self) -> float:
        """Return the last moment that is known of it."""
        moments = [self.began, *(step.at for step in self.steps), *(death.at for death in self.deaths)]
        return self.ended if self.ended is not None else max(moments)

    def usage(self) -> dict[str, Any]:
        """Return what the run took: steps, seconds, and the size of the conversation at its end."""
        return {
            "steps": len(self.steps),
            "model_seconds": round(sum(step.seconds.get("llm", 0.0) for step in self.steps), 6),
            "tool_seconds": round(sum(step.seconds.get("tool", 0.0) for step in self.steps), 6),
            "seconds": round(self.last - self.began, 6),
            "context_tokens": self.steps[-1].context_tokens if self.steps else 0,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        return {
            "owner": self.owner,
            "run_id": self.run_id,
            "reason": self.reason,
            "began": clock(self.began),
            "ended": None if self.ended is None else clock(self.ended),
            "ending": self.ending,
            "why": self.why,
            "answer": self.answer,
            "steps": [step.to_dict() for step in self.steps],
            "deaths": [death.to_dict() for death in self.deaths],
            "snapshots": [snapshot.to_dict() for snapshot in self.snapshots],
            "notifications": [found.to_dict(snapshots=False) for found in self.notifications],
            "insights": [insight.to_dict() for insight in self.insights],
            "operator_runs": [{"operator": name, "run_id": run_id} for name, run_id in self.operator_runs],
            "crashed": [{"operator": name, "reason": reason} for name, reason in self.crashed],
            "usage": self.usage(),
            "damage": self.damage or None,
        }


@dataclass(frozen=True, slots=True)
class Story:
    """Tell a run and those that belong to it.

    Args:
        runs: first the one that was asked for, then those of the operators that it set to work.
        missing: ids of runs whose transcripts are not there.
    """

    runs: tuple[RunStory, ...]
    missing: tuple[str, ...] = field(default=())

    @property
    def main(self) -> RunStory:
        """Return the run that was asked for."""
        return self.runs[0]

    def run_of(self, notification: Notification) -> RunStory | None:
        """Return the operator's run that found something."""
        return next((run for run in self.runs if run.run_id == notification.trace_id), None)

    def notification(self, number: str) -> Notification | None:
        """Return a notification by its id."""
        found = (each for run in self.runs for each in run.notifications if each.id == number)
        return next(found, None)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON data, with the evidence behind each sentence of the insights."""
        from beamlens.report.evidence import evidence

        return {
            **self.main.to_dict(),
            "operators": [run.to_dict() for run in self.runs[1:]],
            "missing_runs": list(self.missing),
            "evidence": [each.to_dict() for each in evidence(self)],
        }
