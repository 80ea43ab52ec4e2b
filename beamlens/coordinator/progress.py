"""Where a run of the coordinator stands: its inbox, its insights, its operators; with pure functions on them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from beamlens.agent.loop import LoopState
from beamlens.coordinator.messages import Investigate, Outcome
from beamlens.domain import Completion, Ending, Insight, Notification, NotificationStatus
from beamlens.domain.evidence import Evidence
from beamlens.journal.writer import in_a_step, unpack_run
from supervision import wire_value

__all__ = ["Entry", "Progress", "restored"]


@wire_value
@dataclass(frozen=True, slots=True)
class Entry:
    """Hold a notification and what became of it."""

    notification: Notification
    status: NotificationStatus = "unread"

    def view(self) -> dict[str, Any]:
        """Return it as the model sees it: without snapshots, which are its operator's to judge."""
        return {"status": self.status, **self.notification.to_dict(snapshots=False)}


@wire_value
@dataclass(frozen=True, slots=True)
class Progress:
    """Hold what a run of the coordinator has come to so far.

    Args:
        asked: what was asked.
        inbox: in the order in which notifications came.
        insights: produced so far.
        running: (operator, run id) of those that work.
        completed: runs of operators that ended.
        crashed: (operator, reason) of every death of an operator in this run.
        notes: what a strategy wants to keep.
        answer: the last word, where a strategy has one.
        crashes: how many times the coordinator's own process has died in this run.
        loop: where the loop stands.
    """

    asked: Investigate
    inbox: tuple[Entry, ...] = ()
    insights: tuple[Insight, ...] = ()
    running: tuple[tuple[str, str], ...] = ()
    completed: tuple[Completion, ...] = ()
    crashed: tuple[tuple[str, str], ...] = ()
    notes: dict[str, Any] = field(default_factory=dict)
    answer: str = ""
    crashes: int = 0
    loop: LoopState = field(default_factory=LoopState)

    @property
    def run_id(self) -> str:
        """Return the run's trace id."""
        return self.asked.run_id

    @property
    def unread(self) -> int:
        """Return how many notifications nobody has looked at."""
        return sum(entry.status == "unread" for entry in self.inbox)

    @property
    def ids(self) -> list[str]:
        """Return the ids of all notifications."""
        return [entry.notification.id for entry in self.inbox]

    def with_notifications(self, *found: Notification) -> Progress:
        """Return it with notifications added; those that are known keep their status, whatever it is."""
        known = set(self.ids)
        new = [each for each in found if each.id not in known]
        if not new:
            return self
        evidence = Evidence()
        held = [replace(entry, notification=evidence.of(entry.notification)) for entry in self.inbox]
        return replace(self, inbox=(*held, *(Entry(evidence.of(each)) for each in new)))

    def with_status(self, ids: set[str], status: NotificationStatus) -> Progress:
        """Return it with a new status of some notifications."""
        changed = (replace(entry, status=status) if entry.notification.id in ids else entry for entry in self.inbox)
        return replace(self, inbox=tuple(changed))

    def with_insight(self, insight: Insight) -> Progress:
        """Return it with an insight; the notifications it rests on are resolved."""
        return replace(self, insights=(*self.insights, insight)).with_status(set(insight.notification_ids), "resolved")

    def started(self, operator: str, run_id: str) -> Progress:
        """Return it with an operator at work."""
        return replace(self, running=(*self.running, (operator, run_id)))

    def finished(self, completion: Completion) -> Progress:
        """Return it with an operator's run ended, and what that run found."""
        left = tuple(pair for pair in self.running if pair[1] != completion.trace_id)
        if len(left) == len(self.running):
            return self  # heard before
        slim = replace(completion, snapshots=(), notifications=tuple(map(_bare, completion.notifications)))
        ended = replace(self, running=left, completed=(*self.completed, slim))
        return ended.with_notifications(*completion.notifications)

    def outcome(self, ending: Ending, reason: str | None = None) -> Outcome:
        """Return the run's end."""
        return Outcome(
            ending=ending,
            insights=self.insights,
            operator_results=self.completed,
            notifications=tuple(entry.notification for entry in self.inbox),
            trace_id=self.run_id,
            answer=self.answer or self._say(ending, reason),
            reason=reason,
            iterations=self.loop.iteration,
            crashes=self.crashes,
        )

    def _say(self, ending: Ending, reason: str | None) -> str:
        if self.insights:
            return "\n".join(insight.summary for insight in self.insights)
        if self.inbox:
            seen = "; ".join(entry.notification.observation for entry in self.inbox)
            return f"No insight was drawn. Operators reported: {seen}"
        if ending not in ("done", "max_iterations"):
            return f"The run ended without an answer: {reason or ending}"
        looked = ", ".join(result.operator for result in self.completed if result.ok) or "nobody"
        failed = "".join(
            f" {result.operator} ended as {result.ending}: {result.reason}."
            for result in self.completed
            if not result.ok
        )
        return f"Nothing unusual was found. Looked: {looked}.{failed}"


def restored(records: list[Any]) -> Progress:
    """Return where an unfinished run stood, out of the records of its journal. One more crash is counted."""
    began, state, found, crashes = unpack_run(records)
    progress = found[-1] if found else Progress(began.asked).with_notifications(*began.asked.notifications)
    if in_a_step(records):
        state = replace(state, context=state.context.with_user(_reminder(progress)))
    return replace(progress, loop=state, crashes=crashes + 1)


def _reminder(progress: Progress) -> str:
    """Tell the model what it did in a step of which its conversation knows nothing."""
    insights = [{"id": each.id, "summary": each.summary} for each in progress.insights]
    working = [name for name, _ in progress.running]
    told = {"restarted": "your process died and goes on; done so far:", "insights": insights, "at_work": working}
    return json.dumps(told)


def _bare(notification: Notification) -> Notification:
    """Return it with its snapshots' names alone: the inbox has the notification with its evidence."""
    return replace(notification, snapshots=tuple(replace(each, data={}) for each in notification.snapshots))
