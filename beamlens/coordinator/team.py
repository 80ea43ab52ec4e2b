"""The operators that a run of the coordinator has sent out, each followed on a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pykka

from beamlens.domain import Completion, OperatorStatus, new_trace_id
from beamlens.following import Follower
from beamlens.operator.messages import Await, Cancel, Invoke, Question, Status
from beamlens.parts import Parts
from supervision import Ref, SupervisionError

__all__ = ["Team"]

_GLANCE = 2.0  # seconds that an operator gets to say how it stands


class Team:
    """Send operators out and hear of them. Methods: any thread; the callbacks come on threads of the team's.

    Args:
        parts: finds operators.
        notify: who is told what operators send while they work; a ref that outlives a crash of the coordinator.
        run_id: of the coordinator.
        finished: hears each completion.
        crashed: hears (operator, reason) of each death.
    """

    def __init__(
        self,
        parts: Parts,
        notify: Ref,
        run_id: str,
        finished: Callable[[Completion], None],
        crashed: Callable[[str, str], None],
    ) -> None:
        self._parts = parts
        self._notify = notify
        self._run_id = run_id
        self._finished = finished
        self._crashed = crashed
        self.changed = threading.Condition()

    def find(self, operator: str) -> Ref | None:
        """Return a ref to an operator, None when there is none."""
        return self._parts.find(f"operator:{operator}", seconds=2.0)

    def send(self, operator: str, ref: Ref, reason: dict[str, Any], run_id: str | None = None) -> str:
        """Have an operator run, and return the run's id.

        Args:
            operator: its name.
            ref: to it.
            reason: what it should look into.
            run_id: of a run that goes on after a crash of the coordinator; None for a new one.
        """
        invoke = Invoke(
            run_id=run_id or new_trace_id(), reason=reason, notify=self._notify.following(), parent=self._run_id
        )
        follower = threading.Thread(
            target=self._follow, args=(operator, ref, invoke), name=f"beamlens-follow-{operator}", daemon=True
        )
        follower.start()
        return invoke.run_id

    def _follow(self, operator: str, ref: Ref, invoke: Invoke) -> None:
        def gone(reason: str, deaths: int) -> Completion:
            why = f"the operator is gone: {reason}"
            return Completion(operator, "crashed", trace_id=invoke.run_id, reason=why, crashes=deaths)

        again = Await(invoke.run_id)
        crashed = partial(self._crashed, operator)
        self._finished(Follower(ref, invoke, again, Completion, gone, crashed).wait())
        self.wake()

    def wake(self) -> None:
        """Wake who waits for a change."""
        with self.changed:
            self.changed.notify_all()

    def cancel(self, running: tuple[tuple[str, str], ...]) -> None:
        """Cancel the runs of operators; they are not killed, and other runs of theirs go on."""
        for operator, run_id in running:
            ref = self.find(operator)
            if ref is None:
                continue
            try:
                ref.tell(Cancel(run_id))
            except (pykka.ActorDeadError, SupervisionError):
                continue  # it is not running any more

    def ask(self, operator: str, question: str, timeout: float) -> dict[str, Any]:
        """Ask an operator a question; the answer has `response` or `error`."""
        ref = self.find(operator)
        if ref is None:
            return {"skill": operator, "error": "there is no operator of that name"}
        try:
            return dict(ref.ask(Question(question, timeout), timeout=timeout + _GLANCE))
        except pykka.Timeout:
            return {"skill": operator, "error": "operator timed out"}
        except (pykka.ActorDeadError, SupervisionError) as error:
            return {"skill": operator, "error": f"operator crashed: {error}"}

    def statuses(self, operators: list[str]) -> list[dict[str, Any]]:
        """Return how operators stand; asked all at once."""
        asked: list[tuple[str, Any]] = []
        for name in operators:
            ref = self.find(name)
            asked.append((name, None if ref is None else _begin(ref)))
        return [_status(name, future) for name, future in asked]


def _begin(ref: Ref) -> Any:
    try:
        return ref.ask(Status(), block=False)
    except (pykka.ActorDeadError, SupervisionError):
        return None


def _status(name: str, future: Any) -> dict[str, Any]:
    try:
        status = None if future is None else future.get(timeout=_GLANCE)
    except (pykka.ActorDeadError, pykka.Timeout, SupervisionError):
        status = None
    if not isinstance(status, OperatorStatus):
        return {"skill": name, "alive": False}
    return {
        "skill": name,
        "alive": True,
        "state": status.state,
        "iteration": status.iteration,
        "running": status.running,
        "notifications": status.notifications,
    }
