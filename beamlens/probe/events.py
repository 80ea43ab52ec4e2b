"""What the probe tells of itself."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from beamlens import telemetry
from beamlens.errors import SkillError

__all__ = ["CALL_FAILED", "STARTED", "call_failed", "started"]

STARTED: Final = ("beamlens", "probe", "started")

CALL_FAILED: Final = ("beamlens", "probe", "call_failed")


def started(skills: Sequence[str]) -> None:
    """Tell that the probe runs, and which skills it has begun to start. Never raises."""
    telemetry.emit(STARTED, {}, {"pid": os.getpid(), "skills": list(skills)})


def call_failed(skill: str, call: str, error: SkillError) -> None:
    """Tell that a call of a skill gave no result. Any thread; never raises."""
    telemetry.emit(CALL_FAILED, {}, {"skill": skill, "call": call, "kind": error.kind, "reason": error.text})
