"""What makes the loop a coordinator: what its model is told, and how its tools act on where the run stands."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from beamlens.agent.loop import Brief, Continue, Finish, Outcome, Sleep
from beamlens.coordinator.checks import insight_problem
from beamlens.coordinator.events import CoordinatorEvents
from beamlens.coordinator.messages import Member
from beamlens.coordinator.progress import Progress
from beamlens.coordinator.prompt import standing_text, system_prompt
from beamlens.coordinator.schemas import TOOLS
from beamlens.coordinator.team import Team
from beamlens.domain import Completion, Insight, Notification, new_trace_id
from beamlens.llm.model import ToolCall
from supervision import Ref

__all__ = ["CoordinatorRole"]

_QUESTION_SECONDS: Final = 30.0


class CoordinatorRole:
    """Be the coordinator in the loop. `progress` is replaced as a whole, under a lock: operators report meanwhile.

    Args:
        progress: where the run stands.
        members: the operators it may invoke.
        events: tells what happens.
        make_team: returns the team that hears `finished` and `crashed` of this role.
        found: is called when something was done that must outlive this process before anybody is told of it.
        max_iterations: of the run.
    """

    def __init__(
        self,
        progress: Progress,
        members: tuple[Member, ...],
        events: CoordinatorEvents,
        make_team: Callable[[CoordinatorRole], Team],
        found: Callable[[], None],
        max_iterations: int,
    ) -> None:
        self.progress = progress
        self.members = members
        self.schedule: tuple[int, str] | None = None
        self._events = events
        self._found = found
        self._max_iterations = max_iterations
        self._lock = threading.RLock()
        self._news: list[str] = []
        self._changes = 0
        self._seen = 0
        self.team = make_team(self)
        self._tools: Mapping[str, Callable[[dict[str, Any]], Outcome]] = {
            "get_notifications": self._get_notifications,
            "update_notification_statuses": self._update_statuses,
            "produce_insight": self._produce_insight,
            "invoke_operators": self._invoke_operators,
            "message_operator": self._message_operator,
            "get_operator_statuses": self._get_statuses,
            "wait": self._wait,
            "schedule": self._schedule,
            "think": self._think,
            "done": self._done,
        }

    def update(self, change: Callable[[Progress], Progress]) -> Progress:
        """Replace where the run stands by what `change` makes of it; return that. Any thread."""
        with self._lock:
            self.progress = change(self.progress)
            return self.progress

    # -- what operators report: any thread ------------------------------------------------------

    def notified(self, operator: str, notification: Notification, sender: Any = None) -> None:
        """Take a notification of an operator that works."""
        with self._lock:
            if notification.id in self.progress.ids:
                return
            self.progress = self.progress.with_notifications(notification)
            self._changes += 1
        about = {"notification_id": notification.id, "operator_pid": sender, "operator": operator}
        self._events.tell("operator_notification_received", about)
        self.team.wake()

    def finished(self, completion: Completion) -> None:
        """Hear that an operator's run has ended."""
        with self._lock:
            before = self.progress
            self.progress = before.finished(completion)
            if self.progress is before:
                return
            self._changes += 1
            if completion.ok:
                self._news.append(f"operator {completion.operator} has ended, state {completion.state}")
            else:
                self._news.append(f"operator {completion.operator} ended as {completion.ending}: {completion.reason}")
        self._events.tell("operator_complete", {"skill": completion.operator, "result": completion})

    def crashed(self, operator: str, reason: str) -> None:
        """Hear that an operator's process died; its restart goes on with the run."""
        with self._lock:
            self.progress = replace(self.progress, crashed=(*self.progress.crashed, (operator, reason)))
            self._changes += 1
            self._news.append(f"operator {operator} crashed ({reason}); it is restarted and its run goes on")
        self._events.tell("operator_crashed", {"skill": operator, "reason": reason})
        self.team.wake()

    # -- the loop's questions -------------------------------------------------------------------

    def brief(self, iteration: int) -> Brief:
        """Return what the model is told at this step."""
        with self._lock:
            news, self._news = self._news, []
            self._seen = self._changes
            now = self.progress
        standing = standing_text(now.unread, [name for name, _ in now.running])
        told = "Since the last step: " + "; ".join(news) + "." if news else ""
        return Brief(system_prompt(self.members), TOOLS, standing, told, self.facts(iteration))

    def perform(self, call: ToolCall, iteration: int) -> Outcome:
        """Perform a tool."""
        return self._tools[call.name](call.arguments)

    def facts(self, iteration: int) -> dict[str, Any]:
        """Return what the rules provider needs to know."""
        now = self.progress
        return {
            "role": "coordinator",
            "context": now.asked.context,
            "iteration": iteration,
            "max_iterations": self._max_iterations,
            "operators": [
                {"name": each.name, "title": each.title, "description": each.description} for each in self.members
            ],
            "invoked": [*(result.operator for result in now.completed), *(name for name, _ in now.running)],
            "running": [name for name, _ in now.running],
            "completed": [result.to_dict() for result in now.completed],
            "crashed": [{"operator": name, "reason": reason} for name, reason in now.crashed],
            "inbox": [entry.view() for entry in now.inbox],
            "insights": [insight.to_dict() for insight in now.insights],
        }

    # -- the tools ------------------------------------------------------------------------------

    def _get_notifications(self, arguments: dict[str, Any]) -> Outcome:
        status = arguments.get("status")
        wanted = None if status in (None, "all") else status
        found = [entry.view() for entry in self.progress.inbox if wanted in (None, entry.status)]
        self._events.tell("get_notifications", {"status": wanted, "count": len(found)})
        return Continue(found)

    def _update_statuses(self, arguments: dict[str, Any]) -> Outcome:
        wanted, status = list(dict.fromkeys(arguments["notification_ids"])), arguments["status"]
        self._events.tell("update_notification_statuses", {"notification_ids": wanted, "status": status})
        with self._lock:
            known = [number for number in wanted if number in self.progress.ids]
            self.progress = self.progress.with_status(set(known), status)
        unknown = [number for number in wanted if number not in known]
        result: dict[str, Any] = {"updated": known, "status": status}
        if unknown:
            result["unknown"] = unknown
        return Continue(result, is_error=bool(unknown) and not known)

    def _produce_insight(self, arguments: dict[str, Any]) -> Outcome:
        problem = insight_problem(arguments, self.progress)
        if problem is not None:
            return Continue({"error": problem}, is_error=True)
        again = self._produced_before(arguments)
        if again is not None:
            return Continue({"insight_produced": again.id, "note": "it was produced before; it is not produced again"})
        insight = self.produce(arguments)
        return Continue({"insight_produced": insight.id})

    def produce(self, arguments: Mapping[str, Any]) -> Insight:
        """Make an insight of checked arguments."""
        insight = Insight(
            notification_ids=tuple(arguments["notification_ids"]),
            correlation_type=arguments["correlation_type"],
            summary=arguments["summary"],
            matched_observations=tuple(arguments["matched_observations"]),
            hypothesis_grounded=arguments["hypothesis_grounded"],
            confidence=arguments["confidence"],
            root_cause_hypothesis=arguments.get("root_cause_hypothesis"),
            trace_id=self.progress.run_id,
        )
        self.update(lambda now: now.with_insight(insight))
        self._found()
        self._events.tell("insight_produced", {"insight": insight})
        return insight

    def _produced_before(self, arguments: dict[str, Any]) -> Insight | None:
        """Return an insight that says the same: after a crash in the step that produced it, it is produced again."""
        wanted = (set(arguments["notification_ids"]), arguments["summary"])
        return next(
            (each for each in self.progress.insights if (set(each.notification_ids), each.summary) == wanted), None
        )

    def _invoke_operators(self, arguments: dict[str, Any]) -> Outcome:
        wanted = list(dict.fromkeys(arguments["skills"]))
        self._events.tell("invoke_operators", {"skills": wanted})
        context = arguments.get("context")
        result = self.invoke(wanted, {"reason": context} if context else dict(self.progress.asked.context))
        return Continue(result, is_error=not result["started"])

    def invoke(self, wanted: list[str], reason: dict[str, Any]) -> dict[str, Any]:
        """Send operators out, all at once; return which were started, and why others were not."""
        allowed = {member.name for member in self.members}
        result: dict[str, Any] = {"started": [], "already_running": [], "unknown": []}
        for name in wanted:
            running = [operator for operator, _ in self.progress.running]
            ref = self.team.find(name) if name in allowed else None
            if name in running:
                result["already_running"].append(name)
            elif ref is None:
                self._events.tell("operator_not_found", {"skill": name})
                result["unknown"].append(name)
            else:
                self._send(name, ref, reason)
                result["started"].append(name)
        if result["unknown"]:
            result["there_are"] = sorted(allowed)
        return result

    def _send(self, name: str, ref: Ref, reason: dict[str, Any]) -> None:
        run_id = new_trace_id()
        self.update(lambda now: now.started(name, run_id))
        self._found()  # after a crash it is waited for, and not sent again
        self.team.send(name, ref, {"operator": name, **reason}, run_id)

    def go_on(self, name: str, run_id: str) -> None:
        """Wait again for a run of an operator that was begun before the coordinator's process died."""
        ref = self.team.find(name)
        if ref is None:
            self.finished(Completion(name, "crashed", trace_id=run_id, reason="there is no such operator any more"))
        else:
            self.team.send(name, ref, {"operator": name, **self.progress.asked.context}, run_id, begun=True)

    def _message_operator(self, arguments: dict[str, Any]) -> Outcome:
        name = arguments["skill"]
        self._events.tell("message_operator", {"skill": name})
        names = [member.name for member in self.members]
        if name not in names:
            return Continue({"skill": name, "error": "there is no operator of that name", "there_are": names}, True)
        result = self.team.ask(name, arguments["message"], _QUESTION_SECONDS)
        return Continue(result, is_error="error" in result)

    def _get_statuses(self, _arguments: dict[str, Any]) -> Outcome:
        self._events.tell("get_operator_statuses")
        now = self.progress
        found = self.team.statuses([name for name, _ in now.running])
        ended = [{"skill": each.operator, "ended": each.ending, "state": each.state} for each in now.completed]
        return Continue([*found, *ended])

    def _wait(self, arguments: dict[str, Any]) -> Outcome:
        self._events.tell("wait", {"ms": arguments["ms"]})
        return Sleep(arguments["ms"] / 1000.0, {"waited_up_to_ms": arguments["ms"]}, self.has_news)

    def has_news(self) -> bool:
        """Tell whether anything was reported since the last step began."""
        return self._changes != self._seen

    def _schedule(self, arguments: dict[str, Any]) -> Outcome:
        running = len(self.progress.running)
        if running:
            self._events.tell("schedule_rejected", {"running_operator_count": running})
            return Continue({"error": self._still_running("schedule")}, is_error=True)
        self._events.tell("schedule", {"ms": arguments["ms"], "reason": arguments["reason"]})
        self.schedule = (arguments["ms"], arguments["reason"])
        return Finish()

    def _think(self, arguments: dict[str, Any]) -> Outcome:
        self._events.tell("think", {"thought": arguments["thought"]})
        return Continue({"thought": arguments["thought"], "recorded": True})

    def _done(self, _arguments: dict[str, Any]) -> Outcome:
        now = self.progress
        if now.running:
            self._events.tell("done_rejected", {"running_operator_count": len(now.running)})
            return Continue({"error": self._still_running("end")}, is_error=True)
        self._events.tell("done", {"has_unread": now.unread > 0, "unread_count": now.unread})
        return Finish()

    def _still_running(self, what: str) -> str:
        names = ", ".join(name for name, _ in self.progress.running)
        return f"cannot {what} while operators work: {names}; wait for them, or look with get_operator_statuses"
