"""What a member knows of its group, kept outside of its parts: whether it is elected, and how to reach the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import pykka

from beamlens.errors import (
    BeamlensError,
    ConfigurationError,
    DeadlineExceeded,
    ModelFailed,
    RunCancelled,
    SkillError,
    UnknownOperator,
)
from beamlens.nodes.hub import Hub, Node
from beamlens.nodes.link import Link, LinkLost
from beamlens.nodes.messages import Trouble
from beamlens.probe.messages import NodeInfo

__all__ = ["Place", "Question", "Seat"]

Place = Literal["seeking", "elected", "joined"]
Question = Callable[[Any, float | None], Any]

_PATIENCE: Final = 15.0  # seconds to wait for a place, while another is being elected
_AGAIN: Final = 0.05
_SLOWEST: Final = 2.0
_LOSSES: Final = 3  # elected processes that may die of one question
_RAISED: Final[Mapping[str, type[BeamlensError]]] = {
    kind.__name__: kind for kind in (ConfigurationError, DeadlineExceeded, ModelFailed, RunCancelled, UnknownOperator)
}


class Seat:
    """Hold a member's place in its group. Any thread.

    Args:
        group: its name.
        own: this process.
        questions: what may be asked of the elected one, by name: functions of what the question carries, and of the
            seconds that it may take.
    """

    def __init__(self, group: str, own: NodeInfo, questions: Mapping[str, Question]) -> None:
        self.group = group
        self._ended = False
        self._own = own
        self._questions = questions
        self._changed = threading.Condition()
        self._hub: Hub | None = None
        self._link: Link | None = None

    # -- what the member says -------------------------------------------------------------------

    def lead(self, hub: Hub) -> None:
        """Say that this process is the elected one, and its tree runs."""
        self._change(hub, None)

    def join(self, link: Link, name: str) -> None:
        """Say that this process has joined another, by a name that may not be the one it gave."""
        with self._changed:
            self._own = NodeInfo(name, self._own.pid)
        self._change(None, link)

    def leave(self) -> None:
        """Say that this process has no place now."""
        self._change(None, None)

    def end(self) -> None:
        """Say that this process looks for no place any more: nobody is to wait for one."""
        self._change(None, None, ended=True)

    def _change(self, hub: Hub | None, link: Link | None, *, ended: bool = False) -> None:
        with self._changed:
            self._hub, self._link, self._ended = hub, link, ended
            self._changed.notify_all()

    # -- what the other parts ask ---------------------------------------------------------------

    @property
    def place(self) -> Place:
        """Where this process stands."""
        return "elected" if self._hub is not None else "joined" if self._link is not None else "seeking"

    @property
    def own(self) -> NodeInfo:
        """This process."""
        return NodeInfo(self._own.name, self._own.pid, elected=self._hub is not None)

    def others(self) -> list[Node]:
        """Return the nodes that have joined this process; none where it is not elected."""
        hub = self._hub
        return [] if hub is None else hub.nodes()

    def find(self, name: str) -> Node:
        """Return a node by its name.

        Raises:
            SkillError: there is none.
        """
        hub = self._hub
        if hub is None:
            raise SkillError("refused", f"there is no node {name!r:.80}: this process is not the elected one")
        return hub.find(name)

    def nodes(self) -> list[NodeInfo]:
        """Return this process and those that have joined it."""
        return [self.own, *(node.info for node in self.others())]

    def wait_for_place(self, seconds: float = _PATIENCE) -> bool:
        """Wait until this process has a place; tell whether it has."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self.place != "seeking", seconds)
            return self.place != "seeking"

    # -- questions to the elected one -----------------------------------------------------------

    def ask(self, question: str, value: Any = None, timeout: float | None = None) -> Any:
        """Ask the elected process, which may be this one; again of the next, where it is gone before it answers.

        Args:
            question: which one; all of them may be asked twice.
            value: what it needs.
            timeout: seconds; None: as long as it takes.

        Raises:
            pykka.Timeout: the time ran out.
            BeamlensError: as the question raises; or nobody is elected.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        losses, idle_since = 0, time.monotonic()
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            answer = self._ask_once(question, value, left)
            if isinstance(answer, LinkLost):
                losses, idle_since = losses + 1, time.monotonic()
            elif not (isinstance(answer, Trouble) and answer.kind == "unavailable"):
                return _checked(answer)
            # It may be the question that is deadly: not every process of the group is to die of it.
            if self._ended or losses >= _LOSSES or left == 0.0 or time.monotonic() - idle_since >= _PATIENCE:
                raise BeamlensError(f"{question} was not answered by the elected process: {_text_of(answer)}")
            time.sleep(_AGAIN)

    def _ask_once(self, question: str, value: Any, seconds: float | None) -> Any:
        if not self.wait_for_place(_PATIENCE if seconds is None else min(_PATIENCE, seconds)):
            return Trouble("unavailable", f"no process of the group {self.group!r} is elected; try again")
        link = self._link
        if link is None:
            return self._questions[question](value, seconds)
        try:
            return link.ask(question, value, seconds, patience=_SLOWEST).get()
        except LinkLost as error:
            return error


def _text_of(answer: LinkLost | Trouble) -> str:
    return answer.text if isinstance(answer, Trouble) else f"it died, or was lost: {answer}"


def _checked(answer: Any) -> Any:
    if not isinstance(answer, Trouble):
        return answer
    if answer.kind == "timeout":
        raise pykka.Timeout(answer.text)
    raise _RAISED.get(answer.kind, BeamlensError)(answer.text)
