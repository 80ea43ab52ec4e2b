"""Sum up a conversation without a model: what was done, what was said of it, and every id, word for word.

The conversation comes as messages, or as a record in one message in which a call of a tool is a line
`assistant chose <tool> <arguments>`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from beamlens.llm.model import ModelRequest
from beamlens.llm.rules.conversation import exchanges, read_json
from beamlens.llm.rules.drills import problem_of
from beamlens.llm.rules.words import clean, shorten

__all__ = ["sum_up"]

_ID = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{16}(?:[0-9a-f]{16})?(?![0-9A-Za-z])")
_CHOSE = re.compile(r"^assistant chose (\w{1,64}) (\{.*)$", re.MULTILINE)
_TELLING = {  # which tools' arguments matter later, and which of them
    "set_state": ("state", "reason"),
    "send_notification": ("type", "severity", "observation", "snapshot_ids"),
    "produce_insight": ("correlation_type", "summary", "notification_ids"),
    "update_notification_statuses": ("status", "notification_ids"),
    "invoke_operators": ("skills", "context"),
    "execute": ("code",),
}
_MOST_LINES = 60
_LONGEST_LINE = 400


def sum_up(request: ModelRequest) -> str:
    """Return a summary of the conversation in `request.messages`; the ids of `facts` are all in it."""
    steps = [*_called(request), *_recorded(request)]
    counted = Counter(_names(request.facts.get("tools")) or [name for name, _, _ in steps])
    calls = ", ".join(f"{name} {times}x" for name, times in sorted(counted.items())) or "none"
    told = [line for name, arguments, failed in steps if (line := _line(name, arguments, failed))]
    ids = _names(request.facts.get("ids")) or _ids(request)
    return "\n".join(
        [
            "Summed up by rules, without a model.",
            f"Tools called: {calls}.",
            *told[-_MOST_LINES:],
            f"Ids: {', '.join(ids) or 'none'}.",
        ]
    )


Step = tuple[str, Mapping[str, Any], str]


def _called(request: ModelRequest) -> Iterator[Step]:
    for exchange in exchanges(request.messages):
        yield exchange.call.name, exchange.call.arguments, "" if exchange.succeeded else problem_of(exchange)


def _recorded(request: ModelRequest) -> Iterator[Step]:
    for message in request.messages:
        for found in _CHOSE.finditer(message.text if message.call is None else ""):
            arguments = read_json(found[2])
            yield found[1], arguments if isinstance(arguments, dict) else {}, ""


def _line(name: str, arguments: Mapping[str, Any], failed: str) -> str:
    fields = [field for field in _TELLING.get(name, ()) if field in arguments]
    told = "; ".join(f"{field}: {arguments[field]}" for field in fields)
    problem = f" failed: {failed}" if failed else ""
    return shorten(clean(f"- {name} {told}{problem}"), _LONGEST_LINE) if told or problem else ""


def _names(given: object) -> list[str]:
    return [str(one) for one in given] if isinstance(given, list | tuple) else []


def _ids(request: ModelRequest) -> list[str]:
    """Return every id of snapshots, notifications and runs, each once, in the order in which they appear."""
    found: dict[str, None] = {}
    for message in request.messages:
        texts = [message.text, *map(str, message.call.arguments.values())] if message.call else [message.text]
        for text in texts:
            found.update(dict.fromkeys(_ID.findall(text)))
    return list(found)
