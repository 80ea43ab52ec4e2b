"""A conversation in the order that providers insist on: turns of both sides alternate, and each call is answered.

Compaction, retries and a change of provider leave conversations that are not; here they are mended, and nothing said
is lost.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from beamlens.llm.model import Image, Message, ToolCall

__all__ = ["Result", "Turn", "turns_of"]

_EMPTY = "(empty)"
_NO_RESULT = "(no result of this call is left)"
_GO_ON = "Go on."
_LONGEST_ID = 32  # OpenAI takes 40
_FOREIGN = re.compile(r"[^a-zA-Z0-9_-]")


@dataclass(slots=True)
class Result:
    """Hold what a tool answered."""

    call_id: str
    text: str
    is_error: bool = False


@dataclass(slots=True)
class Turn:
    """Hold what one side said: results of tools first, then texts and images."""

    is_user: bool
    texts: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)


def turns_of(messages: Sequence[Message]) -> list[Turn]:
    """Return the turns: the user's first and last, alternating, each call answered in the turn after it.

    Ids of calls become unique and are written as every provider takes them.

    Args:
        messages: oldest first. Consecutive ones of a side become one turn; a result whose call is gone becomes text.
    """
    turns: list[Turn] = []
    numbers = _Numbers()
    for message in messages:
        is_user = message.role == "user"
        if not is_user and not message.text.strip() and message.call is None:
            continue
        if not turns or turns[-1].is_user != is_user:
            turns.append(Turn(is_user))
            if not is_user:
                numbers.turn()
        if is_user:
            _add_users(turns[-1], message, numbers)
        else:
            _add_assistants(turns[-1], message, numbers)
    return _answered(_framed(turns))


class _Numbers:
    """Keep the ids of calls unique, and know which calls of the last turn are open."""

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._open: list[tuple[str, str]] = []

    def turn(self) -> None:
        self._open = []

    def called(self, given: str) -> str:
        number = plain = _FOREIGN.sub("_", given)[:_LONGEST_ID] or "_"
        suffix = 1
        while number in self._used:
            suffix += 1
            number = f"{plain}_{suffix}"
        self._used.add(number)
        self._open.append((given, number))
        return number

    def answered(self, given: str) -> str | None:
        for place, (asked, number) in enumerate(self._open):
            if asked == given:
                del self._open[place]
                return number
        return None


def _add_users(turn: Turn, message: Message, numbers: _Numbers) -> None:
    text = message.text if message.text.strip() else ""
    number = numbers.answered(message.answers) if message.answers is not None else None
    if number is not None:
        turn.results.append(Result(number, text or _EMPTY, message.is_error))
    elif text:
        turn.texts.append(text)
    turn.images.extend(message.images)


def _add_assistants(turn: Turn, message: Message, numbers: _Numbers) -> None:
    if message.text.strip():
        turn.texts.append(message.text)
    if message.call is not None:
        call = message.call
        turn.calls.append(ToolCall(numbers.called(call.id), call.name, call.arguments))


def _framed(turns: list[Turn]) -> list[Turn]:
    if not turns or not turns[0].is_user:
        turns.insert(0, Turn(is_user=True, texts=[_GO_ON]))
    if not turns[-1].is_user:
        turns.append(Turn(is_user=True, texts=[] if turns[-1].calls else [_GO_ON]))
    return turns


def _answered(turns: list[Turn]) -> list[Turn]:
    for before, turn in itertools.pairwise(turns):
        given = {result.call_id for result in turn.results}
        missing = [call.id for call in before.calls if call.id not in given]
        turn.results += [Result(number, _NO_RESULT, is_error=True) for number in missing]
    for turn in turns:
        if not (turn.texts or turn.calls or turn.results or turn.images):
            turn.texts.append(_EMPTY)
    return turns
