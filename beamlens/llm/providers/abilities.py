"""What one OpenAI-compatible server can do, and what to leave out next when it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from beamlens.llm.model import ModelFailure
from beamlens.llm.providers.presets import ChoiceMode

__all__ = ["Abilities", "weaker"]

# Statuses that servers use for "I do not know this field"; OpenRouter answers 404 where no model behind it can.
_REFUSALS = (400, 404, 422, 501)

_WEAKER_MODE: dict[ChoiceMode, ChoiceMode] = {"tools": "json_schema", "json_schema": "prompt"}


@dataclass(frozen=True, slots=True)
class Abilities:
    """Say what may be sent.

    Args:
        mode: how a tool call is asked for.
        strict: whether tool schemas are sent as strict.
        parallel_flag: whether `parallel_tool_calls` is sent.
        length_field: how the longest answer is called.
    """

    mode: ChoiceMode
    strict: bool
    parallel_flag: bool
    length_field: Literal["max_tokens", "max_completion_tokens"]

    def weaker_mode(self) -> Abilities | None:
        """Return the same with the next weaker mode, None where there is none."""
        mode = _WEAKER_MODE.get(self.mode)
        return None if mode is None else replace(self, mode=mode, strict=False)


def weaker(abilities: Abilities, failure: ModelFailure) -> Abilities | None:
    """Return what to try next after a refusal, None where the refusal is about something else.

    Args:
        abilities: what the refused request was made with.
        failure: what the server said.
    """
    if failure.status not in _REFUSALS:
        return None
    for words, change in _CHANGES:
        if words.search(failure.text):
            changed = change(abilities)
            if changed is not None and changed != abilities:
                return changed
    return None


def _other_length(abilities: Abilities) -> Abilities:
    other: dict[str, Literal["max_tokens", "max_completion_tokens"]] = {
        "max_tokens": "max_completion_tokens",
        "max_completion_tokens": "max_tokens",
    }
    return replace(abilities, length_field=other[abilities.length_field])


# The order matters: a text about one field often names others.
_CHANGES: tuple[tuple[re.Pattern[str], Callable[[Abilities], Abilities | None]], ...] = (
    (re.compile(r"max_completion_tokens", re.I), _other_length),
    (re.compile(r"parallel_tool_calls", re.I), lambda it: replace(it, parallel_flag=False)),
    (re.compile(r"\bstrict\b|additionalProperties|invalid schema", re.I), lambda it: replace(it, strict=False)),
    (re.compile(r"tool|function|response_format|json_schema|json schema|grammar", re.I), Abilities.weaker_mode),
)
