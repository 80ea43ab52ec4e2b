"""What stands in the place of what was taken out."""

from __future__ import annotations

from typing import Final

__all__ = ["DROPPED", "REDACTED"]

REDACTED: Final = "[redacted]"
DROPPED: Final = "[dropped: redaction failed]"
