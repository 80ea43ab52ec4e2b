"""What a skill saw at one moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from beamlens.domain.ids import new_id, now
from supervision import wire_value

__all__ = ["Snapshot"]


@wire_value
@dataclass(frozen=True, slots=True)
class Snapshot:
    """Hold what a skill's `snapshot()` returned, redacted.

    Args:
        data: plain data.
        id: names it; evidence of notifications refers to it.
        captured_at: when, in UTC.
        skill: the skill's id.
    """

    data: dict[str, Any]
    skill: str = ""
    id: str = field(default_factory=new_id)
    captured_at: datetime = field(default_factory=now)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        return {
            "id": self.id,
            "skill": self.skill,
            "captured_at": self.captured_at.isoformat(),
            "data": self.data,
        }
