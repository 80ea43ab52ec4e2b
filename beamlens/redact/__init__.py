"""Secrets taken out of data before it leaves the application, and foreign text made safe to show.

redact = Redactor(keys=["licence_plate"], patterns=[r"ACME-[0-9]{8}"])
redact({"url": "redis://:hunter2@cache", "licence_plate": "B 1"})
# {"url": "redis://:[redacted]@cache", "licence_plate": "[redacted]"}
"""

from __future__ import annotations

from beamlens.redact.fence import fence, visible
from beamlens.redact.mark import DROPPED, REDACTED
from beamlens.redact.redactor import Redactor
from beamlens.redact.shapes import CARD_NUMBER

__all__ = ["CARD_NUMBER", "DROPPED", "REDACTED", "Redactor", "fence", "visible"]
