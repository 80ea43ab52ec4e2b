"""The commonest decision ahead of its time: a permanent child is restarted whatever it died of.

The reason of a death is known a little later than the death. For a permanent child of an idle one_for_one
supervisor it decides nothing, so the replacement need not wait for it; the report does.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

from supervision.decisions.actions import Offender, Report, Start
from supervision.decisions.state import Child, Reviving, State, Work
from supervision.exits import ExitReason

__all__ = ["AtOnce", "restart_at_once"]


class AtOnce:
    """Hold a restart that was decided before its reason was known.

    Args:
        state: what becomes of the supervisor.
        start: what is to be done.
        child: the child as it was.
    """

    __slots__ = ("child", "start", "state")

    def __init__(self, state: State, start: Start, child: Child) -> None:
        self.state = state
        self.start = start
        self.child = child

    def report(self, reason: ExitReason) -> Report:
        """Return the report of the death, now that its reason is known."""
        spec = self.child.spec
        return Report("child_terminated", reason, Offender(self.child.pid, None, spec.id, spec, self.child.key))


def restart_at_once(state: State, key: Hashable, pid: Hashable, now: float) -> AtOnce | None:
    """Return the restart of a child that is dead for whatever reason; None where `step` has to decide.

    The same as `step` on its `Exited`, for any reason: the report first, then the start.

    Args:
        state: of the last step.
        key, pid: whose process is dead.
        now: monotonic seconds.
    """
    child = state.children.get(key)
    if child is None or child.pid != pid or child.status != "up" or not _is_plain(state, child):
        return None
    restarts = state.restarts.add(now)
    if restarts.exceeded:
        return None
    waiting = replace(child, status="undefined", pid=None, token=0, failures=child.failures + 1)
    work = Work(Reviving(key, pid), (key,), (key,), 1, 1, key, "start")
    after = replace(state, children={**state.children, key: waiting}, restarts=restarts, work=work)
    return AtOnce(after, Start(key, child.spec), child)


def _is_plain(state: State, child: Child) -> bool:
    spec = child.spec
    return (
        state.work is None
        and not state.deferred
        and state.life == "up"
        and state.mode == "ordinary"
        and state.flags.strategy == "one_for_one"
        and spec.restart == "permanent"
        and spec.backoff is None
        and spec.healthy_after is None
        and spec.max_failures is None
    )
