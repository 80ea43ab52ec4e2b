"""What makes the loop an operator: what its model is told, and how its tools act on what a run has found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from beamlens.agent.loop import Brief, Continue, Finish, Outcome, Sleep
from beamlens.domain import Notification, Snapshot
from beamlens.errors import SkillError
from beamlens.llm.model import ToolCall
from beamlens.operator.events import OperatorEvents
from beamlens.operator.findings import Findings
from beamlens.operator.prompt import system_prompt
from beamlens.operator.schemas import TOOLS
from beamlens.probe.remote import SkillAccess

__all__ = ["Evaluate", "OperatorRole", "Subject"]

_FACTS = 20  # snapshots that the rules provider is shown
_KEPT = 200  # snapshots that one run keeps; older ones go unless a notification needs them
# and the notifications of an operator that watches for good; the others of its runs are as many as its steps


class Evaluate(Protocol):
    """Evaluate Lua code against the skill's callbacks."""

    def __call__(self, code: str) -> tuple[Any, str | None]:
        """Return (result, None), or (None, the error in words)."""
        ...


@dataclass(frozen=True, slots=True)
class Subject:
    """Say what an operator watches: as the probe described its skill."""

    name: str
    skill: str
    title: str
    description: str
    prompt: str
    docs: str
    checks: tuple[Any, ...]
    names: tuple[str, ...]
    node: str


