"""Messages that supervision itself sends to actors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from supervision.exits import ExitReason

__all__ = ["Down", "Exit"]


@dataclass(frozen=True, slots=True)
class Down:
    """Tell the owner of a monitor that the watched actor is gone.

    Args:
        ref: the actor that was watched.
        reason: how it ended; `noproc` when it was gone already.
        monitor: what `monitor()` returned.
    """

    ref: Any
    reason: ExitReason
    monitor: int


@dataclass(frozen=True, slots=True)
class Exit:
    """Tell an actor that traps exits that an actor linked to it ended.

    Args:
        ref: the actor that ended.
        reason: how it ended.
    """

    ref: Any
    reason: ExitReason
