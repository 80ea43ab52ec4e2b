"""A child died, or its restart failed: whether it is started again, when, and when to give up."""

from __future__ import annotations

from collections.abc import Hashable

from supervision.decisions.actions import SendSelf, SetTimer
from supervision.decisions.events import Retry, TimerFired
from supervision.decisions.state import Child, Reviving
from supervision.decisions.strategies import group, revived
from supervision.decisions.turn import Turn
from supervision.decisions.work import begin, end
from supervision.exits import SHUTDOWN, ExitReason
from supervision.intensity import Restarts

__all__ = ["died", "retry", "start_failed_again", "timer_fired"]


def died(turn: Turn, child: Child, reason: ExitReason) -> None:
    """Deal with a child that ended by itself."""
    spec = child.spec
    if spec.is_permanent or not reason.is_normal:
        turn.report("child_terminated", reason, child, child.pid)
    if spec.is_permanent or not (spec.is_temporary or reason.is_normal):
        _restart(turn, child)
        return
    turn.retire(child)
    if spec.significant and _shuts_down(turn):
        end(turn, SHUTDOWN)


def start_failed_again(turn: Turn, child: Child, former: Hashable | None) -> None:
    """Deal with a child whose restart failed: it is tried again, behind whatever else waits."""
    child = turn.restarting(child, former)
    child = turn.change(child, failures=child.failures + 1)
    if _fails_for_ever(child):
        _give_up(turn, child, "reached_max_failures")
    elif child.spec.backoff is not None:
        _wait(turn, child)
    else:
        turn.act(SendSelf(Retry(child.key, child.token)))


def retry(turn: Turn, event: Retry) -> None:
    """Try again, unless somebody has terminated the child meanwhile."""
    child = turn.children.get(event.key)
    if child is None or child.status != "restarting" or child.token != event.token:
        return
    if child.token not in turn.timers:
        _attempt(turn, child)


def timer_fired(turn: Turn, event: TimerFired) -> None:
    """Restart the child that has waited for this timer."""
    if event.token not in turn.timers:
        return
    child = turn.children[turn.timers[event.token]]
    turn.expire(event.token)
    _attempt(turn, child)


def _restart(turn: Turn, child: Child) -> None:
    healthy = child.spec.healthy_after
    recovered = healthy is not None and turn.now - child.since >= healthy
    child = turn.change(child, failures=1 if recovered else child.failures + 1)
    if _fails_for_ever(child):
        _give_up(turn, child, "reached_max_failures")
    elif child.spec.backoff is not None:
        _wait(turn, turn.restarting(child, child.pid))
    else:
        _attempt(turn, child)


def _attempt(turn: Turn, child: Child) -> None:
    """Count the restart, then make it or give up."""
    if turn.dynamic and child.spec.own_budget is not None:
        _attempt_within_budget(turn, child, child.spec.own_budget)
        return
    turn.restarts = turn.restarts.add(turn.now)
    if turn.restarts.exceeded:
        _give_up(turn, child, "reached_max_restart_intensity")
    else:
        _revive(turn, child)


def _attempt_within_budget(turn: Turn, child: Child, own_budget: tuple[int, float]) -> None:
    budget = (child.budget or Restarts(*own_budget)).add(turn.now)
    if budget.exceeded:
        turn.report("shutdown", "reached_max_restart_intensity", child, child.pid)
        turn.drop(child)
    else:
        _revive(turn, turn.change(child, budget=budget))


def _revive(turn: Turn, child: Child) -> None:
    purpose = Reviving(child.key, child.pid)
    if turn.dynamic:
        # It keeps its former pid, by which a request may still name it if this start fails.
        turn.restarting(child, child.pid)
        begin(turn, purpose, starts=(child.key,))
        return
    turn.undefine(child)
    keys = group(turn.old.flags.strategy, turn.children, child.key)
    begin(turn, purpose, stops=reversed(keys), starts=revived(turn.children, keys))


def _give_up(turn: Turn, child: Child, reason: str) -> None:
    turn.report("shutdown", reason, child, child.pid)
    turn.retire(child)
    end(turn, SHUTDOWN)


def _wait(turn: Turn, child: Child) -> None:
    backoff = child.spec.backoff
    if backoff is not None:
        turn.set_timer(child)
        turn.act(SetTimer(child.token, backoff.delay(child.failures, turn.random())))


def _fails_for_ever(child: Child) -> bool:
    limit = child.spec.max_failures
    return limit is not None and child.failures > limit


def _shuts_down(turn: Turn) -> bool:
    """Tell whether the end of a significant child is the end of its supervisor."""
    match turn.old.flags.auto_shutdown:
        case "any_significant":
            return True
        case "all_significant":
            return not any(c.spec.significant and c.status != "undefined" for c in turn.children.values())
        case _:
            return False
