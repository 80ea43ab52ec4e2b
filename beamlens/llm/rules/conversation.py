"""Read a conversation: which tools were called, and what came back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from json import JSONDecodeError

from beamlens.llm.model import Message, ToolCall

__all__ = ["Exchange", "exchanges", "read_json"]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A tool call and its result; `text` is None where none came (the operator's process died in between)."""

    call: ToolCall
    text: str | None
    is_error: bool

    @property
    def succeeded(self) -> bool:
        """Tell whether the tool did what it was told."""
        if self.text is None or self.is_error:
            return False
        result = read_json(self.text)
        return not (isinstance(result, dict) and bool(result.get("error")))


def exchanges(messages: Sequence[Message]) -> tuple[Exchange, ...]:
    """Return the calls of a conversation with their results, oldest first."""
    found: list[Exchange] = []
    for message in messages:
        if message.call is not None:
            found.append(Exchange(message.call, None, False))
        elif message.answers is not None:
            place = _asked(found, message.answers)
            if place is not None:
                found[place] = Exchange(found[place].call, message.text, message.is_error)
    return tuple(found)


def _asked(found: Sequence[Exchange], answers: str) -> int | None:
    """Return the latest call of that id: ids may come again after a compaction."""
    for place in range(len(found) - 1, -1, -1):
        if found[place].call.id == answers:
            return place
    return None


def read_json(text: str) -> object:
    """Return the JSON value that a tool's result holds, within a fence too; None where there is none."""
    try:
        return json.loads(text)
    except (JSONDecodeError, RecursionError):
        pass
    starts = [place for place in (text.find("{"), text.find("[")) if place >= 0]
    if not starts:
        return None
    try:
        found: object = json.JSONDecoder().raw_decode(text, min(starts))[0]
    except (JSONDecodeError, RecursionError):
        return None
    return found
