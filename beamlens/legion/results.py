"""What a turn comes to: a value, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from supervision import wire_value

__all__ = ["MAX_ITERATIONS", "MAX_RETRIES", "Cancelled", "Ok", "Result"]

MAX_ITERATIONS = "reached_max_iterations"
MAX_RETRIES = "reached_max_retries"


@wire_value
@dataclass(frozen=True, slots=True)
class Ok:
    """The turn ended with a value; `value` is of the type of the output schema where that is a class."""

    value: Any = None

    @property
    def ok(self) -> bool:
        """Tell that there is a value."""
        return True


@wire_value
@dataclass(frozen=True, slots=True)
class Cancelled:
    """The turn ended without a value; the agent keeps its conversation and takes further messages.

    Args:
        reason: `reached_max_iterations`, `reached_max_retries`, `rate_limited`, `llm_failed` (trying again cannot
            help: no key, an unknown model), `cancelled`, `deadline`, or `gone` (the agent ended).
        detail: more of it in words.
        data: plain data about it, such as the violated limits.
    """

    reason: str
    detail: str = ""
    data: Any = None

    @property
    def ok(self) -> bool:
        """Tell that there is no value."""
        return False

    @property
    def value(self) -> Any:
        """Raise, as there is none.

        Raises:
            LookupError: always; the text is the reason.
        """
        raise LookupError(f"the turn was cancelled: {self.reason}{': ' if self.detail else ''}{self.detail}")


Result: TypeAlias = Ok | Cancelled
