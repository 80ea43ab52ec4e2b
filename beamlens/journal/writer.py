"""The owner's side of a journal: what each step added, packed and told to the one who keeps it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pykka

from beamlens.agent.loop import LoopState
from beamlens.journal.journal import Append, Outcome, Unfinished
from beamlens.journal.records import Began, Crashed, Ended, Found, Stepped
from beamlens.llm.model import Message
from supervision import Ref, SupervisionError
from supervision.process.wire import Codec, Limits

__all__ = ["JournalWriter", "codec", "in_a_step", "outcome_of", "unfinished_runs", "unpack_run"]


logger = logging.getLogger("beamlens.journal")


def codec() -> Codec:
    """Return what packs records."""
    return Codec(Limits())


class JournalWriter:
    """Write the journal of one run. The run's thread.

    Args:
        journal: who keeps it; None: nobody.
        owner: who runs: `operator:vm`, `coordinator`.
        run_id: the run.
    """

    def __init__(self, journal: Ref | None, owner: str, run_id: str) -> None:
        self._journal = journal
        self._owner = owner
        self._run_id = run_id
        self._codec = codec()
        self._written: tuple[Message, ...] = ()
        self._torn = False  # whether a record is missing, so that the next must hold all there is

    def began(self, asked: Any, reason: dict[str, Any]) -> None:
        """Write that the run was accepted."""
        self._append(Began(self._owner, self._run_id, asked, time.time(), reason))

    def resumed(self, crashes: int, pid: int, messages: tuple[Message, ...]) -> None:
        """Write that this process took the run over, with the conversation as it was."""
        self._written = messages
        self._append(Crashed(time.time(), crashes, pid))

    def stepped(self, state: LoopState, found: Callable[[bool], Any], crashes: int, seconds: dict[str, float]) -> None:
        """Write what a step added.

        Args:
            state: the loop's.
            found: returns what the owner added; called with True, all it has.
            crashes: how many times the owner's process had died in the run.
            seconds: what the step took.
        """
        messages = state.context.messages
        before = len(self._written)
        grew = messages[:before] == self._written and not self._torn
        added = messages[before:] if grew else messages
        self._written = messages
        scalars = replace(state, context=replace(state.context, messages=()))
        record = Stepped(time.time(), scalars, added, not grew, found(not grew), crashes, seconds)
        self._append(record, anew=not grew)

    def found(self, found: Any, crashes: int) -> None:
        """Write what was found within a step, before anybody is told of it."""
        self._append(Found(time.time(), found, crashes))

    def ended(self, outcome: Any) -> None:
        """Write the run's end; it needs not be resumed any more."""
        if not self._append(Ended(time.time(), outcome), final=True):
            self._append(Ended(time.time(), None), final=True)  # too large to be kept; it ended all the same

    def _append(self, record: Any, *, anew: bool = False, final: bool = False) -> bool:
        if self._journal is None:
            return True
        try:
            body = self._codec.encode(record)
            self._journal.tell(Append(self._owner, self._run_id, body, anew, final))
        except (pykka.ActorDeadError, SupervisionError) as error:
            # The journal is a help, not a condition: the run goes on without.
            logger.warning("a record of run %s is not kept: %s", self._run_id, error)
            self._torn = True
            return False
        self._torn = self._torn and not anew
        return True


def unfinished_runs(journal: Ref, owner: str, timeout: float = 10.0) -> list[list[Any]]:
    """Return the records of each unfinished run of an owner, oldest first; none when the journal does not answer."""
    try:
        found = journal.ask(Unfinished(owner), timeout=timeout)
    except (pykka.ActorDeadError, pykka.Timeout, SupervisionError):
        return []
    unpack = codec()
    return [[unpack.decode(body) for body in bodies] for bodies in found]


def outcome_of(journal: Ref, run_id: str, timeout: float = 10.0) -> Any:
    """Return what came of a run that ended lately, None when nobody knows."""
    try:
        body = journal.ask(Outcome(run_id), timeout=timeout)
    except (pykka.ActorDeadError, pykka.Timeout, SupervisionError):
        return None
    record = None if body is None else codec().decode(body)
    return record.outcome if isinstance(record, Ended) else None


def in_a_step(records: list[Any]) -> bool:
    """Tell whether something was found in a step that was not finished: the conversation knows nothing of it."""
    last = next((record for record in reversed(records) if isinstance(record, Found | Stepped)), None)
    return isinstance(last, Found)


def unpack_run(records: list[Any]) -> tuple[Began, LoopState, list[Any], int]:
    """Return where a run stands: how it began, the loop's state, what each step found, and how often it crashed.

    Args:
        records: of one run, as they were written; the first is its `Began`.
    """
    began = records[0]
    found: list[Any] = []
    state, crashes = LoopState(), 0
    for record in records[1:]:
        if isinstance(record, Stepped):
            messages = record.messages if record.anew else (*state.context.messages, *record.messages)
            state = replace(record.loop, context=replace(record.loop.context, messages=messages))
            found = [record.found] if record.anew else [*found, record.found]
            crashes = record.crashes
        elif isinstance(record, Found):
            found.append(record.found)
            crashes = record.crashes
        elif isinstance(record, Crashed):
            crashes = record.crashes
    return began, state, found, crashes
