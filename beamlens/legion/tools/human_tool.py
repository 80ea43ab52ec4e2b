"""Ask a person: code waits for the answer, and its clock stands still meanwhile."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, TextIO

from beamlens.domain.ids import new_id
from beamlens.legion.tools.context import current_tool_config
from beamlens.legion.tools.function import ToolError
from beamlens.legion.tools.office import call_application, withdraw

__all__ = ["HUMAN", "HumanDesk", "HumanRequest", "HumanTool", "terminal"]

HUMAN = "human"


class HumanTool:
    """Ask a person a question and wait for the answer.

    The application's side is `legion.start(human=handler)`; see `terminal` and `HumanDesk`. What an agent's
    `tool_config(HumanTool)` may say: `timeout`, seconds to wait (default: any).
    """

    waits_for_others: ClassVar[bool] = True

    def __init__(self, timeout: float | None = None) -> None:
        self._timeout = timeout

    def ask(self, question: str) -> str:
        """Ask a person; returns the answer as text."""
        try:
            answer = call_application(HUMAN, question, timeout=self._timeout or current_tool_config().get("timeout"))
        except ToolError:
            withdraw()  # nobody waits any more: the time is over, or the turn was cancelled
            raise
        if not isinstance(answer, str):
            raise ToolError(f"HumanTool.ask: the answer is of the type {type(answer).__name__}; a text is expected")
        return answer


@dataclass(frozen=True, slots=True)
class HumanRequest:
    """Be a question that waits for a person. In the application.

    Args:
        id: names it.
        question: what the agent asks.
        agent, agent_id: who asks.
    """

    id: str
    question: str
    agent: str
    agent_id: str
    _answers: queue.SimpleQueue[str | None] = field(default_factory=queue.SimpleQueue, repr=False, compare=False)


class HumanDesk:
    """Collect questions for people who answer elsewhere, such as on a web page. Any thread of the application.

        desk = legion.HumanDesk()
        legion.start(human=desk, ...)
        desk.waiting()                  # -> [HumanRequest(...)], for a page to show
        desk.answer(request_id, "yes")  # from the page's handler

    Args:
        notify: called with each new question.
    """

    def __init__(self, notify: Callable[[HumanRequest], object] | None = None) -> None:
        self._notify = notify
        self._lock = threading.Lock()
        self._open: dict[str, HumanRequest] = {}

    def waiting(self) -> list[HumanRequest]:
        """Return the questions that nobody answered yet, oldest first."""
        with self._lock:
            return list(self._open.values())

    def answer(self, request_id: str, text: str) -> bool:
        """Answer a question; False where it is answered or given up already."""
        with self._lock:
            found = self._open.pop(request_id, None)
        if found is None:
            return False
        found._answers.put(text)
        return True

    def withdraw(self, agent_id: str) -> int:
        """Take an agent's questions back, which nobody waits for any more; return how many. Called by the host."""
        with self._lock:
            found = [request for request in self._open.values() if request.agent_id == agent_id]
            for request in found:
                del self._open[request.id]
        for request in found:
            request._answers.put(None)
        return len(found)

    def __call__(self, question: str, about: dict[str, Any], timeout: float | None) -> str:
        """Wait for the answer; called by the host on a thread of its own.

        Raises:
            TimeoutError: nobody answered in time.
        """
        agent, agent_id = str(about.get("agent", "")), str(about.get("agent_id", ""))
        request = HumanRequest(new_id(), question, agent, agent_id)
        with self._lock:
            self._open[request.id] = request
        try:
            if self._notify is not None:
                self._notify(request)
            answer = request._answers.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError(f"nobody answered within {timeout:g} seconds") from None
        finally:
            with self._lock:
                self._open.pop(request.id, None)
        if answer is None:
            raise LookupError("nobody waits for the answer any more")
        return answer


def terminal(
    question: str,
    about: dict[str, Any],
    _timeout: float | None = None,
    *,
    source: TextIO | None = None,
    target: TextIO | None = None,
) -> str:
    """Ask on the terminal: `legion.start(human=legion.terminal)`.

    Raises:
        EOFError: the terminal was closed.
    """
    out = target or sys.stdout
    out.write(f"\n{about.get('agent', 'an agent')} asks: {question}\n> ")
    out.flush()
    line = (source or sys.stdin).readline()
    if not line:
        raise EOFError("the terminal was closed before there was an answer")
    return line.rstrip("\n")
