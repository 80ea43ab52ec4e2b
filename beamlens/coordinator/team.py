"""The operators that a run of the coordinator has sent out, each followed on a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pykka

from beamlens.agent.control import Control
from beamlens.domain import Completion, OperatorStatus
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
        crashed: hears (operator, reason) of each death after which an operator goes on.
        control: of the run; ends a wait for an answer.
    """

    def __init__(
        self,
        parts: Parts,
        notify: Ref,
        run_id: str,
        finished: Callable[[Completion], None],
        crashed: Callable[[str, str], None],
        control: Control,
    ) -> None:
        self._parts = parts
        self._notify = notify
        self._run_id = run_id
        self._finished = finished
        self._crashed = crashed
        self._control = control
        self.changed = threading.Condition()

    def find(self, operator: str) -> Ref | None:
        """Return a ref to an operator, None when there is none."""
        return self._parts.find(f"operator:{operator}", seconds=2.0)

    def send(self, operator: str, ref: Ref, reason: dict[str, Any], run_id: str, *, begun: bool = False) -> None:
        """Have an operator run.

        Args:
            operator: its name.
            ref: to it.
            reason: what it should look into.
            run_id: of its run.
            begun: whether the run was begun before, and goes on after a crash of the coordinator.
        """
        invoke = Invoke(run_id=run_id, reason=reason, notify=self._notify.following(), parent=self._run_id)
        follower = threading.Thread(
            target=self._follow, args=(operator, ref, invoke, begun), name=f"beamlens-follow-{operator}", daemon=True
        )
        follower.start()

    def _follow(self, operator: str, ref: Ref, invoke: Invoke, begun: bool) -> None:
        def gone(reason: str, deaths: int) -> Completion:
            why = f"the operator is gone: {reason}"
            return Completion(operator, "crashed", trace_id=invoke.run_id, reason=why, crashes=deaths)

        again = Await(invoke.run_id)
        crashed = partial(self._crashed, operator)
        follower = Follower(ref, invoke, again, Completion, gone, crashed, begun)
        try:
            completion = follower.wait()
        except SupervisionError as error:  # what it is sent cannot travel
            reason = f"{type(error).__name__}: {error}"
            completion = Completion(operator, "crashed", trace_id=invoke.run_id, reason=reason)
        self._finished(completion)
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
        """Ask an operator a question; the answer has `response` or `error`.

        Raises:
            Interrupted: the run is over.
        """
        ref = self.find(operator)
        if ref is None:
            return {"skill": operator, "error": "there is no operator of that name"}
        try:
            future = ref.ask(Question(question, timeout), block=False)
            self._control.sleep(timeout + _GLANCE, lambda: future.done)
            return dict(future.get(timeout=0))
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
