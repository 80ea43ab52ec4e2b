"""How calls of one function are heard: by `sys.monitoring` from Python 3.12 on, by a wrapper before.

The wrapper takes the function's place in the module or class that holds it, so that calls by a name that somebody
imported before are not seen. Monitoring sees every call, since it watches the code itself.
"""

from __future__ import annotations

import sys
from typing import Final, Protocol

from beamlens.skills.tracing.monitored import MonitoringHook
from beamlens.skills.tracing.session import Session
from beamlens.skills.tracing.wrapped import WrapperHook

__all__ = ["Hook", "hook_for"]

_TOOL_IDS: Final = (4, 3)  # 0, 1, 2 and 5 are for debuggers, coverage, profilers and optimizers


class Hook(Protocol):
    """Hear calls for a session."""

    name: str

    def put(self) -> None:
        """Begin; raise a `SkillError` where that cannot be."""

    def remove(self) -> bool:
        """Put everything back; return whether that could be done."""


def hook_for(session: Session) -> Hook:
    """Return the way that this Python has: monitoring, unless there is none or others have both free tool numbers.

    Args:
        session: hears of each call.
    """
    monitoring = getattr(sys, "monitoring", None)
    free = [] if monitoring is None else [number for number in _TOOL_IDS if monitoring.get_tool(number) is None]
    return MonitoringHook(session, monitoring, free[0]) if free else WrapperHook(session)
