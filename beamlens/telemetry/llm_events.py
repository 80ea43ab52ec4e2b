"""The events of calls: to models, of tools, of compaction, and the gateway's."""

from __future__ import annotations

from typing import Final

from beamlens.telemetry.event import Event, event, fields
from beamlens.telemetry.shared_fields import BOTH_TIMES, CALL, DURATION, EXCEPTION, SYSTEM_TIME

__all__ = ["LLM_EVENTS"]

_TOKENS: Final = fields("input_tokens: int", "output_tokens: int", "cache_read_tokens: int", "cache_write_tokens: int")
_COUNT: Final = fields("message_count: int")

LLM_EVENTS: Final[tuple[Event, ...]] = (
    event(
        "llm.start",
        "0.3.1",
        "A model is asked; `context_size` counts the messages that are in the conversation already.",
        CALL,
        "context_size: int",
        measurements=SYSTEM_TIME,
    ),
    event(
        "llm.stop",
        "0.3.1",
        "The model answered; `tool_selected` is `unknown` and `intent` empty where the answer was no usable tool call.",
        CALL,
        "tool_selected: str",
        "intent: str",
        "response: ModelReply | dict | None",
        "context_size?: int",
        measurements=DURATION,
    ),
    event(
        "llm.exception",
        "0.3.1",
        "The call of the model failed.",
        CALL,
        "context_size?: int",
        EXCEPTION,
        measurements=DURATION,
        severity="warning",
    ),
    event(
        "tool.start",
        "0.3.1",
        "A tool is about to run.",
        CALL,
        "tool_name: str",
        "intent: str",
        measurements=SYSTEM_TIME,
    ),
    event(
        "tool.stop",
        "0.3.1",
        "The tool ran; `result` is what the model is told.",
        CALL,
        "tool_name: str",
        "intent: str",
        "result: object",
        measurements=DURATION,
    ),
    event(
        "tool.exception",
        "0.3.1",
        "The tool failed.",
        CALL,
        "tool_name: str",
        "intent?: str",
        EXCEPTION,
        measurements=DURATION,
        severity="warning",
    ),
    event(
        "compaction.start",
        "0.3.1",
        "A conversation grew too long and is being summarised; `config` has `max_tokens` and `keep_last`, no keys.",
        CALL,
        "strategy: str",
        "config: dict",
        measurements=SYSTEM_TIME + _COUNT,
    ),
    event(
        "compaction.stop",
        "0.3.1",
        "The conversation was summarised; `message_count` is what is left.",
        CALL,
        measurements=BOTH_TIMES + _COUNT,
    ),
    event(
        "compaction.exception",
        "ours",
        "The summary failed; the conversation stays as it was.",
        CALL,
        EXCEPTION,
        measurements=DURATION,
        severity="warning",
    ),
    event(
        "llm.usage",
        "ours",
        "The gateway settled one request: its tokens, and its price in US dollars where the model's prices are known.",
        "trace_id: str",
        "caller: str",
        "client: str | None",
        "model: str",
        "failure: str | None",
        "tree?: str",
        measurements=SYSTEM_TIME + _TOKENS + fields("cost_usd?: float | None"),
    ),
    event(
        "gateway.started",
        "ours",
        "The process that talks to the providers started; `clients` are the names in its registry.",
        "pid: int",
        "clients: list[str]",
        "tree?: str",
        measurements=SYSTEM_TIME,
    ),
)
