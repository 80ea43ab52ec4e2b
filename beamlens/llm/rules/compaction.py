"""Sum up a conversation without a model: what was done, what was said of it, and every id, word for word."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from beamlens.llm.model import Message, ModelRequest
from beamlens.llm.rules.conversation import exchanges
from beamlens.llm.rules.drills import problem_of
from beamlens.llm.rules.words import clean, shorten

__all__ = ["sum_up"]

_ID = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{16}(?:[0-9a-f]{16})?(?![0-9A-Za-z])")
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
    """Return a summary of the conversation in `request.messages`."""
    past = exchanges(request.messages)
    counted = Counter(exchange.call.name for exchange in past)
    calls = ", ".join(f"{name} {times}x" for name, times in sorted(counted.items())) or "none"
    lines = [
        "Summed up by rules, without a model.",
        f"Tools called: {calls}.",
        *list(_steps(request))[-_MOST_LINES:],
        f"Ids: {', '.join(_ids(request.messages)) or 'none'}.",
    ]
    return "\n".join(lines)


def _steps(request: ModelRequest) -> Iterator[str]:
    for exchange in exchanges(request.messages):
        fields = _TELLING.get(exchange.call.name, ())
        told = "; ".join(
            f"{name}: {exchange.call.arguments[name]}" for name in fields if name in exchange.call.arguments
        )
        failed = "" if exchange.succeeded else f" failed: {problem_of(exchange)}"
        if told or failed:
            yield shorten(clean(f"- {exchange.call.name} {told}{failed}"), _LONGEST_LINE)


def _ids(messages: tuple[Message, ...]) -> list[str]:
    """Return every id of snapshots, notifications and runs, each once, in the order in which they appear."""
    found: dict[str, None] = {}
    for message in messages:
        texts = [message.text, *map(str, message.call.arguments.values())] if message.call else [message.text]
        for text in texts:
            found.update(dict.fromkeys(_ID.findall(text)))
    return list(found)