class OperatorRole:
    """Be an operator in the loop. The run's thread; `findings` is replaced as a whole, and any thread may read it.

    Args:
        subject: what it watches.
        skill: takes snapshots.
        evaluate: runs Lua.
        findings: where the run stands.
        events: tells what happens.
        found: is called when something was found that must outlive this process before anybody is told of it.
        sent: is called with each notification, once it was found.
        pace: seconds between snapshots, for the rules provider.
        continuous: whether it watches for good.
        max_iterations: of the run.
        impatient: tells whether a wait is to end early.
    """

    def __init__(
        self,
        subject: Subject,
        skill: SkillAccess,
        evaluate: Evaluate,
        findings: Findings,
        events: OperatorEvents,
        found: Callable[[], None],
        sent: Callable[[Notification], None],
        *,
        pace: float,
        continuous: bool,
        max_iterations: int,
        impatient: Callable[[], bool] | None = None,
    ) -> None:
        self.subject = subject
        self.findings = findings
        self._skill = skill
        self._evaluate = evaluate
        self._events = events
        self._found = found
        self._sent = sent
        self._pace = pace
        self._continuous = continuous
        self._max_iterations = max_iterations
        self._impatient = impatient
        self._system = system_prompt(subject.prompt, subject.docs, continuous=continuous)
        self._tools: Mapping[str, Callable[[dict[str, Any]], Outcome]] = {
            "set_state": self._set_state,
            "send_notification": self._send_notification,
            "get_notifications": self._get_notifications,
            "take_snapshot": self._take_snapshot,
            "get_snapshot": self._get_snapshot,
            "get_snapshots": self._get_snapshots,
            "execute": self._execute,
            "wait": self._wait,
            "think": self._think,
            "done": self._done,
        }

    # -- the loop's questions -----------------------------------------------------------------

    def brief(self, iteration: int) -> Brief:
        """Return what the model is told at this step."""
        return Brief(self._system, TOOLS, f"Current state: {self.findings.state}", facts=self._facts(iteration))

    def perform(self, call: ToolCall, iteration: int) -> Outcome:
        """Perform a tool."""
        return self._tools[call.name](call.arguments)

    def _facts(self, iteration: int) -> dict[str, Any]:
        found = self.findings
        return {
            "role": "operator",
            "operator": self.subject.name,
            "skill": self.subject.skill,
            "state": found.state,
            "mode": "continuous" if self._continuous else "on_demand",
            "pace_seconds": self._pace,
            "iteration": iteration,
            "max_iterations": self._max_iterations,
            "reason": _reason_text(found.invoke.reason),
            "checks": list(self.subject.checks),
            "snapshots": [snapshot.to_dict() for snapshot in found.snapshots[-_FACTS:]],
            "notifications": [sent.to_dict(snapshots=False) for sent in found.notifications],
        }

    # -- the tools ----------------------------------------------------------------------------

    def _set_state(self, arguments: dict[str, Any]) -> Outcome:
        before, after = self.findings.state, arguments["state"]
        self._events.tell("state_change", {"from": before, "to": after, "reason": arguments["reason"]})
        self.findings = replace(self.findings, state=after)
        return Continue({"state": after})

    def _send_notification(self, arguments: dict[str, Any]) -> Outcome:
        wanted = list(dict.fromkeys(arguments["snapshot_ids"]))
        known = {snapshot.id: snapshot for snapshot in self.findings.snapshots}
        missing = [number for number in wanted if number not in known]
        problem = (
            "snapshot_ids required: take a snapshot first and cite its id"
            if not wanted
            else f"snapshots not found: {', '.join(missing)}"
            if missing
            else None
        )
        if problem is not None:
            self._events.tell("notification_failed", {"reason": problem})
            return Continue({"error": problem, "known_snapshot_ids": list(known)[-10:]}, is_error=True)
        evidence = tuple(known[number] for number in wanted)
        again = self._sent_before(arguments, evidence)
        if again is not None:
            return Continue({"notification_sent": again.id, "note": "it was sent before; it is not sent again"})
        notification = Notification(
            operator=self.subject.name,
            anomaly_type=arguments["type"],
            severity=arguments["severity"],
            context=arguments["context"],
            observation=arguments["observation"],
            hypothesis=arguments.get("hypothesis"),
            snapshots=evidence,
            trace_id=self.findings.invoke.run_id,
            node=self.subject.node,
            entities=tuple(arguments.get("entities", ())),
            cause=arguments.get("cause"),
            remedy=arguments.get("remedy"),
        )
        kept = self.findings.notifications[-(_KEPT - 1) :] if self._continuous else self.findings.notifications
        self.findings = replace(self.findings, notifications=(*kept, notification))
        self._found()
        self._events.tell("notification_sent", {"notification": notification})
        self._sent(notification)
        return Continue({"notification_sent": notification.id})

    def _sent_before(self, arguments: dict[str, Any], evidence: tuple[Snapshot, ...]) -> Notification | None:
        """Return a notification of the same finding: after a crash in the step that sent it, it is sent again."""
        wanted = (arguments["type"], arguments["severity"], arguments["observation"], evidence)
        for sent in self.findings.notifications:
            if (sent.anomaly_type, sent.severity, sent.observation, sent.snapshots) == wanted:
                return sent
        return None

    def _get_notifications(self, _arguments: dict[str, Any]) -> Outcome:
        found = [sent.to_dict(snapshots=False) for sent in self.findings.notifications]
        self._events.tell("get_notifications", {"count": len(found)})
        return Continue(found)

    def _take_snapshot(self, _arguments: dict[str, Any]) -> Outcome:
        try:
            data, seconds = self._skill.snapshot()
        except SkillError as error:
            return Continue({"error": error.text, "kind": error.kind}, is_error=True)
        snapshot = Snapshot(data, self.subject.skill)
        self.findings = replace(self.findings, snapshots=self._with(snapshot))
        self._events.tell("take_snapshot", {"snapshot_id": snapshot.id})
        return Continue({**snapshot.to_dict(), "cost_seconds": round(seconds, 6)})

    def _with(self, snapshot: Snapshot) -> tuple[Snapshot, ...]:
        kept = self.findings.snapshots
        if len(kept) >= _KEPT:
            needed = {used.id for sent in self.findings.notifications for used in sent.snapshots}
            drop = next((old.id for old in kept if old.id not in needed), kept[0].id)
            kept = tuple(old for old in kept if old.id != drop)
        return (*kept, snapshot)

    def _get_snapshot(self, arguments: dict[str, Any]) -> Outcome:
        wanted = arguments["id"]
        self._events.tell("get_snapshot", {"snapshot_id": wanted})
        found = next((snapshot for snapshot in self.findings.snapshots if snapshot.id == wanted), None)
        if found is None:
            return Continue({"error": "snapshot_not_found", "id": wanted}, is_error=True)
        return Continue(found.to_dict())

    def _get_snapshots(self, arguments: dict[str, Any]) -> Outcome:
        offset = arguments.get("offset", 0)
        limit = arguments.get("limit")
        found = self.findings.snapshots[offset : None if limit is None else offset + limit]
        self._events.tell("get_snapshots", {"count": len(found)})
        return Continue([snapshot.to_dict() for snapshot in found])

    def _execute(self, arguments: dict[str, Any]) -> Outcome:
        code = arguments["code"]
        self._events.tell("execute_start", {"code": code})
        result, error = self._evaluate(code)
        if error is not None:
            self._events.tell("execute_error", {"code": code, "reason": error})
            return Continue({"error": error}, is_error=True)
        self._events.tell("execute_complete", {"code": code, "result": result})
        return Continue(result)

    def _wait(self, arguments: dict[str, Any]) -> Outcome:
        self._events.tell("wait", {"ms": arguments["ms"]})
        return Sleep(arguments["ms"] / 1000.0, {"waited_ms": arguments["ms"]}, self._impatient)

    def _think(self, arguments: dict[str, Any]) -> Outcome:
        self._events.tell("think", {"thought": arguments["thought"]})
        return Continue({"thought": arguments["thought"], "recorded": True})

    def _done(self, _arguments: dict[str, Any]) -> Outcome:
        self._events.tell("done", {})
        return Finish()


def _reason_text(reason: Mapping[str, Any]) -> str | None:
    if not reason:
        return None
    return "\n".join(f"{key}: {value}" for key, value in reason.items())
