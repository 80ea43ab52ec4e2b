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

    Args:
        messages: oldest first. Consecutive ones of a side become one turn; a result whose call is gone becomes text.
    """
    turns: list[Turn] = []
    for message in messages:
        is_user = message.role == "user"
        if not turns or turns[-1].is_user != is_user:
            turns.append(Turn(is_user))
        _add(turns, message)
    turns = [turn for turn in turns if turn.is_user or turn.texts or turn.calls]
    return _answered(_framed(_merged(turns)))


def _add(turns: list[Turn], message: Message) -> None:
    turn = turns[-1]
    if message.call is not None and not turn.is_user:
        call = message.call
        turn.calls.append(ToolCall(_plain(call.id), call.name, call.arguments))
    if message.answers is not None and turn.is_user:
        number = _plain(message.answers)
        asked = {call.id for call in turns[-2].calls} if len(turns) > 1 else set()
        if number in asked - {result.call_id for result in turn.results}:
            turn.results.append(Result(number, message.text or _EMPTY, message.is_error))
        else:
            turn.texts.append(message.text or _EMPTY)
    elif message.text.strip():
        turn.texts.append(message.text)
    if turn.is_user:
        turn.images.extend(message.images)


def _plain(number: str) -> str:
    """Return an id as every provider takes it."""
    return _FOREIGN.sub("_", number) or "_"


def _merged(turns: list[Turn]) -> list[Turn]:
    """Join neighbours of one side, where an empty turn between them was left out."""
    merged: list[Turn] = []
    for turn in turns:
        if merged and merged[-1].is_user == turn.is_user:
            last = merged[-1]
            last.texts += turn.texts
            last.calls += turn.calls
            last.results += turn.results
            last.images += turn.images
        else:
            merged.append(turn)
    return merged


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
