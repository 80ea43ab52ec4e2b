"""What comes of an evaluation: a value, or an error whose text a model can act on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from supervision import wire_value

__all__ = ["KINDS", "ErrorKind", "Evaluation", "SandboxError"]

ErrorKind = Literal[
    "syntax",
    "runtime",
    "instructions",
    "memory",
    "deadline",
    "callback_flood",
    "killed",
    "cancelled",
    "too_large",
    "unavailable",
    "refused",
]

KINDS: Final[dict[ErrorKind, str]] = {
    "syntax": "the code is no Lua",
    "runtime": "the code raised, or its result cannot be carried",
    "instructions": "it took more instructions than it may",
    "memory": "it took more memory than it may",
    "deadline": "it took more time than it may; its process was killed",
    "callback_flood": "it called callbacks more often than it may; its process was killed",
    "killed": "its process died",
    "cancelled": "the caller cancelled it; its process was killed",
    "too_large": "code, bindings, a result or the kept globals are larger or deeper than they may be",
    "unavailable": "no sandbox could be had; nothing ran, trying again may help",
    "refused": "no code is run here: a defence is missing, or what was given is not text",
}
"""Every kind of error, with one line of meaning."""


@wire_value
@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxError:
    """Say why an evaluation gave no value.

    Args:
        kind: one of `KINDS`.
        text: a sentence or two, without control characters, at most `Limits.error_chars` long.
        line: the line of the code, counted from 1, where there is one.
    """

    kind: ErrorKind
    text: str
    line: int | None = None

    def __str__(self) -> str:
        return self.text


@wire_value
@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Be what came of one evaluation.

    Args:
        ok: whether it gave a value.
        value: None, bool, int, float, str, and lists and dicts (keys are str) of these.
        bindings: the globals that were kept; those that were given where the evaluation failed or kept none.
        error: why there is no value; None where there is one.
        seconds: how long it took, with the start of the sandbox and the callbacks.
        callback_calls: how many callbacks were called.
    """

    ok: bool
    value: Any = None
    bindings: dict[str, Any] = field(default_factory=dict)
    error: SandboxError | None = None
    seconds: float = 0.0
    callback_calls: int = 0
