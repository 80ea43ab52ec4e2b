"""Which events the demo shows, and in which words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

__all__ = ["SHOWN", "describe"]

_LONGEST: Final = 400
Name = tuple[str, ...]
Words = Callable[[Mapping[str, Any]], str]


def _state(about: Mapping[str, Any]) -> str:
    return f"{about['from']} -> {about['to']}: {about['reason']}"


def _notification(about: Mapping[str, Any]) -> str:
    found = about["notification"]
    return f"{found.severity}: {found.observation}"


def _insight(about: Mapping[str, Any]) -> str:
    found = about["insight"]
    return str(found.root_cause_hypothesis or found.summary)


_OPERATOR: Final[dict[str, Words]] = {
    "run_started": lambda about: "begins to look" + (f": {about['reason']}" if about["reason"] else ""),
    "take_snapshot": lambda about: "takes a snapshot",
    "state_change": _state,
    "execute_start": lambda about: f"runs Lua: {' '.join(about['code'].split())[:70]} ...",
    "execute_error": lambda about: f"its Lua failed: {about['reason']}",
    "notification_sent": _notification,
    "resumed": lambda about: (
        f"died, and goes on in a new process at step {about['iteration']} (deaths: {about['crashes']})"
    ),
    "llm_error": lambda about: f"the model failed: {about['reason']}",
    "run_stopped": lambda about: f"is done: {about['ending']}, {about['notification_count']} found",
}
_COORDINATOR: Final[dict[str, Words]] = {
    "run_started": lambda about: "is asked",
    "invoke_operators": lambda about: f"asks {', '.join(about['skills'])}",
    "operator_crashed": lambda about: f"is told that {about['skill']} died",
    "insight_produced": _insight,
    "llm_error": lambda about: f"the model failed: {about['reason']}",
    "run_stopped": lambda about: f"is done: {about['ending']}",
}

SHOWN: Final[dict[Name, Words]] = {
    **{("beamlens", "operator", name): words for name, words in _OPERATOR.items()},
    **{("beamlens", "coordinator", name): words for name, words in _COORDINATOR.items()},
}
"""The events that are shown, with what makes words of their metadata."""


def describe(name: Name, about: Mapping[str, Any]) -> dict[str, str]:
    """Return an event as who did what, in plain words.

    Args:
        name: one of `SHOWN`.
        about: its metadata.
    """
    who = str(about.get("operator") or name[1])
    return {"who": who, "event": name[2], "text": " ".join(SHOWN[name](about).split())[:_LONGEST]}
