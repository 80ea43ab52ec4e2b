"""What users hold of one operator in a process that has joined another: the operator is in that one."""

from __future__ import annotations

import queue
import threading
from typing import Any, Final, Protocol

from beamlens.domain import Completion, OperatorStatus
from beamlens.operator.messages import Invoke, OperatorConfig
from beamlens.operator_handle import OperatorHandle, RunHandle, invocation
from supervision import ReplyFuture

__all__ = ["Asks", "GroupOperator", "ask_from_loop"]

_GLANCE: Final = 4.0  # seconds that the other process gets to say how an operator stands, which has 2 for that


class Asks(Protocol):
    """Ask the elected process of a group."""

    def ask(self, question: str, value: Any = None, timeout: float | None = None) -> Any:
        """Return the answer of the elected process, which may be this one."""
        ...


class GroupOperator(OperatorHandle):
    """Hold an operator of the elected process. Any thread of the application.

    Args:
        config: the operator's, which is the same in all processes of the group.
        group: asks the elected one.
    """

    def __init__(self, config: OperatorConfig, group: Asks) -> None:
        self.config = config
        self.name = config.name
        self._group = group

    def run(self, context: Any = None, *, timeout: float | None = None, **options: Any) -> Completion:
        """Do as `OperatorHandle.run`; where the elected process dies, the next one begins anew."""
        return self._invoked(invocation(context, options), timeout)

    async def arun(self, context: Any = None, **options: Any) -> Completion:
        """Do as `run`, from an event loop; cancelling the task cancels the run."""
        asked = invocation(context, options)
        return await ask_from_loop(self._group, "invoke", (self.name, asked), (self.name, asked.run_id))  # type: ignore[no-any-return]

    def run_async(self, context: Any = None, **options: Any) -> RunHandle:
        """Begin an investigation and return at once; the handle yields its notifications once it has ended."""
        asked = invocation(context, options)
        outcome, told = ReplyFuture(), queue.SimpleQueue[Any]()

        def follow() -> None:
            try:
                outcome.succeed(self._invoked(asked, None))
            except Exception as error:
                outcome.fail(error)
            told.put(None)

        threading.Thread(target=follow, name=f"beamlens-follow-{self.name}", daemon=True).start()
        return RunHandle(asked.run_id, told, outcome)

    def await_(self, run_id: str | None = None, *, timeout: float | None = None) -> Completion | None:
        """Wait for a run, by default the one that is on; None where there is none."""
        return self._group.ask("await", (self.name, run_id), timeout)  # type: ignore[no-any-return]

    def message(self, text: str, *, timeout: float = 30.0) -> dict[str, Any]:
        """Do as `OperatorHandle.message`."""
        return dict(self._group.ask("message", (self.name, text, timeout), timeout + _GLANCE))

    async def amessage(self, text: str, *, timeout: float = 30.0) -> dict[str, Any]:
        """Do as `message`, from an event loop."""
        import asyncio  # here and not above: a program without an event loop should not import one

        return await asyncio.to_thread(self.message, text, timeout=timeout)

    def status(self) -> OperatorStatus:
        """Return how it stands."""
        return self._group.ask("operator_status", self.name, _GLANCE)  # type: ignore[no-any-return]

    def cancel(self, run_id: str | None = None) -> int:
        """Cancel a run, by default all of them; return how many there were."""
        return int(self._group.ask("cancel", (self.name, run_id), _GLANCE))

    def _invoked(self, asked: Invoke, timeout: float | None) -> Completion:
        return self._group.ask("invoke", (self.name, asked), timeout)  # type: ignore[no-any-return]


async def ask_from_loop(group: Asks, question: str, value: Any, run: tuple[str | None, str]) -> Any:
    """Ask the elected process from an event loop.

    Args:
        group: asks it.
        question, value: as `Asks.ask` has them.
        run: the operator (None: the coordinator) and the run's id, to cancel it with the task.
    """
    import asyncio

    try:
        return await asyncio.to_thread(group.ask, question, value)
    except asyncio.CancelledError:
        # On a thread: the event loop must not wait for another process.
        threading.Thread(target=_cancel, args=(group, run), name="beamlens-cancel", daemon=True).start()
        raise


def _cancel(group: Asks, run: tuple[str | None, str]) -> None:
    import logging

    try:
        group.ask("cancel", run, _GLANCE)
    except Exception as error:
        logging.getLogger("beamlens.nodes").warning("a run could not be cancelled: %s", error)
