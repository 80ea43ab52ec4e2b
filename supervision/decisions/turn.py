"""The working copy of the state within one step: copied on the first write, frozen again at the end."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

from supervision.decisions.actions import (
    Action,
    Answer,
    CancelTimer,
    Context,
    Finished,
    Forget,
    Offender,
    Ok,
    Refused,
    Report,
)
from supervision.decisions.events import Event, Exited, Request
from supervision.decisions.state import Child, State, Work
from supervision.exits import ExitReason

__all__ = ["Turn"]


class Turn:
    """Collect the changes and actions of one step.

    The maps of the old state are shared until they are written to, so that the old state stays as it was.
    """

    __slots__ = (
        "_copied",
        "actions",
        "children",
        "counter",
        "deferred",
        "fallen",
        "life",
        "now",
        "old",
        "pids",
        "restarts",
        "seed",
        "timers",
        "work",
    )

    def __init__(self, old: State, now: float) -> None:
        self.old = old
        self.now = now
        self.actions: list[Action] = []
        self.children: dict[Hashable, Child] = old.children  # type: ignore[assignment]
        self.timers: dict[int, Hashable] = old.timers  # type: ignore[assignment]
        self.pids: dict[Hashable, Hashable] = old.pids  # type: ignore[assignment]
        self.fallen: dict[Hashable, ExitReason] = old.fallen  # type: ignore[assignment]
        self.deferred = old.deferred
        self.restarts = old.restarts
        self.life = old.life
        self.work: Work | None = old.work
        self.counter = old.counter
        self.seed = old.seed
        self._copied: set[str] = set()

    def freeze(self) -> State:
        """Return the state after this step."""
        old = self.old
        return State(
            old.flags,
            old.mode,
            self.children,
            self.restarts,
            self.life,
            self.work,
            self.deferred,
            self.fallen,
            self.timers,
            self.pids,
            old.template,
            old.max_children,
            old.extra_arguments,
            self.counter,
            self.seed,
        )

    def act(self, action: Action) -> None:
        """Add an action."""
        self.actions.append(action)

    def answer(self, request_id: Hashable, outcome: Ok | Refused) -> None:
        """Answer a request."""
        self.actions.append(Answer(request_id, outcome))

    def refuse(self, request_id: Hashable, reason: object) -> None:
        """Refuse a request."""
        self.actions.append(Answer(request_id, Refused(reason)))

    def report(self, context: Context, reason: object, child: Child, pid: Hashable | None) -> None:
        """Report an error of one child."""
        self.actions.append(Report(context, reason, Offender(pid, None, child.spec.id, child.spec, child.key)))

    def number(self) -> int:
        """Return a number that was not used before."""
        self.counter += 1
        return self.counter

    def random(self) -> float:
        """Return the next random number from 0 to 1 (a linear congruential generator, Knuth's constants)."""
        self.seed = (self.seed * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.seed >> 11) / 2**53

    @property
    def dynamic(self) -> bool:
        """Tell whether children are instances known by their pids."""
        return self.old.mode != "ordinary"

    def put(self, child: Child) -> None:
        """Add an entry at the end, or replace it where it is."""
        self._own("children")
        self.children[child.key] = child

    def change(self, child: Child, **changes: Any) -> Child:
        """Replace fields of an entry and return it."""
        changed = replace(child, **changes)
        self.put(changed)
        return changed

    def up(self, child: Child, pid: Hashable) -> Child:
        """Note that the child runs as this process."""
        self._unindex(child)
        if self.dynamic:
            self._own("pids")
            self.pids[pid] = child.key
        return self.change(child, status="up", pid=pid, token=0, since=self.now)

    def undefine(self, child: Child) -> Child:
        """Note that the child has no process and that no retry is due."""
        self._cancel(child)
        return self.change(child, status="undefined", pid=None, token=0)

    def restarting(self, child: Child, former: Hashable | None) -> Child:
        """Note that a retry is due, and return the entry with the token for it."""
        self._cancel(child)
        return self.change(child, status="restarting", pid=former, token=self.number())

    def drop(self, child: Child) -> None:
        """Forget an entry."""
        self._cancel(child)
        self._unindex(child)
        self._own("children")
        del self.children[child.key]
        self.act(Forget(child.key))

    def retire(self, child: Child) -> None:
        """Keep an entry without a process, or forget it where OTP does: temporary and dynamic ones."""
        if child.spec.is_temporary or self.dynamic:
            self.drop(child)
        else:
            self.undefine(child)

    def set_timer(self, child: Child) -> None:
        """Note that the retry of this child waits for a timer."""
        self._own("timers")
        self.timers[child.token] = child.key

    def expire(self, token: int) -> None:
        """Note that a timer is over."""
        if token in self.timers:
            self._own("timers")
            del self.timers[token]

    def defer(self, event: Event) -> None:
        """Keep an event until the work is done."""
        self.deferred = (*self.deferred, event)
        if isinstance(event, Exited):
            self._own("fallen")
            self.fallen[event.pid] = event.reason

    def next_deferred(self) -> Event | None:
        """Take the first event that was kept."""
        if not self.deferred:
            return None
        event, self.deferred = self.deferred[0], self.deferred[1:]
        if not self.deferred and self.fallen:
            self.fallen = {}
            self._copied.add("fallen")
        return event

    def finish(self, reason: ExitReason) -> None:
        """End the supervisor; whoever still waits for an answer is refused."""
        for event in self.deferred:
            if isinstance(event, Request):
                self.refuse(event.request_id, "noproc")
        self.deferred = ()
        self.fallen = {}
        self.work = None
        self.life = "over"
        self.act(Finished(reason))

    def _cancel(self, child: Child) -> None:
        if child.status == "restarting" and child.token in self.timers:
            self.expire(child.token)
            self.act(CancelTimer(child.token))

    def _unindex(self, child: Child) -> None:
        if self.dynamic and child.pid in self.pids:
            self._own("pids")
            del self.pids[child.pid]

    def _own(self, name: str) -> None:
        """Copy a map before its first change."""
        if name not in self._copied:
            setattr(self, name, dict(getattr(self, name)))
            self._copied.add(name)
