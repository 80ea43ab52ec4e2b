"""Values that only an actor imports, never the application."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from supervision import wire_value


class Shade(Enum):
    """Be known where this module is imported."""

    DARK = 1


@wire_value
@dataclass(frozen=True)
class Spot:
    """Be known where this module is imported."""

    x: int


VALUES: Final[dict[str, Any]] = {"enum": Shade.DARK, "dataclass": Spot(1), "deep": ["in", {"it": [Spot(2)]}]}
